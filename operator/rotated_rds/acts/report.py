"""What RotationReady, history and requests say after each turn of a rotation: one function a turn, no call of anything outside."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds import metrics
from rotated_rds.acts.view import Pass
from rotated_rds.model import holds as rules
from rotated_rds.model import rotation
from rotated_rds.model.dual import is_dual
from rotated_rds.model.errors import Reason, Refused, known_reason
from rotated_rds.model.holds import HoldFacts
from rotated_rds.model.resource import spec_text
from rotated_rds.model.rollback import is_told
from rotated_rds.model.rotation import ROTATES, Attempt, Due, Kind
from rotated_rds.model.schedule import describe
from rotated_rds.model.status import (
    HISTORY_LIMIT,
    HeldBack,
    InProgress,
    Notice,
    RequestStatus,
    Result,
    Rotated,
    RotationStatus,
    fails,
    holds,
    waits,
)
from rotated_rds.model.status import Kind as Condition
from rotated_rds.model.verified import Current

MOVES = (*ROTATES, "rollback")  # requests that move AWSCURRENT
_LOOK_AGAIN = timedelta(seconds=5)
_STACK = timedelta(seconds=2)  # a change set is ready in moments, and there are three steps to a stack
_TRY_AGAIN = timedelta(minutes=5)


def rotation_status(one: Pass, **changes: object) -> RotationStatus:
    """`status.rotation` with what changed in this turn."""
    before = one.before.rotation
    said = {"method": one.spec.method.value, "strategy": one.spec.rotation.strategy.value, **changes}
    after = before.model_copy(update=said)
    seen = one.before.model_copy(update={"rotation": after})
    return after.model_copy(update={"next": rotation.next_text(one.resource, one.spec, seen, one.now)})


def answered(one: Pass, result: str, message: str, names: tuple[str, ...] = ROTATES) -> Mapping[str, RequestStatus]:
    """`status.requests` with the answer to the request of this pass, if it is one of `names`."""
    if one.request is None or not one.asks(*names):
        return one.before.requests
    name, text = one.request
    return {**one.before.requests, name: RequestStatus(text=text, time=one.now, result=result, message=message[:300])}  # pyright: ignore[reportArgumentType]  one of the three words


def idle(
    one: Pass, current: str, wake: datetime | None = None, note: str = "", *, by: datetime | None = None, **changes: object
) -> Result[Current]:
    """Nothing is due. A failure is said until the next success or a `sync`.

    wake: the next rotation's moment, where none is given; by: not later than this. note: what else is worth saying.
    changes: to `status.rotation`.
    """
    error = None if one.asks("sync") else one.before.rotation.last_error
    status = rotation_status(one, held_back=None, last_error=error, **changes)
    moments = (wake or rotation.next_moment(one.resource, one.spec, one.before, one.now), by or _discards_at(one, status))
    wake = min((moment for moment in moments if moment is not None), default=None)
    if error:
        reason = _failed_reason(one)
        pause = one.before.rotation.not_before
        return fails(reason, error, value=Current(current), wake=pause if pause and pause > one.now else wake, rotation=status)
    if rotation.overdue(one.resource, one.spec, one.before, one.now):
        return fails(
            Reason.ROTATION_OVERDUE,
            "the window after "
            f"{rotation.last_success(one.before, None) or one.resource.created:%Y-%m-%d} went by without a rotation; next {status.next}",
            value=Current(current),
            wake=wake,
            rotation=status,
        )
    schedule = rotation.schedule_of(one.spec)
    text = f"{describe(schedule)}; next {status.next}" if schedule else "rotates on request (no spec.rotation.schedule)"
    return holds(Current(current), f"{text}{note}", wake=wake, rotation=status)


def _discards_at(one: Pass, status: RotationStatus) -> datetime | None:
    """When the password before may end, if that is still to come (SAFETY.md D3)."""
    ends = rules.grace_ends(one.before, one.spec.rotation.grace_period) if status.retained else None
    return ends if ends and ends > one.now else None


def _failed_reason(one: Pass) -> Reason:
    """What the last rotation ended with, other than success."""
    if is_told(one.before, one.before.version_id):
        return Reason.ROLLED_BACK
    old = one.before.condition(Condition.ROTATION_READY)
    return known_reason(old.reason) if old and old.status == "False" else Reason.ROTATION_FAILED


def before_first(current: str) -> Result[Current]:
    """The secret has just come under us and is to rotate once; not Ready until then (`rotation.immediately`)."""
    return waits("the first rotation follows at once (spec.rotation.immediately)", value=Current(current))


def taken_over(one: Pass, current: str) -> Result[Current]:
    """AWS rotates no more, and nothing that it began is at work: from the next pass on the rotation is the operator's."""
    text = "the rotation is the operator's"
    requests = answered(one, "Done", text, ("take-rotation",))
    told = Notice(False, "RotationConfigured", "the operator rotates; AWS's own rotation is off")
    said = waits(text, value=Current(current), wake=one.now, rotation=rotation_status(one, in_progress=None), requests=requests)
    return replace(said, notices=(told,))


