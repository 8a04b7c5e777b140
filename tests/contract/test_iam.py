"""The table of rights, the code, AWS's own reference and docs/aws.md agree: what is called is granted, what is granted AWS knows."""

import ast
from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from botocore import xform_name

from rotated_rds.model.iam import RIGHTS, STATEMENTS, Guard, Need, Right, Scope, Wanted
from tests.bed.paths import REPO

PACKAGE = REPO / "operator" / "rotated_rds"
NO_RIGHT_NEEDED = {"sts:GetCallerIdentity"}
# What AWS asks for beside the call itself, or by another name.
ALSO = {
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "secretsmanager:CreateSecret": {"secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:GenerateDataKey", "kms:Decrypt"},
    "secretsmanager:GetSecretValue": {"secretsmanager:GetSecretValue", "kms:Decrypt"},
    "secretsmanager:PutSecretValue": {"secretsmanager:PutSecretValue", "kms:GenerateDataKey", "kms:Decrypt"},
    "secretsmanager:UpdateSecret": {"secretsmanager:UpdateSecret", "kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt"},
    "secretsmanager:RotateSecret": {"secretsmanager:RotateSecret", "lambda:InvokeFunction"},
    "cloudformation:CreateChangeSet": {"cloudformation:CreateChangeSet", "iam:PassRole"},
    "secretsmanager:ReplicateSecretToRegions": {
        "secretsmanager:ReplicateSecretToRegions",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:Encrypt",
    },
}
ASSUMED = {"sts:AssumeRole", "sts:TagSession"}  # botocore's own call, for spec.aws.roleArn
# Actions, resource types and the condition keys that we use, from AWS's service authorization reference, as of November 2026.
TAGS, REQUEST = "aws:ResourceTag", "aws:RequestTag"
FUNCTION = "secretsmanager:resource/AllowRotationLambdaArn"
AWS_KNOWS: dict[str, tuple[str | None, set[str]]] = {
    "secretsmanager:ListSecrets": (None, set()),
    "secretsmanager:DescribeSecret": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:GetSecretValue": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:ListSecretVersionIds": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:CreateSecret": ("secret", {TAGS, REQUEST}),
    "secretsmanager:TagResource": ("secret", {TAGS, REQUEST, FUNCTION}),
    "secretsmanager:UntagResource": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:UpdateSecret": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:RestoreSecret": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:PutSecretValue": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:UpdateSecretVersionStage": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:CancelRotateSecret": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:RotateSecret": ("secret", {TAGS, FUNCTION, "secretsmanager:RotationLambdaARN"}),
    "secretsmanager:ReplicateSecretToRegions": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:RemoveRegionsFromReplication": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:GetResourcePolicy": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:PutResourcePolicy": ("secret", {TAGS, FUNCTION}),
    "secretsmanager:DeleteSecret": ("secret", {TAGS, FUNCTION, "secretsmanager:ForceDeleteWithoutRecovery"}),
    "lambda:InvokeFunction": ("function", set()),
    "lambda:GetFunctionConfiguration": ("function", set()),
    "lambda:GetPolicy": ("function", set()),
    "cloudformation:DescribeStacks": ("stack", set()),
    "cloudformation:DescribeStackEvents": ("stack", set()),
    "cloudformation:CreateChangeSet": ("stack", set()),
    "cloudformation:DescribeChangeSet": ("stack", set()),
    "cloudformation:ExecuteChangeSet": ("stack", set()),
    "cloudformation:DeleteChangeSet": ("stack", set()),
    "cloudformation:DeleteStack": ("stack", set()),
    "iam:PassRole": ("role", {"iam:PassedToService"}),
    "rds:DescribeDBInstances": ("db", set()),
    "rds:DescribeDBClusters": ("cluster", set()),
    "kms:Decrypt": ("key", {"kms:ViaService"}),
    "kms:GenerateDataKey": ("key", {"kms:ViaService"}),
    "kms:Encrypt": ("key", {"kms:ViaService"}),
    "sqs:ReceiveMessage": ("queue", set()),
    "sqs:DeleteMessage": ("queue", set()),
    "sts:AssumeRole": ("role", set()),
    "sts:TagSession": ("role", set()),
}
TYPES = {
    Scope.ANYTHING: None,
    Scope.SECRETS: "secret",
    Scope.ADMINS: "secret",
    Scope.INSTANCES: "db",
    Scope.CLUSTERS: "cluster",
    Scope.FUNCTIONS: "function",
    Scope.STACKS: "stack",
    Scope.TRANSFORMS: "stack",  # the reference names no type for it; a policy may name the transform's ARN
    Scope.STACK_ROLES: "role",
    Scope.KEYS: "key",
    Scope.QUEUES: "queue",
    Scope.ROLES: "role",
}


