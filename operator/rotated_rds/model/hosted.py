"""AWS's own rotation function in a stack of ours: its template, what it is told, and the next step towards it (AWS.md 6)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rotated_rds.model.database import Engine
from rotated_rds.model.document import Json, text
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import HostedLambdaSpec, Strategy

PREFIX = "rotated-rds-"  # of our stacks' names
OUTPUT = "RotationLambdaARN"
TRANSFORM = "AWS::Serverless-2016-10-31"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
MAKER_TAG, TEMPLATE_TAG = "rotated-rds.io/owner", "rotated-rds.io/template"
# Where AWS publishes its functions, and their versions (AWS CDK's own pins, aws-secretsmanager/lib/secret-rotation.ts).
_PUBLISHERS = {"aws": "us-east-1:297356227824", "aws-cn": "cn-north-1:193023089310", "aws-us-gov": "us-gov-west-1:023102451235"}
_ENGINES = {Engine.POSTGRES: "PostgreSQL", Engine.MYSQL: "MySQL", Engine.MARIADB: "MariaDB"}
_VERSIONS = {
    "aws": {"MariaDBRotationSingleUser": "1.1.649", "MariaDBRotationMultiUser": "1.1.649", "": "1.1.650"},
    "aws-cn": {"MariaDBRotationSingleUser": "1.1.423", "MariaDBRotationMultiUser": "1.1.422", "": "1.1.421"},
    "aws-us-gov": {"MariaDBRotationSingleUser": "1.1.399", "MariaDBRotationMultiUser": "1.1.398", "": "1.1.397"},
}
_NAMES = (
    "endpoint",
    "functionName",
    "vpcSubnetIds",
    "vpcSecurityGroupIds",
    "excludeCharacters",
    "kmsKeyArn",
    "masterSecretArn",
    "masterSecretKmsKeyArn",
)


@dataclass(frozen=True)
class Wanted:
    """A stack as the spec says. parameters: those that are said; what is not said is AWS's own default."""

    name: str
    template: str
    parameters: Mapping[str, str]
    maker: str

    @property
    def digest(self) -> str:
        whole = json.dumps([self.template, dict(self.parameters)], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    @property
    def change_set(self) -> str:
        return f"{PREFIX}{self.digest}"

    @property
    def tags(self) -> dict[str, str]:
        return {MAKER_TAG: self.maker, TEMPLATE_TAG: hashlib.sha256(self.template.encode()).hexdigest()[:16]}


def stack_name(function: str) -> str:
    """A stack's name has no underscore, and two functions have two stacks."""
    plain = function.replace("_", "-")
    ending = "" if plain == function else f"-{hashlib.sha256(function.encode()).hexdigest()[:8]}"
    return f"{PREFIX}{plain}{ending}"


def template(partition: str, engine: Engine, strategy: Strategy, names: Mapping[str, str]) -> str:
    """Only the function, its role and the permission to invoke it, as AWS's application makes them. names: of the parameters that are said.

    Raises Refused(StackFailed) where AWS does not publish it.
    """
    if partition not in _PUBLISHERS:
        raise Refused(Reason.STACK_FAILED, f"spec.rotation.method: AWS publishes no rotation functions in {partition}; use method Operator")
    kind = f"{_ENGINES[engine]}Rotation{'SingleUser' if strategy is Strategy.SINGLE_USER else 'MultiUser'}"
    versions = _VERSIONS[partition]
    where = {
        "ApplicationId": f"arn:{partition}:serverlessrepo:{_PUBLISHERS[partition]}:applications/SecretsManagerRDS{kind}",
        "SemanticVersion": versions.get(kind, versions[""]),
    }
    said = {name: {"Ref": name} for name in names}
    function = {"Type": "AWS::Serverless::Application", "Properties": {"Location": where, "Parameters": said}}
    whole = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "AWS's own rotation function, made by rotated-rds-operator (method HostedLambda)",
        "Transform": TRANSFORM,
        "Parameters": {name: {"Type": "String"} for name in names},
        "Resources": {"Function": function},
        "Outputs": {OUTPUT: {"Value": {"Fn::GetAtt": ["Function", f"Outputs.{OUTPUT}"]}}},
    }
    return json.dumps(whole, sort_keys=True)