def finished_before(one: Pass, current: str, due_now: Due) -> Result[Current]:
    """This cause has its version already: nothing rotates twice."""
    status = rotation_status(one, last_rotated=one.before.rotation.last_rotated or one.now, held_back=None)
    text = f"this {due_now.kind} was carried out before"
    return holds(Current(current), text, wake=one.now + _LOOK_AGAIN, rotation=status, requests=answered(one, "Done", text))


def held(one: Pass, current: str, due_now: Due, hold: HeldBack, facts: HoldFacts) -> Result[Current]:
    """A due rotation waits."""
    if rules.job_gave_up(due_now, hold, one.now):
        text = f"JobRunning: {hold.message}"
        return holds(Current(current), text, rotation=rotation_status(one, held_back=None), requests=answered(one, "Failed", text))
    status = rotation_status(one, held_back=hold)
    wake = rules.next_look(hold, facts, one.now, _LOOK_AGAIN)
    if rotation.overdue(one.resource, one.spec, one.before, one.now):
        return fails(Reason.ROTATION_OVERDUE, f"{hold.reason}: {hold.message}", value=Current(current), wake=wake, rotation=status)
    if (error := one.before.rotation.last_error) and is_told(one.before, one.before.version_id):
        text = f"{error}; {hold.reason}: {hold.message}"
        return fails(Reason.ROLLED_BACK, text, value=Current(current), wake=wake, rotation=status)
    if due_now.kind is Kind.FIRST:  # not Ready until it has ended
        return waits(f"{hold.reason}: {hold.message}", reason=Reason.HELD_BACK, wake=wake, value=Current(current), rotation=status)
    return holds(Current(current), f"{hold.reason}: {hold.message}", reason=Reason.HELD_BACK, wake=wake, rotation=status)


def begun(one: Pass, current: str, due_now: Due, attempt: Attempt, facts: HoldFacts) -> Result[Current]:
    """Written down; the next pass, at once, carries it out."""
    progress = InProgress(
        version_id=attempt.version,
        attempt=attempt.number,
        since=one.now,
        cause=due_now.kind,
        request=one.request[1] if one.request and due_now.kind in (Kind.REQUEST, Kind.FORCED) else None,
        started_from=current,
        spec=spec_text(one.resource),
    )
    status = rotation_status(one, in_progress=progress, held_back=None)
    cut = facts.cut_off if due_now.kind is Kind.FORCED else ()
    notices = (Notice(True, "CredentialCutOff", f"force-rotate does not wait for {', '.join(cut[:10])}"),) if cut else ()
    text = f"rotating to version {progress.version_id[:8]}"
    return Result(Current(current), waits(text).outcome, one.now, {"rotation": status}, notices)


def under_way(one: Pass, current: Current, progress: InProgress, text: str, *, wake: datetime) -> Result[Current]:
    return waits(f"rotating to version {progress.version_id[:8]}: {text}", wake=wake, value=current, rotation=rotation_status(one))


def by_its_own_clock(idle: Result[Current], by: str | None) -> Result[Current]:
    """Method RDSManaged without a schedule in the spec: RDS has one. by: when its next window ends."""
    before = idle.status["rotation"]
    status = before.model_copy(update={"next": by}) if isinstance(before, RotationStatus) else before
    text = f"RDS rotates it by its own schedule{f', by {by}' if by else ''}"
    return replace(idle, outcome=replace(idle.outcome, message=text), status={**idle.status, "rotation": status})


def noticed(one: Pass, current: str, progress: InProgress, *, wake: datetime, notices: tuple[Notice, ...] = ()) -> Result[Current]:
    """AWS rotates: followed from here."""
    outcome = waits(f"AWS rotates to version {progress.version_id[:8]}").outcome
    return Result(
        Current(current, pending_since=progress.since),
        outcome,
        wake,
        {"rotation": rotation_status(one, in_progress=progress, held_back=None)},
        notices,
    )


def unconfigured(one: Pass, current: str, refused: Refused) -> Result[Current]:
    """AWS would not take the function or its schedule; what is AWSCURRENT is published all the same."""
    return fails(refused.reason, refused.message, value=Current(current), rotation=rotation_status(one, held_back=None))


def making(one: Pass, current: str, text: str) -> Result[Current]:
    """CloudFormation makes AWS's function: seconds to minutes."""
    return waits(text, value=Current(current), wake=one.now + _STACK, rotation=rotation_status(one, held_back=None))


def unusable(one: Pass, current: str, refused: Refused) -> Result[Current]:
    """What the secret says does not fit the spec: nothing rotates before a person has mended it, and no request waits for that."""
    requests = answered(one, "Refused", refused.message)
    return fails(refused.reason, refused.message, value=Current(current), rotation=rotation_status(one, held_back=None), requests=requests)


