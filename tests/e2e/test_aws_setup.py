"""examples/aws/cloudformation.yaml as a stack on the bed: its queue hears of changes, its role carries the operator and nobody else."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rotated_rds.model.iam import METHODS, policy
from rotated_rds.model.policies import Request, Site, by_prefix, trust_irsa, trust_pod_identity
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.paths import REPO
from tests.support.aws import Aws, Queue
from tests.support.databases import set_password
from tests.support.operators import HOME, Operator, install, running
from tests.support.resources import Cluster, a_resource

TEMPLATE = (REPO / "examples/aws/cloudformation.yaml").read_text()
ISSUER = "kubernetes.default.svc"  # the bed's API server's
FIRST, NEW = "first-Passw0rd", "by-hand-Passw0rd"


@dataclass
class Stack:
    """outputs: by name. prefix: of secrets."""

    aws: Aws
    outputs: Mapping[str, str]
    prefix: str

    @classmethod
    def made(cls, aws: Aws, **parameters: str) -> "Stack":
        name, client = f"rotated-rds-{secrets.token_hex(4)}", aws.client("cloudformation")
        given = {"SecretPrefix": f"{name}/", "ClusterName": "bed", "Namespace": HOME, "ServiceAccount": HOME, **parameters}
        client.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return cls(aws, {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}, given["SecretPrefix"])

    @property
    def queue(self) -> Queue:
        url = self.outputs["QueueUrl"]
        return Queue(url, self.attributes(url)["QueueArn"], "")

    def attributes(self, url: str) -> Mapping[str, str]:
        found: Any = self.aws.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found

    @property
    def role(self) -> dict[str, Any]:
        return self.aws.client("iam").get_role(RoleName=self.outputs["RoleArn"].rpartition("/")[2])["Role"]

    @property
    def policy(self) -> dict[str, Any]:
        name = self.outputs["RoleArn"].rpartition("/")[2]
        return self.aws.client("iam").get_role_policy(RoleName=name, PolicyName="rotated-rds")["PolicyDocument"]


@pytest.fixture
def eye(aws: Facts) -> Aws:
    return Aws(aws)


EXTRAS = {
    "FunctionArn": ("functions", "arn:aws:lambda:us-east-1:123456789012:function:rotate-*"),
    "KmsKeyArn": ("keys", "arn:aws:kms:us-east-1:123456789012:key/1"),
    "AdminSecretArn": ("admins", "arn:aws:secretsmanager:us-east-1:123456789012:secret:admins/*"),
    "AssumeRoleArn": ("roles", "arn:aws:iam::210987654321:role/db"),
}


@pytest.mark.parametrize("extras", [(), *((name,) for name in EXTRAS), tuple(EXTRAS)], ids=lambda extras: "+".join(extras) or "plain")
def test_the_stack_s_policy_is_the_command_s(extras: tuple[str, ...], eye: Aws) -> None:
    stack = Stack.made(eye, **{name: EXTRAS[name][1] for name in extras})
    asked = Request(METHODS, Site(eye.region, eye.account), stack.prefix, "bed", queue=stack.queue.arn)
    more: dict[str, Any] = {EXTRAS[name][0]: (EXTRAS[name][1],) for name in extras}
    expected: Any = policy(by_prefix(replace(asked, **more)))
    if "FunctionArn" not in extras:  # the command's default is any function, the stack's is none
        expected["Statement"] = [one for one in expected["Statement"] if one["Sid"] not in ("Rotate", "Invoke", "Preflight")]
    assert stack.policy == expected


def test_the_stack_s_trust_is_the_command_s(eye: Aws) -> None:
    by_pods, by_token = Stack.made(eye), Stack.made(eye, OidcIssuer=ISSUER)
    assert by_pods.role["AssumeRolePolicyDocument"] == trust_pod_identity(HOME, HOME)
    assert by_token.role["AssumeRolePolicyDocument"] == trust_irsa(ISSUER, Site(eye.region, eye.account), HOME, HOME)


def test_the_stack_s_queue_hears_of_its_prefix_and_of_nothing_else(eye: Aws) -> None:
    stack, client = Stack.made(eye), eye.secretsmanager()
    client.create_secret(Name=f"other-{secrets.token_hex(4)}/db", SecretString="x")
    arn = client.create_secret(Name=f"{stack.prefix}shop/db", SecretString="x")["ARN"]
    assert [event["resources"] for event in eye.received(stack.queue)] == [[arn]]
    dead = json.loads(stack.attributes(stack.queue.url)["RedrivePolicy"])
    assert (dead["deadLetterTargetArn"], dead["maxReceiveCount"]) == (stack.attributes(stack.outputs["DeadLettersUrl"])["QueueArn"], 10)


# the operator with the stack's role


def a_token(api: Api, folder: Path, account: str = HOME) -> Path:
    """A real token of a ServiceAccount, for AWS, as a pod finds it projected."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["sts.amazonaws.com"]}}
    made = api.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts/{account}/token", asked)
    file = folder / f"token-{account}"
    file.touch(mode=0o600)
    file.write_text(made["status"]["token"])
    return file


