"""When a rotation is due, and whose AWSPENDING that is: rules over facts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rotated_rds.model.hosted import function_arn
from rotated_rds.model.resource import REQUEST_LIMIT, Resource
from rotated_rds.model.schedule import Schedule, Window, parse
from rotated_rds.model.secret import PREVIOUS, SecretState, token
from rotated_rds.model.spec import Method, Spec
from rotated_rds.model.status import Status
from rotated_rds.model.steps import PendingIs

AWS = "aws"  # the cause of a rotation that AWS's clock, or somebody else, began
ROTATES = ("rotate", "force-rotate")
_MOST_ATTEMPTS = 100  # more than fit into any window, at the pauses below
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


class Kind(StrEnum):
    """Why a rotation is due."""

    REQUEST = "request"
    FORCED = "forced"
    SCHEDULE = "schedule"
    FIRST = "first"  # `immediately`: once, when the secret comes under the resource
    HOME = "home"  # from the clone back to the base user, as AlternatingUsers is left (SAFETY.md E4)
    ENDPOINT = "endpoint"  # a new endpoint: the same password, another host (SAFETY.md E5)


@dataclass(frozen=True)
class Due:
    """A rotation that is to begin. cause: what its version id derives from; window: the scheduled one."""

    kind: Kind
    cause: str
    window: Window | None = None


def schedule_of(spec: Spec) -> Schedule | None:
    """Raises Refused(InvalidSpec)."""
    return parse(spec.rotation.schedule, spec.rotation.window) if spec.rotation.schedule else None


def function_of(spec: Spec, secret: str) -> str | None:
    """The function that AWS rotates with: the spec's own, or the hosted one, in the secret's account and Region. secret: its ARN."""
    hosted_lambda = spec.rotation.hosted_lambda
    return spec.rotation.function_arn or (function_arn(secret, hosted_lambda.function_name) if hosted_lambda else None)


def last_success(before: Status, state: SecretState | None) -> datetime | None:
    """The last success as status knows it; with status lost, AWS's own date (SAFETY.md F1)."""
    return before.rotation.last_rotated or (state.last_rotated if state else None)


def due(resource: Resource, spec: Spec, before: Status, now: datetime, *, created_by_us: bool) -> Due | None:
    """The rotation that is to begin now, whatever may hold it back; requests come before the clock."""
    if spec.method is not Method.OPERATOR or spec.suspend or resource.deleting:
        return None
    if (asked := resource.new_request(before)) and asked[0] in ROTATES and len(asked[1]) <= REQUEST_LIMIT:
        return Due(Kind.FORCED if asked[0] == "force-rotate" else Kind.REQUEST, asked[1])
    if before.rotation.not_before and now < before.rotation.not_before:
        return None
    if first_is_due(spec, before, created_by_us=created_by_us):
        return Due(Kind.FIRST, f"immediately\n{resource.uid}")
    schedule = schedule_of(spec)
    if schedule is None or before.version_id is None:
        return None
    window = schedule.due_window(last_success(before, None), resource.created, now, str(resource.key))
    if window is None or too_late(window, spec, now):
        return None
    return Due(Kind.SCHEDULE, f"{window.start.isoformat()}\n{before.version_id}", window)


def too_late(window: Window, spec: Spec, now: datetime) -> bool:
    """Whether what is left of a window would not do for the restarts (SAFETY.md D4)."""
    return window.end - now < min(spec.restarts.ready_timeout, (window.end - window.start) / 2)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a cause. version: the token that stands for it."""

    number: int
    version: str


def attempt(due_now: Due, before: Status, state: SecretState) -> Attempt:
    """Tell which attempt at its cause is to be made (SAFETY.md A1).

    The one whose version carries AWSPENDING, where status has lost it; else a request's first that status does not call failed,
    and the next one after a failure of what the clock began.
    """
    tokens = [token(state.arn, due_now.cause, number) for number in range(_MOST_ATTEMPTS)]
    failed = {line.version_id for line in before.history if line.result == "Failed"}
    if state.pending in tokens and state.pending not in failed:
        number = tokens.index(state.pending)
    elif due_now.kind in (Kind.REQUEST, Kind.FORCED):
        number = next((number for number, version in enumerate(tokens) if version not in failed), 0)
    else:
        number = min(before.rotation.attempts or 0, _MOST_ATTEMPTS - 1)
    return Attempt(number, tokens[number])


def first_is_due(spec: Spec, before: Status, *, created_by_us: bool) -> bool:
    """It has come under us, is published, and has not rotated yet."""
    return before.version_id is not None and wants_first(spec, before, created_by_us=created_by_us)


def wants_first(spec: Spec, before: Status, *, created_by_us: bool) -> bool:
    """`immediately`: by default for a secret that we created, not for one taken over."""
    wanted = created_by_us if spec.rotation.immediately is None else spec.rotation.immediately
    return wanted and before.rotation.last_rotated is None and not any(one.result == "Succeeded" for one in before.history)


def next_moment(resource: Resource, spec: Spec, before: Status, now: datetime) -> datetime | None:
    """When this resource's own place in the next window comes; with AWS's clock, when that window opens. None without a schedule."""
    schedule = schedule_of(spec)
    if schedule is None:
        return None
    window = schedule.next_window(last_success(before, None), resource.created, now)
    if spec.method is Method.OPERATOR and too_late(window, spec, now):
        window = schedule.next_window(last_success(before, None), resource.created, window.end)
    if spec.rotated_by_aws:
        return window.start
    moment = window.moment_for(str(resource.key))
    return moment if moment > now else max(now, window.start)


def in_window(resource: Resource, spec: Spec, before: Status, now: datetime) -> bool:
    """Whether AWS may rotate any moment now: inside its window, and not done yet."""
    schedule = schedule_of(spec)
    return schedule is not None and now in schedule.next_window(last_success(before, None), resource.created, now)


def aws_wake(resource: Resource, spec: Spec, before: Status, now: datetime, every: timedelta) -> datetime | None:
    """When to look at AWS's own rotation: often inside its window, else when that opens."""
    schedule = schedule_of(spec)
    if schedule is None:
        return None
    window = schedule.next_window(last_success(before, None), resource.created, now)
    return now + every if now in window else window.start


def next_text(resource: Resource, spec: Spec, before: Status, now: datetime) -> str | None:
    """The NEXT column."""
    moment = next_moment(resource, spec, before, now)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def overdue(resource: Resource, spec: Spec, before: Status, now: datetime) -> bool:
    schedule = schedule_of(spec)
    return schedule is not None and schedule.overdue(last_success(before, None), resource.created, now)


def pause(attempts: int) -> timedelta:
    """Back-off after a failed attempt: a minute, doubling to an hour."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempts, 10))


# whose AWSPENDING (SAFETY.md A2)


def is_spent(before: Status, version: str) -> bool:
    """Whether a version was published or ended a rotation, as far as status knows: it is never promoted again."""
    return version in (before.version_id, before.previous_version_id) or any(line.version_id == version for line in before.history)


def classify(state: SecretState, ours: str | None, *, has_value: bool, older: bool) -> PendingIs:
    """What the AWSPENDING label means. ours: the version id of the rotation under way; older: it was made before AWSCURRENT."""
    pending = state.pending
    if pending is None:
        return PendingIs.ABSENT
    if pending == state.current:
        return PendingIs.ON_CURRENT
    if PREVIOUS in state.versions[pending] or older:
        return PendingIs.OLD
    if pending == ours:
        return PendingIs.OURS if has_value else PendingIs.OURS_EMPTY
    return PendingIs.FOREIGN_ROTATING if state.rotation_enabled else PendingIs.FOREIGN
