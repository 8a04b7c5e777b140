"""The documents that come from the table of rights, judged by the bed's evaluator: what they allow, and what not."""

from typing import Any

import boto3
import pytest

from rotated_rds.model.errors import Refused
from rotated_rds.model.iam import METHODS, RIGHTS, STATEMENTS, Need, Wanted, policy
from rotated_rds.model.policies import (
    MANAGED_LIMIT,
    Request,
    Site,
    by_prefix,
    by_resources,
    queue_arn,
    size,
    trust_irsa,
    trust_pod_identity,
    trust_role,
)
from rotated_rds.model.secret import ADOPT_TAG, OWNER_TAG
from rotated_rds.model.spec import Spec, parse_spec
from tests.bed.aws.iam import Check, decide, read, trusts

SITE = Site("eu-west-1", "123456789012")
FUNCTION = SITE.arn("lambda", "function:rotate")
KEY = SITE.arn("kms", "key/1")
ROLE = "arn:aws:iam::210987654321:role/db"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/rotated"
OURS, THEIRS = {f"aws:ResourceTag/{OWNER_TAG}": "prod/shop/db"}, {f"aws:ResourceTag/{OWNER_TAG}": "other/shop/db"}
NAMING_US = {f"aws:RequestTag/{OWNER_TAG}": "prod/shop/db"}
OFFERED = {f"aws:ResourceTag/{ADOPT_TAG}": "prod/shop/db"}
BY_US = {"secretsmanager:RotationLambdaARN": FUNCTION}
VIA = {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
WHOLE = Request(METHODS, SITE, "k1/", "prod", functions=(FUNCTION,), keys=(KEY,), queue=QUEUE, roles=(ROLE,))


def secret(name: str, ending: str = "-AbCdEf") -> str:
    return SITE.arn("secretsmanager", f"secret:{name}{ending}")


def allowed(wanted: Wanted, action: str, resource: str, **context: str) -> bool:
    return decide(read(policy(wanted)), Check(action, resource, context)).allowed


def test_every_row_stands_in_a_statement_that_is_there_and_every_statement_has_rows() -> None:
    assert {right.statement for right in RIGHTS} == set(STATEMENTS)
    assert len({(right.action, right.statement) for right in RIGHTS}) == len(RIGHTS)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("secretsmanager:ListSecrets", "*", {}),
        ("secretsmanager:DescribeSecret", secret("k1/shop/db", ""), {}),
        ("secretsmanager:GetSecretValue", secret("k1/shop/db"), {}),
        ("secretsmanager:CreateSecret", secret("k1/shop/db"), NAMING_US),
        ("secretsmanager:TagResource", secret("k1/shop/db"), NAMING_US),
        ("secretsmanager:TagResource", secret("k1/shop/db"), {**NAMING_US, **THEIRS, **OFFERED}),
        ("secretsmanager:TagResource", secret("k1/shop/db"), OURS),
        ("secretsmanager:PutSecretValue", secret("k1/shop/db"), OURS),
        ("secretsmanager:RotateSecret", secret("k1/shop/db"), {**OURS, **BY_US}),
        ("lambda:InvokeFunction", FUNCTION, {}),
        ("rds:DescribeDBInstances", SITE.arn("rds", "db:orders"), {}),
        ("kms:Decrypt", KEY, VIA),
        ("sqs:DeleteMessage", SITE.arn("sqs", "rotated"), {}),
        ("sts:TagSession", ROLE, {}),
    ],
)
def test_the_whole_policy_allows(action: str, resource: str, context: dict[str, str]) -> None:
    assert allowed(by_prefix(WHOLE), action, resource, **context)


