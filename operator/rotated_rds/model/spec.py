"""CR body → frozen Spec: what a user asked for, the operator's defaults, and what it does not carry out yet."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from rotated_rds.model import resource_policy, schedule
from rotated_rds.model.credential import UNSAFE, PasswordRules
from rotated_rds.model.database import Engine, TlsMode
from rotated_rds.model.durations import parse_duration
from rotated_rds.model.errors import Reason, Refused


class Method(StrEnum):
    """Who changes the password."""

    OPERATOR = "Operator"
    LAMBDA = "Lambda"
    HOSTED_LAMBDA = "HostedLambda"
    RDS_MANAGED = "RDSManaged"
    EXTERNAL = "External"


class Strategy(StrEnum):
    SINGLE_USER = "SingleUser"
    ALTERNATING_USERS = "AlternatingUsers"
    DUAL_PASSWORD = "DualPassword"  # noqa: S105  a strategy's name

    @property
    def keeps_the_old(self) -> bool:
        """Whether the credential before goes on working after a rotation."""
        return self is not Strategy.SINGLE_USER


def _duration(text: object) -> timedelta:
    if isinstance(text, timedelta):  # a default
        return text
    try:
        return parse_duration(str(text), "it")
    except Refused as refused:
        raise ValueError(refused.message) from None


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Model(BaseModel):
    """Frozen, camelCase outside, and strict about what it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)


class KeyRef(Model):
    name: str
    key: str


class AwsSpec(Model):
    region: str | None = None
    role_arn: str | None = None
    external_id: str | None = None


class TlsSpec(Model):
    mode: TlsMode = TlsMode.VERIFY_FULL
    ca_config_map_ref: KeyRef | None = None
    server_name: str | None = None


class DatabaseSpec(Model):
    instance: str | None = None
    cluster: str | None = None
    host: str | None = None
    engine: Engine | None = None
    port: int | None = None
    name: str | None = None
    tls: TlsSpec = TlsSpec()
    unreachable_policy: Literal["Wait", "Publish"] = "Wait"


class ReplicaRegion(Model):
    region: str
    kms_key_id: str | None = None


def _policy_text(text: str | None) -> str | None:
    if text is not None:
        resource_policy.check(text)
    return text


class SecretSpec(Model):
    name: str | None = None
    description: str | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict[str, str])
    resource_policy: Annotated[str | None, AfterValidator(_policy_text)] = None
    replica_regions: tuple[ReplicaRegion, ...] | None = None
    adoption: Literal["IfTagged", "Always", "Never"] = "IfTagged"
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    recovery_window_days: int = 30


class UserSpec(Model):
    name: str | None = None
    password_secret_ref: KeyRef | None = None
    take_over: bool = False
    admin_secret_id: str | None = None
    owner_role: str | None = None
    on_refused: Literal["Report", "Repair"] = "Report"


class HostedLambdaSpec(Model):
    function_name: str
    vpc_subnet_ids: tuple[str, ...] = ()
    vpc_security_group_ids: tuple[str, ...] = ()
    kms_key_arn: str | None = None
    exclude_characters: str | None = None


class PasswordSpec(Model):
    length: int = 32
    exclude: str = UNSAFE
    require_each_type: bool = True

    @property
    def rules(self) -> PasswordRules:
        return PasswordRules(self.length, self.exclude, self.require_each_type)


class RotationSpec(Model):
    method: Method | None = None
    strategy: Strategy = Strategy.SINGLE_USER
    function_arn: str | None = None
    hosted_lambda: HostedLambdaSpec | None = None
    schedule: str | None = None
    window: str | None = None
    immediately: bool | None = None
    password: PasswordSpec = PasswordSpec()
    grace_period: Duration = timedelta(minutes=10)
    wait_for_jobs: bool = True


class TargetEndpoint(Model):
    host: str
    port: int | None = None


class TargetSpec(Model):
    name: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = Field(default_factory=dict[str, str])
    type: str = "Opaque"
    endpoint: TargetEndpoint | None = None
    template: Mapping[str, str] = Field(default_factory=dict[str, str])
    keys: tuple[str, ...] | None = None
    deletion_policy: Literal["Delete", "Retain"] = "Delete"