def parameters(spec: HostedLambdaSpec, endpoint: str, master: str | None, master_key: str | None) -> dict[str, str]:
    """What the application is told. endpoint: Secrets Manager's; master: the administrator's secret, by ARN."""
    said: tuple[str | None, ...] = (
        endpoint,
        spec.function_name,
        ",".join(spec.vpc_subnet_ids),
        ",".join(spec.vpc_security_group_ids),
        spec.exclude_characters,
        spec.kms_key_arn,
        master,
        master_key,
    )
    return {name: text for name, text in zip(_NAMES, said, strict=True) if text}


@dataclass(frozen=True)
class StackSeen:
    """A stack as CloudFormation shows it, and the change set of the wanted name, where there is one.

    reason: why it failed, in its own words.
    """

    status: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    change: "ChangeSeen | None" = None
    reason: str = ""


@dataclass(frozen=True)
class ChangeSeen:
    """A change set. execution: AVAILABLE once it may be executed."""

    status: str
    execution: str
    reason: str = ""


class Step(StrEnum):
    """The next step towards the stack that is wanted."""

    CREATE = "create"
    UPDATE = "update"
    EXECUTE = "execute"
    DROP_CHANGE = "drop-change"  # one that was executed or failed stands in the way of the next
    REMOVE = "remove"  # what failed while it was made can only be deleted
    WAIT = "wait"
    READY = "ready"
    SHARED = "shared"  # somebody else's, or made with other parameters
    FAILED = "failed"


_MADE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_ONLY_TO_DELETE = frozenset({"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"})


def next_step(seen: StackSeen | None, wanted: Wanted, *, again: bool, makers: frozenset[str]) -> Step:
    """Name the one step that brings a stack to what is wanted.

    again: a failure was seen before and is to be tried anew. makers: whose stack may be changed: ours, or one whose maker is gone.
    """
    if seen is None:
        return Step.CREATE
    if seen.tags.get(MAKER_TAG) not in makers:
        return _shared_step(seen, wanted)
    return _own_step(seen, wanted, again=again)


def _shared_step(seen: StackSeen, wanted: Wanted) -> Step:
    """Whoever shares a stack does not ask that its maker's tags be its own."""
    if seen.status.endswith("_IN_PROGRESS"):
        return Step.WAIT
    return Step.READY if seen.status in _MADE and dict(seen.parameters) == dict(wanted.parameters) else Step.SHARED


def _own_step(seen: StackSeen, wanted: Wanted, *, again: bool) -> Step:
    if seen.status == "REVIEW_IN_PROGRESS":
        return _change_step(seen.change, Step.CREATE, again=again)
    if seen.status.endswith("_IN_PROGRESS"):
        return Step.WAIT
    if seen.status in _ONLY_TO_DELETE:
        return Step.REMOVE if again else Step.FAILED
    if seen.status not in _MADE:
        return Step.FAILED
    same = dict(seen.parameters) == dict(wanted.parameters)
    if same and seen.tags.get(TEMPLATE_TAG) == wanted.tags[TEMPLATE_TAG]:  # a gone maker's tag goes with the next update
        return Step.READY
    if seen.status == "UPDATE_ROLLBACK_COMPLETE" and not again:
        return Step.FAILED
    return _change_step(seen.change, Step.UPDATE, again=again)


def _change_step(change: ChangeSeen | None, first: Step, *, again: bool) -> Step:
    if change is None:
        return first
    if change.status in ("CREATE_PENDING", "CREATE_IN_PROGRESS") or change.execution == "EXECUTE_IN_PROGRESS":
        return Step.WAIT
    if change.status == "CREATE_COMPLETE" and change.execution == "AVAILABLE":
        return Step.EXECUTE
    if change.status == "FAILED" and not again:
        return Step.FAILED
    return Step.DROP_CHANGE


def elsewhere(ours: Json, theirs: Json) -> bool:
    """Whether two specs surely speak of two accounts or Regions, so that one function's name is two functions.

    What a spec leaves out is the operator's own, which is not known here.
    """
    return any(one and other and one != other for one, other in zip(_place(ours), _place(theirs), strict=True))


def _place(spec: Json) -> tuple[str | None, str | None]:
    account = (text(spec, "aws", "roleArn") or "").split(":")[4:5]
    return text(spec, "aws", "region"), next(iter(account), None)


def function_arn(secret: str, function: str) -> str:
    """The function's ARN: in the account and Region of the secret. secret: its ARN."""
    _, partition, _, region, account, *_ = secret.split(":")
    return f"arn:{partition}:lambda:{region}:{account}:function:{function}"