def stuck(one: Pass, current: Current, text: str, *, wake: datetime, began: InProgress | None = None) -> Result[Current]:
    """AWSPENDING stands and does not move. A request other than the one that began this is told so at once: AWS would refuse it."""
    asked = one.request is not None and (began is None or one.request[1] != began.request)
    requests = answered(one, "Refused", text) if asked else one.before.requests
    return fails(Reason.ROTATION_FAILED, text, value=current, wake=wake, rotation=rotation_status(one, held_back=None), requests=requests)


def abandoned(one: Pass, current: str, progress: InProgress, pending: str) -> Result[Current]:
    """Somebody else took AWSPENDING: theirs stands now."""
    text = f"version {pending[:8]} took AWSPENDING from our rotation to {progress.version_id[:8]}"
    return failed(one, current, progress, Reason.PENDING_FOREIGN, text)


def failed(one: Pass, current: str, progress: InProgress, reason: Reason, text: str) -> Result[Current]:
    """A definite end without a new password. A request has ended; a schedule tries again after a pause."""
    metrics.ROTATIONS.labels(one.spec.method, "Failed").inc()
    asked = progress.cause in (Kind.REQUEST, Kind.FORCED)  # a request has one attempt; the clock's are counted
    attempts = one.before.rotation.attempts if asked else progress.attempt + 1
    status = rotation_status(
        one, in_progress=None, last_error=text, attempts=attempts, not_before=one.now + rotation.pause(progress.attempt)
    )
    request = {"requests": answered_cause(one, progress, "Failed", text)}
    return fails(
        reason,
        text,
        value=Current(current),
        wake=one.now if one.request else status.not_before,  # a request that came since waits for no pause
        rotation=status,
        history=with_line(one, progress.version_id, progress.since, "Failed", one.clock()),
        **request,
    )


def succeeded(one: Pass, current: Current, progress: InProgress, *, ended: datetime | None = None) -> Result[Current]:
    """AWSCURRENT has moved. ended: when, where AWS says so; else now."""
    ended = ended or one.clock()
    status = rotation_status(
        one,
        in_progress=None,
        last_error=None,
        attempts=None,
        not_before=None,
        last_rotated=ended,
        held_back=None,
        retained=_now_retained(one, progress),
    )
    after = one.before.model_copy(update={"rotation": status})
    text = f"rotated to version {progress.version_id[:8]}"
    seconds = (ended - progress.since).total_seconds()
    metrics.ROTATIONS.labels(one.spec.method, "Succeeded").inc()
    metrics.ROTATION_SECONDS.observe(seconds)
    return holds(
        current,
        f"{text} in {seconds:.1f} s" + (f"; next {status.next}" if status.next else ""),
        wake=one.now if one.request else rotation.next_moment(one.resource, one.spec, after, one.now),
        rotation=status,
        history=with_line(one, progress.version_id, progress.since, "Succeeded", ended),
        requests=answered_cause(one, progress, "Done", text),
    )


def _now_retained(one: Pass, progress: InProgress) -> str | None:
    """Whose password logs in beside AWSCURRENT's from now on; a new endpoint changes none."""
    if not is_dual(one.spec):
        return None
    return one.before.rotation.retained if progress.cause == Kind.ENDPOINT else progress.started_from


def not_discarded(one: Pass, current: str, version: str, no: Refused) -> Result[Current]:
    """The password before should have ended, and the database, or AWS, refuses that."""
    text = f"the password of version {version[:8]} still logs in and could not be discarded: {no.message}"
    return fails(no.reason, text, value=Current(current), wake=one.now + _TRY_AGAIN, rotation=rotation_status(one, held_back=None))


def answered_cause(one: Pass, progress: InProgress, result: str, text: str) -> Mapping[str, RequestStatus]:
    """The answer goes to the request that began this rotation, not to one that came since."""
    if progress.request is None:
        return one.before.requests
    name = "rotate" if progress.cause == Kind.REQUEST else "force-rotate"
    answer = RequestStatus(text=progress.request, time=one.now, result=result, message=text[:300])  # pyright: ignore[reportArgumentType]  one of the three words
    return {**one.before.requests, name: answer}


def with_line(one: Pass, version: str, started: datetime, result: str, ended: datetime) -> tuple[Rotated, ...]:
    """`status.history` with one more rotation. result: Succeeded, Failed or RolledBack."""
    seconds = round((ended - started).total_seconds(), 1)
    line = Rotated(version_id=version, started=started, finished=ended, result=result, seconds=seconds)  # pyright: ignore[reportArgumentType]  one of the three words
    return (line, *one.before.history)[:HISTORY_LIMIT]


def external(one: Pass) -> RotationStatus:
    """Method External: only who does it."""
    return rotation_status(one)