class WorkloadRef(Model):
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Rollout"]
    name: str


class LabelRequirement(Model):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class LabelSelector(Model):
    match_labels: Mapping[str, str] = Field(default_factory=dict[str, str])
    match_expressions: tuple[LabelRequirement, ...] = ()


class RestartsSpec(Model):
    discover: bool = True
    volumes: bool = True
    workloads: tuple[WorkloadRef, ...] = ()
    selector: LabelSelector | None = None
    max_concurrent: int | None = None
    ready_timeout: Duration = timedelta(minutes=10)
    on_failure: Literal["Halt", "Continue", "Rollback"] | None = None


def _refuse_what_waits(spec: "Spec") -> "Spec":
    if refused := next((text for applies, text in _waiting(spec) if applies), None):
        raise ValueError(refused)
    return spec


class Spec(Model):
    """`spec` of a RotatedRDSSecret. What it does not name in AWS is neither set nor removed."""

    aws: AwsSpec = AwsSpec()
    database: DatabaseSpec
    secret: SecretSpec = SecretSpec()
    user: UserSpec = UserSpec()
    rotation: RotationSpec = RotationSpec()
    target: TargetSpec = TargetSpec()
    restarts: RestartsSpec = RestartsSpec()
    suspend: bool = False

    @property
    def method(self) -> Method:
        """As written, else by the block that is set, else `Operator`."""
        rotation = self.rotation
        if rotation.method:
            return rotation.method
        if rotation.function_arn:
            return Method.LAMBDA
        return Method.HOSTED_LAMBDA if rotation.hosted_lambda else Method.OPERATOR

    @property
    def writes(self) -> bool:
        """Whether the AWS secret is ours to write; `External`'s is somebody else's, `RDSManaged`'s is RDS's."""
        return self.method not in (Method.EXTERNAL, Method.RDS_MANAGED)

    @property
    def rotated_by_aws(self) -> bool:
        """Whether AWS carries the rotations out, by its own clock and when asked."""
        return self.method in (Method.LAMBDA, Method.HOSTED_LAMBDA, Method.RDS_MANAGED)

    @property
    def on_failure(self) -> str:
        """With SingleUser a stopped wave would only prolong the outage: the old password is gone."""
        return self.restarts.on_failure or ("Continue" if self.rotation.strategy is Strategy.SINGLE_USER else "Halt")

    @property
    def max_concurrent(self) -> int | None:
        """Workloads that roll at once; None: a whole wave."""
        return self.restarts.max_concurrent or (None if self.rotation.strategy is Strategy.SINGLE_USER else 1)


def _waiting(spec: Spec) -> tuple[tuple[bool, str], ...]:
    """What the CRD accepts and this version does not carry out: refused by name, never ignored."""
    rotation = spec.rotation
    later = "is not carried out by this version of the operator"
    return ((_strategy_waits(spec), f"spec.rotation.strategy: {rotation.strategy} with method {spec.method} {later}; use SingleUser"),)


def _strategy_waits(spec: Spec) -> bool:
    """With AWS's rotation the function alternates between users: we only follow."""
    alternates = spec.rotation.strategy is Strategy.ALTERNATING_USERS and spec.method in (Method.LAMBDA, Method.HOSTED_LAMBDA)
    return spec.rotation.strategy is not Strategy.SINGLE_USER and spec.method is not Method.OPERATOR and not alternates


_Checked = Annotated[Spec, AfterValidator(_refuse_what_waits)]


class _Body(Model):
    spec: _Checked


def parse_spec(spec: object) -> Spec:
    """`spec` of a body → Spec. Raises Refused(InvalidSpec), naming each field and the mend."""
    try:
        whole = _Body.model_validate({"spec": spec}).spec
    except ValidationError as error:
        raise Refused(Reason.INVALID_SPEC, _faults(error)) from None
    if whole.rotation.schedule:
        schedule.parse(whole.rotation.schedule, whole.rotation.window)
    return whole


def _faults(error: ValidationError) -> str:
    def line(path: tuple[int | str, ...], message: str) -> str:
        text = message.removeprefix("Value error, ")
        return text if text.startswith("spec.") else f"{'.'.join(str(step) for step in path)}: {text}"

    return "; ".join(line(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False))[:1000]