FORBIDDEN: dict[str, tuple[str, str, dict[str, str]]] = {
    "to read outside the prefix": ("secretsmanager:GetSecretValue", secret("k2/shop/db"), {}),
    "to read in another account": ("secretsmanager:GetSecretValue", secret("k1/a").replace("123456789012", "210987654321"), {}),
    "to create outside the prefix": ("secretsmanager:CreateSecret", secret("k2/shop/db"), NAMING_US),
    "to create without its tag": ("secretsmanager:CreateSecret", secret("k1/shop/db"), {}),
    "to create in another's name": ("secretsmanager:CreateSecret", secret("k1/shop/db"), {f"aws:RequestTag/{OWNER_TAG}": "other/a/b"}),
    "to write to what nobody owns": ("secretsmanager:PutSecretValue", secret("k1/shop/db"), {}),
    "to write to what another cluster owns": ("secretsmanager:PutSecretValue", secret("k1/shop/db"), THEIRS),
    "to take what another cluster owns": ("secretsmanager:TagResource", secret("k1/shop/db"), {**NAMING_US, **THEIRS}),
    "to untag what another cluster owns": ("secretsmanager:UntagResource", secret("k1/shop/db"), {**THEIRS, **OFFERED}),
    "to restore what another cluster owns": ("secretsmanager:RestoreSecret", secret("k1/shop/db"), THEIRS),
    "to rotate with another function": (
        "secretsmanager:RotateSecret",
        secret("k1/a"),
        {**OURS, "secretsmanager:RotationLambdaARN": KEY},
    ),
    "to delete": ("secretsmanager:DeleteSecret", secret("k1/shop/db"), OURS),
    "to change a resource policy": ("secretsmanager:PutResourcePolicy", secret("k1/shop/db"), OURS),
    "to change a database": ("rds:ModifyDBInstance", SITE.arn("rds", "db:orders"), {}),
    "to use the key by itself": ("kms:Decrypt", KEY, {}),
    "to send to the queue": ("sqs:SendMessage", SITE.arn("sqs", "rotated"), {}),
    "to read another queue": ("sqs:ReceiveMessage", SITE.arn("sqs", "other"), {}),
    "to assume another role": ("sts:AssumeRole", "arn:aws:iam::210987654321:role/admin", {}),
}


@pytest.mark.parametrize(("action", "resource", "context"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_whole_policy_does_not_allow(action: str, resource: str, context: dict[str, str]) -> None:
    assert not allowed(by_prefix(WHOLE), action, resource, **context)


def actions(asked: Request) -> set[str]:
    document = read(policy(by_prefix(asked)))
    return {action for rule in document for action in rule.actions}


READS = {
    "secretsmanager:ListSecrets",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:ListSecretVersionIds",
}
RDS = {"rds:DescribeDBInstances", "rds:DescribeDBClusters"}
CHANGES = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
OWNS = {f"secretsmanager:{action}" for action in ("CreateSecret", "TagResource", "UntagResource", "UpdateSecret", "RestoreSecret")}


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Need.EXTERNAL, READS | RDS),
        (Need.OPERATOR, READS | RDS | OWNS | CHANGES | {"secretsmanager:CancelRotateSecret"}),
        (
            Need.LAMBDA,
            READS
            | RDS
            | OWNS
            | CHANGES
            | {"secretsmanager:RotateSecret"}
            | {f"lambda:{action}" for action in ("InvokeFunction", "GetFunctionConfiguration", "GetPolicy")},
        ),
        (Need.RDS_MANAGED, READS | RDS | {"secretsmanager:RotateSecret"}),
        (
            Need.FUNCTION,
            READS - {"secretsmanager:ListSecrets"} | {f"secretsmanager:{a}" for a in ("PutSecretValue", "UpdateSecretVersionStage")},
        ),
    ],
)
def test_a_method_has_its_own_rights_and_no_others(method: Need, expected: set[str]) -> None:
    assert actions(Request((method,), SITE, "k1/")) == expected


HOSTED = Request((Need.HOSTED,), SITE, "k1/", "prod", stack_role="stacks")
TO_CLOUDFORMATION = {"iam:PassedToService": "cloudformation.amazonaws.com"}