@cache
def operations(service: str) -> dict[str, str]:
    """boto3's names for a service's calls → AWS's."""
    model = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x").meta.service_model  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportCallIssue, reportArgumentType]  its stubs know literal names only
    return {xform_name(str(name)): str(name) for name in model.operation_names}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]  as above


def called() -> Iterator[str]:
    """Every call of AWS that stands in the code, as `service:Operation`."""
    doors = {"read", "write", "once", "poll"}
    for path in PACKAGE.rglob("*.py"):
        constants: dict[str, str] = {}
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
                constants[node.targets[0].id] = str(node.value.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in doors and len(node.args) >= 2:
                service, operation = (
                    constants.get(one.id) if isinstance(one, ast.Name) else getattr(one, "value", None) for one in node.args[:2]
                )
                if isinstance(service, str) and service in {"secretsmanager", "rds", "sqs", "sts", "kms", "lambda", "cloudformation"}:
                    yield f"{service}:{operations(service)[str(operation)]}"


def test_every_call_in_the_code_has_its_rights_in_the_table_and_no_other_is_there() -> None:
    found = set(called()) - NO_RIGHT_NEEDED
    assert len(found) >= 14, "the calls are looked for where they are"
    needed = ASSUMED.union(*(ALSO.get(one, {one}) for one in found))
    assert needed == {right.action for right in RIGHTS}


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: f"{right.action} in {right.statement}")
def test_aws_knows_the_action_with_this_resource_and_these_condition_keys(right: Right) -> None:
    kind, keys = AWS_KNOWS[right.action]
    statement = STATEMENTS[right.statement]
    used = {Wanted().condition(guard)[1].split("/rotated-rds.io")[0] for guard in statement.guards}
    assert TYPES[statement.scope] == kind
    assert used <= keys


def test_every_guard_is_used() -> None:
    assert {guard for statement in STATEMENTS.values() for guard in statement.guards} == set(Guard)


def test_every_right_says_what_it_is_for() -> None:
    assert [right for right in RIGHTS if len(right.why.split()) < 2] == []


# docs/aws.md

PAGE = (REPO / "docs" / "aws.md").read_text()
ONLY = {
    Guard.NAMES_US: "the request's owner tag is this cluster's",
    Guard.OURS: "the secret's owner tag is this cluster's",
    Guard.NOBODYS: "the secret has no owner tag",
    Guard.OFFERED: "its adoption tag offers it to this cluster",
    Guard.RECOVERABLE: "with a recovery window",
    Guard.OUR_FUNCTIONS: "with one of these functions",
    Guard.VIA_SECRETS_MANAGER: "through Secrets Manager",
    Guard.TO_CLOUDFORMATION: "to CloudFormation",
    Guard.ROTATED_BY_US: "the secret is rotated by this function",
}


def row(right: Right) -> str:
    statement = STATEMENTS[right.statement]
    only = " and ".join(ONLY[guard] for guard in statement.guards) or "–"  # noqa: RUF001  an empty cell
    needs = ", ".join(need for need in Need if need in right.needed_by)
    return f"| `{right.action}` | `{right.statement}` | {needs} | {statement.scope} | {only} | {right.why} |"


def test_the_page_tells_every_right_and_no_other() -> None:
    assert [line for line in PAGE.splitlines() if line.startswith("| `") and line.count(" | ") == 5] == [row(right) for right in RIGHTS]