def irsa(api: Api, folder: Path, eye: Aws) -> tuple[Stack, dict[str, str]]:
    stack = Stack.made(eye, OidcIssuer=ISSUER)
    return stack, {"AWS_ROLE_ARN": stack.outputs["RoleArn"], "AWS_WEB_IDENTITY_TOKEN_FILE": str(a_token(api, folder))}


def pod_identity(api: Api, folder: Path, eye: Aws) -> tuple[Stack, dict[str, str]]:
    """The agent on the node is the bed's control interface."""
    del api, folder
    stack = Stack.made(eye)
    tags = f"kubernetes-namespace={HOME}&kubernetes-service-account={HOME}&eks-cluster-name=bed"
    return stack, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{eye.endpoint}/bed/pod-identity?role={stack.outputs['RoleArn']}&{tags}"}


NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.mark.parametrize("way", [irsa, pod_identity], ids=["IRSA", "Pod Identity"])
def test_an_operator_with_the_stack_s_role_and_queue_does_its_whole_job(  # noqa: PLR0917  fixtures
    way: Any, bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts, eye: Aws, tmp_path: Path
) -> None:
    install(api)
    stack, identity = way(api, tmp_path, eye)
    settings = {
        **NO_KEYS,
        **identity,
        "ROTATED_RDS_SECRET_PREFIX": stack.prefix,
        "ROTATED_RDS_QUEUE_URL": stack.outputs["QueueUrl"],
        "ROTATED_RDS_SWEEP_INTERVAL": "1h",
    }
    cluster, user = Cluster(api, namespace), f"u{secrets.token_hex(5)}"
    with running(Operator(bed, Aws(aws), (namespace,), environment=settings)):
        cluster.given_user(postgres, user, FIRST)
        cluster.given_resource(a_resource(namespace, "db", postgres, user))
        cluster.expect_ready("db")
        cluster.annotate("db", rotate="one")
        assert cluster.expect_request("db", "rotate", "one")["result"] == "Done"
        rotated = cluster.content("db")["password"]
        set_password(postgres, user, NEW)
        client, arn = eye.client("secretsmanager"), cluster.status("db")["secretArn"]
        value = client.get_secret_value(SecretId=arn)["SecretString"].replace(rotated, NEW)
        client.put_secret_value(SecretId=arn, SecretString=value)
        cluster.expect("the queue's news is followed", lambda: cluster.content("db")["password"] == NEW)
    rights = eye.control.ask("GET", "rights", caller=stack.outputs["RoleArn"])
    assert {right["action"] for right in rights} >= {"secretsmanager:CreateSecret", "sqs:ReceiveMessage", "secretsmanager:PutSecretValue"}
    assert [right for right in rights if not right["allowed"]] == []


def test_another_service_account_does_not_get_the_stack_s_role(api: Api, eye: Aws, tmp_path: Path) -> None:
    install(api)
    other = f"other-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": other, "namespace": HOME}}
    api.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts", body)
    role = Stack.made(eye, OidcIssuer=ISSUER).outputs["RoleArn"]
    sts: Any = eye.sts()
    assert sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="x", WebIdentityToken=a_token(api, tmp_path).read_text())
    with pytest.raises(ClientError, match="AssumeRoleWithWebIdentity"):
        sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="x", WebIdentityToken=a_token(api, tmp_path, other).read_text())
    with pytest.raises(ValueError, match="not authorized"):
        eye.control.pod_identity(Stack.made(eye).outputs["RoleArn"], kubernetes_namespace=HOME, kubernetes_service_account=other)