def test_a_hosted_function_s_rights_reach_our_stacks_and_one_role_for_cloudformation_alone() -> None:
    wanted, role = by_prefix(HOSTED), f"arn:aws:iam::{SITE.account}:role/stacks"
    for action in ("CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "DescribeStackEvents"):
        assert allowed(wanted, f"cloudformation:{action}", SITE.arn("cloudformation", "stack/rotated-rds-rotate/1"))
        assert not allowed(wanted, f"cloudformation:{action}", SITE.arn("cloudformation", "stack/others/1"))
        assert not allowed(by_prefix(WHOLE), f"cloudformation:{action}", SITE.arn("cloudformation", "stack/rotated-rds-rotate/1"))
    assert allowed(wanted, "iam:PassRole", role, **TO_CLOUDFORMATION)
    assert not allowed(wanted, "iam:PassRole", role, **{"iam:PassedToService": "ec2.amazonaws.com"})
    assert not allowed(wanted, "iam:PassRole", f"{role}2", **TO_CLOUDFORMATION)


def test_a_resource_with_a_hosted_function_gets_its_own_stack_and_function() -> None:
    resource = ("shop", "db", spec(rotation={"hostedLambda": {"functionName": "rotate_db"}}))
    wanted = by_resources(HOSTED, [resource])
    assert wanted.functions == (SITE.arn("lambda", "function:rotate_db"),)
    assert all(arn.startswith(SITE.arn("cloudformation", "stack/rotated-rds-rotate-db-")) for arn in wanted.stacks)
    assert not by_resources(HOSTED, [("shop", "db", spec())]).stacks


def test_rds_s_own_secrets_are_rotated_and_read_only_by_who_asks_for_them() -> None:
    master = secret("rds!db-1f0c")
    managed = by_prefix(Request((Need.RDS_MANAGED,), SITE, "k1/"))
    for action in ("GetSecretValue", "RotateSecret"):
        assert allowed(managed, f"secretsmanager:{action}", master)
        assert not allowed(managed, f"secretsmanager:{action}", secret("k1/shop/db"))
        assert not allowed(by_prefix(WHOLE), f"secretsmanager:{action}", master)
    for action in ("PutSecretValue", "UpdateSecret", "TagResource", "UpdateSecretVersionStage", "DeleteSecret"):
        assert not allowed(managed, f"secretsmanager:{action}", master)


FEATURE = {
    Need.REPLICAS: {"ReplicateSecretToRegions", "RemoveRegionsFromReplication"},
    Need.RESOURCE_POLICY: {"GetResourcePolicy", "PutResourcePolicy"},
    Need.DELETION: {"RemoveRegionsFromReplication", "DeleteSecret"},
    Need.FORCE_DELETION: {"RemoveRegionsFromReplication", "DeleteSecret"},
}


@pytest.mark.parametrize(("feature", "more"), FEATURE.items())
def test_a_feature_adds_its_own_rights_on_what_we_own(feature: Need, more: set[str]) -> None:
    plain, with_it = Request((Need.OPERATOR,), SITE, "k1/", "prod"), Request((Need.OPERATOR, feature), SITE, "k1/", "prod")
    assert actions(with_it) - actions(plain) == {f"secretsmanager:{action}" for action in more}
    for action in more:
        assert allowed(by_prefix(with_it), f"secretsmanager:{action}", secret("k1/shop/db"), **OURS)
        assert not allowed(by_prefix(with_it), f"secretsmanager:{action}", secret("k1/shop/db"), **THEIRS)


def test_a_deletion_without_recovery_has_a_right_of_its_own() -> None:
    force = {**OURS, "secretsmanager:ForceDeleteWithoutRecovery": "true"}
    arn = secret("k1/shop/db")
    assert not allowed(by_prefix(Request((Need.DELETION,), SITE, "k1/", "prod")), "secretsmanager:DeleteSecret", arn, **force)
    assert allowed(by_prefix(Request((Need.FORCE_DELETION,), SITE, "k1/", "prod")), "secretsmanager:DeleteSecret", arn, **force)


def test_what_a_resource_asks_for_of_its_secret_is_in_its_policy() -> None:
    life: dict[str, Any] = {
        "replicaRegions": [{"region": "us-west-2", "kmsKeyId": "2"}],
        "resourcePolicy": '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}',
        "deletionPolicy": "Delete",
    }
    spec = parse_spec({"database": {"instance": "orders"}, "user": {"name": "app"}, "secret": life})
    wanted = by_resources(Request(site=SITE, cluster="prod"), [("shop", "db", spec)])
    arn, key = secret("shop/db"), "arn:aws:kms:us-west-2:123456789012:key/2"
    for action in ("ReplicateSecretToRegions", "PutResourcePolicy", "DeleteSecret"):
        assert allowed(wanted, f"secretsmanager:{action}", arn, **OURS)
    assert allowed(wanted, "kms:Encrypt", key, **{"kms:ViaService": "secretsmanager.us-west-2.amazonaws.com"})
    managed = parse_spec({"database": {"cluster": "orders"}, "rotation": {"method": "RDSManaged"}})
    wanted = by_resources(Request(site=SITE, cluster="prod"), [("shop", "db", managed)])
    assert allowed(wanted, "secretsmanager:RotateSecret", secret("rds!cluster-1f0c"))
    assert not allowed(wanted, "secretsmanager:GetSecretValue", secret("rds!db-1f0c"))


def test_nothing_wanted_is_nothing_allowed() -> None:
    assert policy(Wanted())["Statement"] == []


def test_the_whole_policy_fits_into_one_managed_policy() -> None:
    assert size(policy(by_prefix(WHOLE))) <= MANAGED_LIMIT


def test_an_administrator_s_secret_is_read_only_and_only_where_the_prefix_does_not_cover_it() -> None:
    outside = by_prefix(Request((Need.OPERATOR,), SITE, "k1/", admins=("admins/orders",)))
    assert allowed(outside, "secretsmanager:GetSecretValue", secret("admins/orders"))
    assert not allowed(outside, "secretsmanager:PutSecretValue", secret("admins/orders"), **OURS)
    assert by_prefix(Request((Need.OPERATOR,), SITE, "k1/", admins=("k1/rotated-rds-admin/shop/orders",))).admins == ()


def test_a_function_reads_an_administrator_s_secret_that_another_function_rotates_or_none() -> None:
    """By the prefix it reaches what it rotates itself and nothing else, so the administrator's is named whatever it begins with."""
    wanted = by_prefix(Request((Need.FUNCTION,), SITE, "k1/", admins=("k1/admin",), functions=(FUNCTION,)))
    assert allowed(wanted, "secretsmanager:GetSecretValue", secret("k1/admin"))
    assert not allowed(wanted, "secretsmanager:PutSecretValue", secret("k1/admin"))


# for given resources


def spec(**blocks: object) -> Spec:
    return parse_spec({"database": {"instance": "orders"}, "user": {"name": "app"}, **blocks})


RESOURCES = [
    ("shop", "db", spec()),
    ("shop", "by-lambda", spec(rotation={"functionArn": FUNCTION}, database={"cluster": "aurora"})),
    ("shop", "theirs", spec(secret={"name": secret("theirs/db")}, rotation={"method": "External"}, user={})),
    ("far", "db", spec(aws={"roleArn": ROLE, "region": "us-east-1"})),
]


def test_given_resources_get_their_own_secrets_and_no_others() -> None:
    wanted = by_resources(Request(site=SITE, prefix="k1/", cluster="prod"), RESOURCES)
    assert allowed(wanted, "secretsmanager:PutSecretValue", secret("k1/shop/db"), **OURS)
    assert allowed(wanted, "secretsmanager:CreateSecret", secret("k1/shop/db", ""), **NAMING_US)
    assert not allowed(wanted, "secretsmanager:PutSecretValue", secret("k1/shop/other"), **OURS)
    assert allowed(wanted, "secretsmanager:RotateSecret", secret("k1/shop/by-lambda"), **OURS, **BY_US)
    assert not allowed(wanted, "secretsmanager:RotateSecret", secret("k1/shop/db"), **OURS, **BY_US)
    assert allowed(wanted, "secretsmanager:GetSecretValue", secret("theirs/db"))
    assert not allowed(wanted, "secretsmanager:UpdateSecret", secret("theirs/db"), **OURS)
    assert not allowed(wanted, "secretsmanager:GetSecretValue", secret("k1/shop/dbs"))
    assert allowed(wanted, "rds:DescribeDBClusters", SITE.arn("rds", "cluster:aurora"))
    assert not allowed(wanted, "rds:DescribeDBInstances", SITE.arn("rds", "db:aurora"))


def test_a_resource_with_a_role_of_its_own_uses_that_role_s_rights() -> None:
    asked, there = Request(site=SITE, cluster="prod"), Site("us-east-1", "123456789012")
    own, of_role = by_resources(asked, RESOURCES), by_resources(asked, RESOURCES, ROLE)
    theirs = there.arn("secretsmanager", "secret:far/db-AbCdEf")
    assert (allowed(own, "secretsmanager:GetSecretValue", theirs), allowed(of_role, "secretsmanager:GetSecretValue", theirs)) == (
        False,
        True,
    )
    assert (allowed(own, "sts:AssumeRole", ROLE), allowed(of_role, "sts:AssumeRole", ROLE)) == (True, False)


def test_a_key_s_alias_is_refused_and_the_mend_is_named() -> None:
    with pytest.raises(Refused, match="--kms-key"):
        by_resources(Request(site=SITE), [("shop", "db", spec(secret={"kmsKeyId": "alias/rds"}))])


# places


def test_partitions_and_suffixes_are_those_of_the_sdk() -> None:
    session: Any = boto3.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("secretsmanager", partition):
            client = session.client("secretsmanager", region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
            site = Site(region, "1")
            assert (site.partition, f"https://{site.service}") == (partition, client.meta.endpoint_url)


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        (QUEUE, "arn:aws:sqs:eu-west-1:123456789012:rotated"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "arn:aws-cn:sqs:cn-north-1:1:q"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "arn:aws-us-gov:sqs:us-gov-west-1:1:q"),
        ("https://eu-west-1.queue.amazonaws.com/1/q", "arn:aws:sqs:eu-west-1:1:q"),
        ("http://127.0.0.1:4566/1/q", "arn:aws:sqs:eu-west-1:1:q"),
        ("arn:aws:sqs:us-east-1:1:q", "arn:aws:sqs:us-east-1:1:q"),
    ],
)
def test_a_queue_s_url_says_its_arn(url: str, arn: str) -> None:
    assert queue_arn(url, SITE) == arn


