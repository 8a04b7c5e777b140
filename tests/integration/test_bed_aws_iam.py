"""Correction 9: who may do what, and how AWS says no."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.bed.bed import Facts
from tests.support.aws import Aws, Json, a_caller, code, refusal

ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(*actions: str, resource: object = "*", **more: object) -> Json:
    return {"Sid": "one", "Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def said(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer: Any = refused.value.response
    return answer["Error"]["Message"]


@pytest.fixture
def outside(aws: Facts) -> Aws:
    """Somebody without a policy, who may do anything."""
    return Aws(aws)


@pytest.fixture
def bound(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def name(bound: Aws) -> str:
    return f"iam/{bound.caller.lower()}"


def test_secrets_manager_says_400_access_denied_exception_and_names_action_and_resource(outside: Aws, bound: Aws, name: str) -> None:
    outside.secretsmanager().create_secret(Name=name, SecretString="x")
    bound.control.policy(policy(allow("secretsmanager:DescribeSecret")))
    client = bound.secretsmanager()
    assert client.describe_secret(SecretId=name)["Name"] == name
    assert code(client.get_secret_value, SecretId=name) == "AccessDeniedException"
    who = f"User: arn:aws:iam::{bound.account}:user/{bound.caller}"
    why = "because no identity-based policy allows the secretsmanager:GetSecretValue action"
    assert said(client.get_secret_value, SecretId=name) == (
        f"{who} is not authorized to perform: secretsmanager:GetSecretValue on resource: {name} {why}"
    )
    assert said(client.list_secrets) == (
        f"{who} is not authorized to perform: secretsmanager:ListSecrets "
        "because no identity-based policy allows the secretsmanager:ListSecrets action"
    )


def test_a_deny_says_so(outside: Aws, bound: Aws, name: str) -> None:
    outside.secretsmanager().create_secret(Name=name, SecretString="x")
    bound.control.policy(policy(ANY, {"Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}))
    assert said(bound.secretsmanager().get_secret_value, SecretId=name).endswith("with an explicit deny in an identity-based policy")


def test_the_other_services_say_403_access_denied_each_in_its_way(outside: Aws, bound: Aws) -> None:
    url = outside.sqs().create_queue(QueueName=bound.caller)["QueueUrl"]
    bound.control.policy(policy(allow("secretsmanager:*")))
    assert refusal(bound.rds().describe_db_instances, DBInstanceIdentifier="orders") == (403, "AccessDenied")
    assert f"rds:DescribeDBInstances on resource: arn:aws:rds:{bound.region}:{bound.account}:db:orders because" in said(
        bound.rds().describe_db_instances, DBInstanceIdentifier="orders"
    )
    assert refusal(bound.sqs().receive_message, QueueUrl=url) == (403, "AccessDenied")
    assert "sqs:receivemessage" in said(bound.sqs().receive_message, QueueUrl=url)
    role = "arn:aws:iam::210987654321:role/nobody-made-it"
    assert refusal(bound.sts().assume_role, RoleArn=role, RoleSessionName="x") == (403, "AccessDenied")
    assert said(bound.sts().assume_role, RoleArn=role, RoleSessionName="x").endswith(f"perform: sts:AssumeRole on resource: {role}")


def test_who_one_is_needs_no_right(bound: Aws) -> None:
    bound.control.policy(policy(allow("sqs:*")))
    assert bound.sts().get_caller_identity()["Account"] == bound.account


def test_the_secret_s_own_arn_tags_and_function_are_what_a_policy_meets(outside: Aws, bound: Aws, name: str) -> None:
    arn = outside.secretsmanager().create_secret(Name=name, SecretString="x", Tags=[{"Key": "team/of", "Value": "shop"}])["ARN"]
    for condition, resource in (
        ({}, arn),
        ({}, f"arn:aws:secretsmanager:{bound.region}:{bound.account}:secret:{name}-??????"),
        ({"StringEquals": {"aws:ResourceTag/team/of": "shop"}}, "*"),
    ):
        bound.control.policy(policy(allow("secretsmanager:DescribeSecret", resource=resource, Condition=condition)))
        assert bound.secretsmanager().describe_secret(SecretId=name)["ARN"] == arn
    bound.control.policy(policy(allow("secretsmanager:DescribeSecret", resource=arn[:-7])))
    assert code(bound.secretsmanager().describe_secret, SecretId=name) == "AccessDeniedException"


@pytest.mark.parametrize("allowed", ["", "-??????", "*"])
def test_a_secret_that_is_not_there_is_asked_for_with_and_without_an_ending(allowed: str, bound: Aws, name: str) -> None:
    arn = f"arn:aws:secretsmanager:{bound.region}:{bound.account}:secret:{name}"
    bound.control.policy(policy(allow("secretsmanager:DescribeSecret", resource=f"{arn}{allowed}")))
    expected = "ResourceNotFoundException" if allowed == "*" else "AccessDeniedException"
    assert code(bound.secretsmanager().describe_secret, SecretId=name) == expected


def test_tags_at_a_creation_need_a_right_of_their_own(bound: Aws, name: str) -> None:
    bound.control.policy(policy(allow("secretsmanager:CreateSecret")))
    client, tags = bound.secretsmanager(), [{"Key": "a", "Value": "b"}]
    assert code(client.create_secret, Name=name, SecretString="x", Tags=tags) == "AccessDeniedException"
    assert "secretsmanager:TagResource" in said(client.create_secret, Name=name, SecretString="x", Tags=tags)
    client.create_secret(Name=name, SecretString="x")


@pytest.mark.parametrize(("action", "works"), [("kms:Encrypt", False), ("kms:Decrypt", True)])
def test_a_key_of_one_s_own_needs_rights_of_its_own(action: str, works: bool, outside: Aws, bound: Aws, name: str) -> None:
    key = outside.client("kms").create_key()["KeyMetadata"]["Arn"]
    outside.secretsmanager().create_secret(Name=name, SecretString="x", KmsKeyId=key)
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{bound.region}.amazonaws.com"}}
    bound.control.policy(policy(allow("secretsmanager:GetSecretValue"), allow(action, resource=key, Condition=via)))
    if works:
        assert bound.secretsmanager().get_secret_value(SecretId=name)["SecretString"] == "x"
    else:
        assert said(bound.secretsmanager().get_secret_value, SecretId=name) == "Access to KMS is not allowed"


def test_a_rotation_needs_the_right_to_invoke_its_function(outside: Aws, bound: Aws, name: str) -> None:
    outside.secretsmanager().create_secret(Name=name, SecretString=json.dumps({"password": "x"}))
    function = outside.control.function(outside.function_arn(bound.caller), "honest", pause=0)
    asked: Json = {"SecretId": name, "RotationLambdaARN": function, "RotateImmediately": False}
    bound.control.policy(policy(allow("secretsmanager:RotateSecret")))
    assert f"lambda:InvokeFunction on resource: {function}" in said(bound.secretsmanager().rotate_secret, **asked)
    narrow = {"ArnLike": {"secretsmanager:RotationLambdaARN": function}}
    bound.control.policy(policy(allow("secretsmanager:RotateSecret", Condition=narrow), allow("lambda:InvokeFunction", resource=function)))
    bound.secretsmanager().rotate_secret(**asked)


def test_a_batch_of_deletes_needs_the_right_to_delete(outside: Aws, bound: Aws) -> None:
    url = outside.sqs().create_queue(QueueName=bound.caller)["QueueUrl"]
    bound.control.policy(policy(allow("sqs:DeleteMessage", resource=f"arn:aws:sqs:{bound.region}:{bound.account}:{bound.caller}")))
    bound.sqs().delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": "none"}])


def test_what_was_asked_is_told_with_who_allowed_it(outside: Aws, bound: Aws, name: str) -> None:
    arn = outside.secretsmanager().create_secret(Name=name, SecretString="x")["ARN"]
    bound.control.policy(policy(allow("secretsmanager:DescribeSecret")))
    for _ in range(2):
        bound.secretsmanager().describe_secret(SecretId=name)
    code(bound.secretsmanager().get_secret_value, SecretId=arn)
    told = [(one["action"], one["resource"], one["allowed"], one["by"], one["times"]) for one in bound.control.rights()]
    assert told == [("secretsmanager:DescribeSecret", arn, True, ["one"], 2), ("secretsmanager:GetSecretValue", arn, False, [], 1)]


def test_a_policy_that_is_not_evaluated_in_full_is_refused(bound: Aws) -> None:
    with pytest.raises(ValueError, match="NumericEquals"):
        bound.control.policy(policy(allow("*", Condition={"NumericEquals": {"aws:MultiFactorAuthAge": "1"}})))


# roles are IAM's


def given_role(aws: Aws, trust: Json, *statements: Json) -> str:
    iam, name = aws.client("iam"), a_caller()
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(trust)))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=json.dumps(policy(*statements)))
    return arn


def test_a_session_has_the_rights_of_its_role(outside: Aws, bound: Aws, name: str) -> None:
    outside.secretsmanager().create_secret(Name=name, SecretString="x")
    trust = {"Effect": "Allow", "Principal": {"AWS": bound.account}, "Action": "sts:AssumeRole"}
    role = given_role(outside, trust, allow("secretsmanager:DescribeSecret"))
    keys: Any = bound.sts().assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    client = bound.client("secretsmanager", keys)
    assert client.describe_secret(SecretId=name)["Name"] == name
    who = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    assert said(client.get_secret_value, SecretId=name).startswith(f"User: {who}/session is not authorized")


def test_a_role_lets_in_whom_it_trusts_with_the_external_id_and_tags_that_it_wants(outside: Aws, bound: Aws) -> None:
    who = {"AWS": f"arn:aws:iam::{bound.account}:user/{bound.caller}"}
    trust = {"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "e"}}}
    role = given_role(outside, trust, allow("sqs:*"))
    asked: Json = {"RoleArn": role, "RoleSessionName": "x"}
    assert bound.sts().assume_role(**asked, ExternalId="e")["Credentials"]
    assert refusal(bound.sts().assume_role, **asked) == (403, "AccessDenied")
    assert refusal(outside.sts().assume_role, **asked, ExternalId="e") == (403, "AccessDenied")
    assert "sts:TagSession" in said(bound.sts().assume_role, **asked, ExternalId="e", Tags=[{"Key": "a", "Value": "b"}])


def a_token(**claims: object) -> str:
    """A ServiceAccount's token, whose signature nobody checks here."""
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims, {}))


