"""Method Lambda: AWS's own rotation by the user's function: configured as the spec says, asked for, followed."""

from datetime import timedelta

from rotated_rds.acts import report
from rotated_rds.acts.dependents import hold_facts
from rotated_rds.acts.view import Pass
from rotated_rds.clients.aws import WrongState
from rotated_rds.model import rotation
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.resource import spec_text
from rotated_rds.model.rotation import AWS, ROTATES, Due, Kind
from rotated_rds.model.schedule import aws_rules, same_rules
from rotated_rds.model.secret import SecretState, token
from rotated_rds.model.status import InProgress, Notice, Result, fails
from rotated_rds.model.verified import Current

FOLLOW = timedelta(seconds=2)  # while AWSPENDING stands
EXPECT = timedelta(seconds=15)  # inside the window, before it stands
STUCK = timedelta(minutes=2)  # a rotation takes seconds; by then the function has failed at least once
GIVEN_UP = timedelta(minutes=15)


def run(one: Pass, state: SecretState) -> Result[Current]:
    """One pass of method Lambda."""
    current = state.current
    if current is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS shows no AWSCURRENT version; looking again")
    one.permit.check_function(one.spec.rotation.function_arn or "")
    if progress := one.before.rotation.in_progress:
        return _follow(one, state, progress)
    if state.remembered:
        return report.idle(one, current, wake=rotation.aws_wake(one.resource, one.spec, one.before, one.now, EXPECT))
    if state.pending and state.pending != current:
        return _noticed(one, state)
    first = _configure(one, state)
    due_now = first or _asked(one)
    if due_now is not None:
        return _begin(one, state, due_now)
    done = _rotated_by_aws(one, state)
    return done or report.idle(one, current, wake=rotation.aws_wake(one.resource, one.spec, one.before, one.now, EXPECT))


def _asked(one: Pass) -> Due | None:
    if one.request is None or one.request[0] not in ROTATES:
        return None
    name, text = one.request
    return Due(Kind.FORCED if name == "force-rotate" else Kind.REQUEST, text)


def _configure(one: Pass, state: SecretState) -> Due | None:
    """Function, schedule and window as the spec says: written only when they differ, never rotating by the way."""
    function, schedule = one.spec.rotation.function_arn or "", rotation.schedule_of(one.spec)
    as_wanted = state.rotation_enabled and state.function_arn == function and same_rules(state.rules, schedule) if schedule else True
    if not as_wanted and schedule:
        try:
            one.secrets.rotate(state.arn, function_arn=function, rules=aws_rules(schedule), immediately=False)
        except WrongState as wrong:
            raise Refused(Reason.ROTATION_FAILED, f"AWS will not change the rotation now: {wrong.message}") from None
    created = token(f"{state.account}/{state.region}/{state.name}", "create", 0) in state.versions
    if rotation.first_is_due(one.spec, one.before, created_by_us=created) and not one.before.rotation.last_error:
        return Due(Kind.FIRST, f"immediately\n{one.resource.uid}")
    return None


def _begin(one: Pass, state: SecretState, due_now: Due) -> Result[Current]:
    """A rotation that we ask AWS for: held back like our own, written down, then asked for by the next pass."""
    current = state.current or ""
    facts, house = hold_facts(one), one.world.house
    hold = rotation.held_back(
        due_now, one.spec, facts, one.before, one.now, limit=house.max_rotations, interval=house.min_rotation_interval
    )
    if hold is not None:
        return report.held(one, current, due_now, hold)
    version = token(state.arn, due_now.cause, 0)
    if version in {known.id for known in one.secrets.versions(state.arn)}:
        return report.finished_before(one, current, due_now)
    request = one.request[1] if one.request and due_now.kind in (Kind.REQUEST, Kind.FORCED) else None
    progress = InProgress(
        version_id=version, since=one.now, cause=due_now.kind, request=request, started_from=current, spec=spec_text(one.resource)
    )
    return report.begun(one, current, due_now, progress, facts)


def _noticed(one: Pass, state: SecretState) -> Result[Current]:
    """AWS's clock, or somebody, began a rotation: followed closely from here."""
    progress = InProgress(version_id=state.pending or "", since=one.now, cause=AWS, started_from=state.current, step="aws")
    facts = hold_facts(one)
    held = [*facts.rollouts, *facts.jobs]
    notices = (Notice(True, "NotOurs", f"AWS's own clock rotates although {', '.join(held[:5])} would have held it back"),) if held else ()
    return report.noticed(one, state.current or "", progress, wake=one.now + FOLLOW, notices=notices)


def _follow(one: Pass, state: SecretState, progress: InProgress) -> Result[Current]:
    current, ours = state.current or "", progress.version_id
    if current == ours:
        return report.succeeded(one, Current(current, moved_at=one.now), progress)
    if progress.step == "create":
        return _ask(one, state, progress)
    waited = one.now - progress.since
    if state.pending != ours:
        return report.failed(
            one,
            current,
            progress,
            Reason.ROTATION_FAILED,
            f"version {ours[:8]} lost AWSPENDING without becoming AWSCURRENT; see the log of {one.spec.rotation.function_arn}",
        )
    if waited >= GIVEN_UP and progress.cause != AWS:
        return report.failed(one, current, progress, Reason.ROTATION_FAILED, stuck_text(one, ours, waited))
    if waited >= STUCK:
        return fails(
            Reason.ROTATION_FAILED,
            stuck_text(one, ours, waited),
            value=Current(current, pending_since=progress.since),
            wake=one.now + EXPECT,
        )
    return report.under_way(one, Current(current, pending_since=progress.since), progress, "AWS runs the function", wake=one.now + FOLLOW)


def stuck_text(one: Pass, version: str, waited: timedelta) -> str:
    minutes = int(waited.total_seconds() // 60)
    return (
        f"AWSPENDING has stood on version {version[:8]} for {minutes} min: {one.spec.rotation.function_arn} failed or "
        "hangs; see its log, and take the label off before the next rotation"
    )


def _ask(one: Pass, state: SecretState, progress: InProgress) -> Result[Current]:
    """RotateSecret, once a version id: AWS knows the token again."""
    current, schedule = state.current or "", rotation.schedule_of(one.spec)
    asked = progress.model_copy(update={"step": "aws"})
    if state.pending == progress.version_id:
        return report.noticed(one, current, asked, wake=one.now + FOLLOW)
    rules = aws_rules(schedule) if schedule and not same_rules(state.rules, schedule) else {}
    try:
        one.secrets.rotate(
            state.arn, function_arn=one.spec.rotation.function_arn or "", rules=rules, immediately=True, token=progress.version_id
        )
    except WrongState:
        pending = state.pending
        why = f"AWSPENDING stands on version {pending[:8]}: take it off" if pending else "the secret's state does not allow it"
        return report.failed(one, current, progress, Reason.ROTATION_FAILED, f"AWS refuses to rotate: {why}")
    except Refused as refused:
        return report.failed(one, current, progress, refused.reason, refused.message)
    return report.noticed(one, current, asked, wake=one.now + FOLLOW)


def _rotated_by_aws(one: Pass, state: SecretState) -> Result[Current] | None:
    """A rotation that began and ended between two looks."""
    last = state.last_rotated
    known = one.before.rotation.last_rotated
    if last is None or (known is not None and last <= known + timedelta(seconds=60)) or one.before.version_id in (None, state.current):
        return None
    progress = InProgress(version_id=state.current or "", since=last, cause=AWS, started_from=one.before.version_id, step="aws")
    return report.succeeded(one, Current(state.current or "", moved_at=last), progress)
