"""What a resource says of itself: conditions, history, Ready, Reconciling, Stalled; folded from the stages' results."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason

MESSAGE_LIMIT = 1024
HISTORY_LIMIT = 10
WORKLOAD_LIMIT = 100


class Kind(StrEnum):
    """Condition types: the six stages in their order, then what is computed from them."""

    DATABASE_RESOLVED = "DatabaseResolved"
    SECRET_READY = "SecretReady"  # noqa: S105  a condition's name
    ROTATION_READY = "RotationReady"
    CREDENTIAL_VERIFIED = "CredentialVerified"
    MIRRORED = "Mirrored"
    WORKLOADS_CURRENT = "WorkloadsCurrent"
    READY = "Ready"
    SUSPENDED = "Suspended"
    STALLED = "Stalled"
    RECONCILING = "Reconciling"


STAGES = tuple(Kind)[:6]


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rfc3339_fine(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Moment = Annotated[datetime, PlainSerializer(_rfc3339)]
FineMoment = Annotated[datetime, PlainSerializer(_rfc3339_fine)]


class Model(BaseModel):
    """Frozen, camelCase outside; unknown keys of a newer version are dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Condition(Model):
    type: Kind
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    last_transition_time: Moment
    observed_generation: int = 0

    @property
    def true(self) -> bool:
        return self.status == "True"


class DatabaseStatus(Model):
    """The endpoint as resolved. last_verified: when AWSCURRENT last logged in."""

    engine: Engine
    host: str
    port: int
    reader_host: str | None = None
    last_verified: Moment | None = None


class HeldBack(Model):
    reason: str
    message: str
    since: Moment


class InProgress(Model):
    """A rotation that has begun: its version id, why it began, the request's text, and the spec that it is finished with (SAFETY.md A6)."""

    version_id: str
    attempt: int = 0
    step: str = "create"
    since: FineMoment
    cause: str
    request: str | None = None
    started_from: str | None = None
    spec: str | None = None

    def spec_document(self) -> object:
        """The spec that it began with; None when it cannot be read."""
        try:
            return json.loads(self.spec or "null")
        except ValueError:
            return None


class RotationStatus(Model):
    """lastError: why the last attempt failed. notBefore: when the next attempt may start, after a failure.

    retained: the version whose password still logs in beside AWSCURRENT's (strategy DualPassword).
    """

    method: str | None = None
    strategy: str | None = None
    last_rotated: Moment | None = None
    next: str | None = None
    held_back: HeldBack | None = None
    in_progress: InProgress | None = None
    last_error: str | None = None
    attempts: int | None = None
    not_before: Moment | None = None
    retained: str | None = None


class Rotated(Model):
    """One line of history. version_id: the version that was made; of a line `RolledBack` the one that was gone back to."""

    version_id: str
    started: Moment
    finished: Moment
    result: Literal["Succeeded", "Failed", "RolledBack"]
    seconds: float


class WorkloadStatus(Model):
    """One dependent workload. state: Pending, Rolling, Ready, Failed or Skipped."""

    kind: str
    name: str
    state: Literal["Pending", "Rolling", "Ready", "Failed", "Skipped"]
    version_id: str | None = None
    since: Moment
    message: str | None = None


class RequestStatus(Model):
    text: str
    time: Moment
    result: Literal["Done", "Refused", "Failed"]
    message: str = ""


class Status(Model):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    database: DatabaseStatus | None = None
    secret_arn: str | None = None
    version_id: str | None = None
    version: str | None = None
    username: str | None = None
    published_at: FineMoment | None = None
    previous_version_id: str | None = None
    rotation: RotationStatus = RotationStatus()
    history: tuple[Rotated, ...] = ()
    workloads: tuple[WorkloadStatus, ...] = ()
    requests: Mapping[str, RequestStatus] = Field(default_factory=dict[str, RequestStatus])

    def condition(self, kind: Kind) -> Condition | None:
        return next((one for one in self.conditions if one.type is kind), None)

    def body(self) -> dict[str, object]:
        """As it stands in the resource; what is None or empty is absent."""
        whole = self.model_dump(by_alias=True, exclude_none=True, mode="json")
        return {key: value for key, value in whole.items() if value not in ([], {})}


T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a stage says of its condition. holds: None for not known yet; generation: of the spec that it speaks of, None: this one."""

    holds: bool | None
    reason: Reason
    message: str
    generation: int | None = None


@dataclass(frozen=True)
class Notice:
    """An Event that no comparison of before and after could tell (whom a forced rotation cut off, say)."""

    warning: bool
    reason: str
    note: str


@dataclass(frozen=True)
class Result(Generic[T]):
    """A stage's answer. value: the next stages' argument, None when there is none; status: fields that it says anew."""

    value: T | None
    outcome: Outcome
    wake: datetime | None = None
    status: Mapping[str, object] = field(default_factory=dict[str, object])
    notices: tuple[Notice, ...] = ()


def holds(
    value: T,
    message: str,
    *,
    reason: Reason = Reason.SUCCEEDED,
    wake: datetime | None = None,
    said: Mapping[str, object] | None = None,
    **status: object,
) -> Result[T]:
    """The stage's condition is true."""
    return Result(value, Outcome(True, reason, message), wake, {**(said or {}), **status})


def fails(
    reason: Reason,
    message: str,
    *,
    value: T | None = None,
    wake: datetime | None = None,
    said: Mapping[str, object] | None = None,
    **status: object,
) -> Result[T]:
    """The stage's condition is false; with a value the stages behind it run all the same."""
    return Result(value, Outcome(False, reason, message), wake, {**(said or {}), **status})


def waits(
    message: str,
    *,
    wake: datetime | None = None,
    reason: Reason = Reason.PENDING,
    value: T | None = None,
    said: Mapping[str, object] | None = None,
    **status: object,
) -> Result[T]:
    """The stage does not know yet."""
    return Result(value, Outcome(None, reason, message), wake, {**(said or {}), **status})