def test_a_queue_s_url_without_an_account_is_refused() -> None:
    with pytest.raises(Refused, match="--queue-url"):
        queue_arn("https://sqs.eu-west-1.amazonaws.com/q", SITE)


# trust


def test_irsa_lets_in_the_operator_s_service_account_alone() -> None:
    rules, provider = (
        read(trust_irsa("https://oidc.example/id/1", SITE, "rotated-rds", "op")),
        "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1",
    )

    def lets_in(subject: str, audience: str = "sts.amazonaws.com", who: str = provider) -> bool:
        context = {"oidc.example/id/1:sub": subject, "oidc.example/id/1:aud": audience}
        return trusts(rules, Check("sts:AssumeRoleWithWebIdentity", "arn:aws:iam::123456789012:role/x", context), "Federated", who)

    assert lets_in("system:serviceaccount:rotated-rds:op")
    assert not lets_in("system:serviceaccount:shop:op")
    assert not lets_in("system:serviceaccount:rotated-rds:op", audience="vault")
    assert not lets_in("system:serviceaccount:rotated-rds:op", who=provider.replace("/1", "/2"))


def test_pod_identity_lets_in_the_operator_s_service_account_alone() -> None:
    rules = read(trust_pod_identity("rotated-rds", "op"))

    def lets_in(namespace: str) -> bool:
        context = {"aws:RequestTag/kubernetes-namespace": namespace, "aws:RequestTag/kubernetes-service-account": "op"}
        checks = [Check(action, "arn:aws:iam::1:role/x", context) for action in ("sts:AssumeRole", "sts:TagSession")]
        return all(trusts(rules, check, "Service", "pods.eks.amazonaws.com") for check in checks)

    assert (lets_in("rotated-rds"), lets_in("shop")) == (True, False)


def test_a_role_lets_in_the_operator_with_its_external_id_and_cluster() -> None:
    rules = read(trust_role("arn:aws:iam::1:role/operator", "secret-id", "prod"))

    def lets_in(action: str, who: str = "arn:aws:iam::1:role/operator", **context: str) -> bool:
        return trusts(rules, Check(action, ROLE, context), "AWS", who)

    assert lets_in("sts:AssumeRole", **{"sts:ExternalId": "secret-id"})
    assert not lets_in("sts:AssumeRole")
    assert not lets_in("sts:AssumeRole", who="arn:aws:iam::1:role/other", **{"sts:ExternalId": "secret-id"})
    assert lets_in("sts:TagSession", **{"aws:RequestTag/kubernetes-cluster": "prod"})
    assert not lets_in("sts:TagSession", **{"aws:RequestTag/kubernetes-cluster": "test"})
