"""From what the stages said to conditions: Ready, Reconciling and Stalled are computed here and nowhere else."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from rotated_rds.model.errors import Problem, Reason, Unavailable, known_reason
from rotated_rds.model.status import MESSAGE_LIMIT, STAGES, Condition, Kind, Outcome, Status

STALLED = frozenset(
    {
        Reason.NOT_ALLOWED, Reason.INVALID_SPEC, Reason.UNSUPPORTED_ENGINE, Reason.UNSUPPORTED_STRATEGY, Reason.NOT_ADOPTED,
        Reason.OWNED_BY_ANOTHER, Reason.USER_CONFLICT, Reason.CLONE_CONFLICT, Reason.USER_MISMATCH, Reason.USER_NOT_FOUND,
        Reason.SCHEDULED_FOR_DELETION, Reason.SECRET_DELETED_IN_AWS, Reason.INITIAL_PASSWORD_MISSING, Reason.ADMIN_MISMATCH,
        Reason.ADMIN_INSUFFICIENT, Reason.OWNERSHIP_SPLIT, Reason.HOST_MASK_UNKNOWN, Reason.ACCOUNT_UNUSABLE, Reason.PENDING_FOREIGN,
        Reason.ROTATION_OWNED_BY_AWS, Reason.INVALID_PARAMETER, Reason.FUNCTION_NOT_FOUND, Reason.MALFORMED_SECRET,
        Reason.LOGIN_FAILED, Reason.LOGIN_RESTRICTED, Reason.TLS_FAILED, Reason.TARGET_CONFLICT, Reason.TEMPLATE_FAILED,
        Reason.REJECTED, Reason.HALTED, Reason.RESTART_REVERTED,
    }
)  # fmt: skip
_DENIED = frozenset({Reason.ACCESS_DENIED, Reason.FORBIDDEN})
_PATIENCE = timedelta(minutes=10)  # how long AWS or the API server may deny before it needs a person


def outcome_of(problem: Problem, before: Condition | None, generation: int) -> Outcome:
    """A problem as a condition. Who merely did not answer leaves a condition that held for this very spec as it was."""
    if isinstance(problem, Unavailable) and problem.reason is Reason.UNAVAILABLE:
        if before and before.true and before.observed_generation == generation:
            return kept(before)
        return Outcome(None, Reason.PENDING, problem.message)
    return Outcome(False, problem.reason, problem.message)


def kept(before: Condition | None) -> Outcome:
    """What a stage said, of the spec that it said it of: for a stage that did not run."""
    if before is None:
        return Outcome(None, Reason.PENDING, "waits for the stages before it")
    return Outcome(_known(before.status), known_reason(before.reason), before.message, before.observed_generation)


def denied_until(status: Status, now: datetime) -> datetime | None:
    """When a denial that has just begun will need a person: no event tells that moment."""
    ends = [one.last_transition_time + _PATIENCE for one in status.conditions if one.status == "False" and one.reason in _DENIED]
    return min((one for one in ends if one > now), default=None)


def conditions(
    before: Status, outcomes: Mapping[Kind, Outcome], generation: int, now: datetime, *, suspended: str | None
) -> tuple[Condition, ...]:
    """All conditions anew. suspended: the text to say while suspended."""
    stages = [_next(before, kind, outcomes[kind], generation, now) for kind in STAGES]
    first = next((one for one in stages if not one.true and not _published_untried(one)), None)
    ready = (
        Outcome(True, Reason.SUCCEEDED, _ready_text(stages))
        if first is None
        else Outcome(_known(first.status), known_reason(first.reason), f"{first.type}: {first.message}")
    )
    answer = [*stages, _next(before, Kind.READY, ready, generation, now)]
    if suspended is not None:
        answer.append(_next(before, Kind.SUSPENDED, Outcome(True, Reason.SUCCEEDED, suspended), generation, now))
    if (own := _kstatus(before, stages, generation, now)) is not None:
        answer.append(own)
    return tuple(answer)


def _published_untried(one: Condition) -> bool:
    """`unreachablePolicy: Publish`: Unknown, and not counted against Ready."""
    return one.type is Kind.CREDENTIAL_VERIFIED and one.status == "Unknown" and one.reason == Reason.UNREACHABLE


def _known(status: str) -> bool | None:
    return {"True": True, "False": False}.get(status)


def _ready_text(stages: Sequence[Condition]) -> str:
    return stages[-1].message


def _next(before: Status, kind: Kind, outcome: Outcome, generation: int, now: datetime) -> Condition:
    status: Literal["True", "False", "Unknown"] = "Unknown" if outcome.holds is None else "True" if outcome.holds else "False"
    old = before.condition(kind)
    since = old.last_transition_time if old and old.status == status else now
    return Condition(
        type=kind,
        status=status,
        reason=outcome.reason,
        message=outcome.message[:MESSAGE_LIMIT],
        last_transition_time=since,
        observed_generation=generation if outcome.generation is None else outcome.generation,
    )


def _kstatus(before: Status, stages: Sequence[Condition], generation: int, now: datetime) -> Condition | None:
    """`Stalled` when a person is needed, else `Reconciling` while anything does not hold; never both."""
    faulty = [one for one in stages if not one.true and not _published_untried(one)]
    if not faulty:
        return None
    stalled = next((one for one in faulty if _needs_a_person(one, now)), None)
    kind, cause = (Kind.STALLED, stalled) if stalled else (Kind.RECONCILING, faulty[0])
    return _next(before, kind, Outcome(True, known_reason(cause.reason), f"{cause.type}: {cause.message}"), generation, now)


def _needs_a_person(one: Condition, now: datetime) -> bool:
    if one.status != "False":
        return False
    return one.reason in STALLED or (one.reason in _DENIED and now - one.last_transition_time >= _PATIENCE)