def test_a_pod_s_token_opens_the_role_that_names_its_service_account(outside: Aws) -> None:
    provider = f"arn:aws:iam::{outside.account}:oidc-provider/oidc.example/1"
    meant = {"StringEquals": {"oidc.example/1:sub": "system:serviceaccount:ops:op", "oidc.example/1:aud": "sts.amazonaws.com"}}
    trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": meant}
    role = given_role(outside, trust, allow("secretsmanager:ListSecrets"))
    token = a_token(iss="https://oidc.example/1", sub="system:serviceaccount:ops:op", aud=["sts.amazonaws.com"])
    asked: Json = {"RoleArn": role, "RoleSessionName": "x"}
    keys: Any = outside.sts().assume_role_with_web_identity(**asked, WebIdentityToken=token)["Credentials"]
    outside.client("secretsmanager", keys).list_secrets()
    assert outside.control.ask("GET", "calls", caller=role)["counts"] == {"secretsmanager.ListSecrets": {"OK": 1}}
    other = a_token(iss="https://oidc.example/1", sub="system:serviceaccount:shop:op", aud=["sts.amazonaws.com"])
    assert refusal(outside.sts().assume_role_with_web_identity, **asked, WebIdentityToken=other) == (403, "AccessDenied")


def test_pod_identity_opens_a_role_and_its_tags_cannot_be_set_again(outside: Aws) -> None:
    meant = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "ops"}}
    actions = ["sts:AssumeRole", "sts:TagSession"]
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": actions, "Condition": meant}
    role = given_role(outside, trust, allow("sts:*"))
    with pytest.raises(ValueError, match="not authorized"):
        outside.control.pod_identity(role, kubernetes_namespace="shop")
    given = outside.control.pod_identity(role, kubernetes_namespace="ops")
    keys = {"AccessKeyId": given["AccessKeyId"], "SecretAccessKey": given["SecretAccessKey"], "SessionToken": given["Token"]}
    sts, asked = outside.client("sts", keys), {"RoleArn": "arn:aws:iam::210987654321:role/x", "RoleSessionName": "x"}
    assert sts.assume_role(**asked, Tags=[{"Key": "kubernetes-cluster", "Value": "c"}])["Credentials"]
    assert refusal(sts.assume_role, **asked, Tags=[{"Key": "kubernetes-namespace", "Value": "shop"}])[1] == "InvalidParameterValue"
