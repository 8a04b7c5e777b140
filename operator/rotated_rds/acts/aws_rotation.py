"""Methods Lambda and HostedLambda: AWS's own rotation by a function: configured as the spec says, asked for, followed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds.acts import preflight, report
from rotated_rds.acts.creation import created_by_us
from rotated_rds.acts.dependents import held_back, hold_facts, not_held
from rotated_rds.acts.view import Pass
from rotated_rds.clients.aws import WrongState
from rotated_rds.model import rotation
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.rotation import AWS, ROTATES, Due, Kind
from rotated_rds.model.schedule import aws_rules, describe, same_rules
from rotated_rds.model.secret import PREVIOUS, SecretState
from rotated_rds.model.spec import Spec
from rotated_rds.model.status import InProgress, Notice, Result
from rotated_rds.model.verified import Current

FOLLOW = timedelta(seconds=2)  # while AWSPENDING stands
EXPECT = timedelta(seconds=15)  # inside the window, before it stands
SETTLE = timedelta(seconds=10)  # DescribeSecret may not show yet what RotateSecret began
TEST = timedelta(seconds=30)  # how long AWS may try a new configuration on a version of its own
STUCK = timedelta(minutes=2)  # a rotation takes seconds; by then the function has failed at least once
GIVEN_UP = timedelta(minutes=15)


def run(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """One pass of method Lambda."""
    current = state.current or ""
    if one.spec.rotation.function_arn:  # the hosted one needs the word HostedLambda
        one.permit.check_function(one.spec.rotation.function_arn)
    if progress := one.before.rotation.in_progress:
        return follow(one, endpoint, state, progress)
    if state.remembered:
        return _idle(one, endpoint, state)
    try:
        if (named := preflight.of_users(one, state)) is not None:
            return named
    except Refused as refused:
        return report.unusable(one, current, refused)
    if state.pending and state.pending != current:
        return _pending(one, state, state.pending)
    return _rotated_by_aws(one, state) or _at_rest(one, endpoint, state)


def _wake(one: Pass) -> datetime | None:
    return rotation.aws_wake(one.resource, one.spec, one.before, one.now, EXPECT)


def _function(one: Pass, state: SecretState) -> str:
    return rotation.function_of(one.spec, state.arn) or state.function_arn or ""


# nothing is under way


def _idle(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """At rest, with what is to be said of the function."""
    current = state.current or ""
    try:
        note = preflight.of_function(one, endpoint, state, _function(one, state))
    except Refused as refused:
        return report.unconfigured(one, current, refused)
    return report.idle(one, current, wake=_wake(one), note=note)


def _at_rest(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """Begin what is due; else see that AWS is configured as the spec says."""
    current, ours = state.current or "", created_by_us(state)
    if one.before.version_id is None and rotation.wants_first(one.spec, one.before, created_by_us=ours):
        return report.before_first(current)
    due_now = due(one, created=ours)
    if due_now is not None and (begun := begin(one, state, due_now)) is not None:
        return begun
    try:
        told = _configure(one, state)
    except Refused as refused:
        return report.unconfigured(one, current, refused)
    return replace(_idle(one, endpoint, state), notices=told)


def due(one: Pass, *, created: bool) -> Due | None:
    """What AWS is to be asked for now: a request, or the first rotation."""
    if one.request is not None and one.asks(*ROTATES):
        name, text = one.request
        return Due(Kind.FORCED if name == "force-rotate" else Kind.REQUEST, text)
    if rotation.first_is_due(one.spec, one.before, created_by_us=created) and not one.before.rotation.last_error:
        return Due(Kind.FIRST, f"immediately\n{one.resource.uid}")
    return None


def configured(spec: Spec, state: SecretState) -> bool:
    """Whether AWS has the function, schedule and window that the spec names. What it does not name is not looked at."""
    function, schedule = rotation.function_of(spec, state.arn), rotation.schedule_of(spec)
    if schedule is None:
        return state.function_arn in (None, function)
    return state.rotation_enabled and state.function_arn == function and same_rules(state.rules, schedule)


def _configure(one: Pass, state: SecretState) -> Sequence[Notice]:
    """Function, schedule and window as the spec says: written only when they differ, never rotating by the way. Raises Refused."""
    if configured(one.spec, state):
        return ()
    try:
        one.secrets.rotate(state.arn, function_arn=_function(one, state), rules=rules(one, state), immediately=False)
    except WrongState as wrong:
        raise Refused(Reason.ROTATION_FAILED, f"AWS will not change the rotation now: {wrong.message}") from None
    one.world.ages.note("tested", one.key, one.now)
    return (_configured(one, state),)


def rules(one: Pass, state: SecretState) -> dict[str, str]:
    """What to write with the function's ARN; nothing where AWS has it already, or the spec does not say."""
    schedule = rotation.schedule_of(one.spec)
    return aws_rules(schedule) if schedule and not (state.rotation_enabled and same_rules(state.rules, schedule)) else {}


def _configured(one: Pass, state: SecretState) -> Notice:
    schedule = rotation.schedule_of(one.spec)
    when = describe(schedule) if schedule else "on request"
    return Notice(False, "RotationConfigured", f"AWS rotates with {_function(one, state)}: {when}")


def begin(one: Pass, state: SecretState, due_now: Due) -> Result[Current] | None:
    """A rotation that we ask AWS for: written down, then asked for by the next pass; held back like our own.

    None while a hold keeps it from beginning and AWS is still to be configured: that waits for nobody.
    """
    current, made = state.current or "", rotation.attempt(due_now, one.before, state)
    if made.version in {known.id for known in one.secrets.versions(state.arn)}:
        return report.finished_before(one, current, due_now)
    facts = hold_facts(one, state)
    hold = held_back(one, due_now, facts)
    if hold is not None:
        return report.held(one, current, due_now, hold, facts) if configured(one.spec, state) else None
    return report.begun(one, current, due_now, made, facts)


# AWSPENDING stands, and no rotation that we know of is under way


def _pending(one: Pass, state: SecretState, pending: str) -> Result[Current]:
    """AWS's clock, or somebody, began a rotation: followed closely from here; one that failed before is said to block."""
    current = state.current or ""
    if one.world.ages.fresh("tested", one.key, TEST, one.now):
        return report.idle(one, current, wake=one.now + FOLLOW)
    if any(line.version_id == pending and line.result == "Failed" for line in one.before.history):
        return report.stuck(one, Current(current), stuck_text(one, state, pending), wake=one.now + timedelta(minutes=1))
    progress = InProgress(version_id=pending, since=one.now, cause=AWS, started_from=current, step="aws")
    return report.noticed(one, current, progress, wake=one.now + FOLLOW, notices=not_held(one, state))


def stuck_text(one: Pass, state: SecretState, version: str) -> str:
    """Why nothing rotates, and the two ways out: which is right depends on what the database took."""
    return (
        f"AWSPENDING stands on version {version[:8]} and does not become AWSCURRENT: {_function(one, state)} failed or hangs; "
        "see its log. Where CredentialVerified says that this version logs in, move AWSCURRENT to it, else take AWSPENDING off it: "
        "AWS rotates no more before that (update-secret-version-stage)"
    )


# a rotation is under way


def follow(one: Pass, endpoint: Endpoint | None, state: SecretState, progress: InProgress) -> Result[Current]:
    """One pass of a rotation that AWS carries out."""
    current, ours = state.current or "", progress.version_id
    if current == ours or PREVIOUS in state.versions.get(ours, ()):
        ended = state.last_rotated if state.last_rotated and state.last_rotated >= progress.since else None
        return report.succeeded(one, Current(current, moved_at=one.now), progress, ended=ended)
    if progress.step == "create":
        return _ask(one, endpoint, state, progress)
    waited = one.now - progress.since
    if state.pending != ours:
        return _lost(one, state, progress, waited)
    if waited >= GIVEN_UP:
        return report.failed(one, current, progress, Reason.ROTATION_FAILED, stuck_text(one, state, ours))
    seen = Current(current, pending_since=progress.since)
    if waited >= STUCK:
        return report.stuck(one, seen, stuck_text(one, state, ours), wake=one.now + EXPECT, began=progress)
    return report.under_way(one, seen, progress, "AWS runs the function", wake=one.now + FOLLOW)


def _lost(one: Pass, state: SecretState, progress: InProgress, waited: timedelta) -> Result[Current]:
    """AWSPENDING is gone, AWSCURRENT has not moved: somebody took it off; or AWS only tried a configuration, where we did not ask."""
    current, ours = state.current or "", progress.version_id
    if progress.cause == AWS and waited < STUCK:
        ended = one.before.model_copy(update={"rotation": one.before.rotation.model_copy(update={"in_progress": None})})
        return report.idle(replace(one, before=ended), current, wake=one.now)
    if waited < SETTLE:
        return report.under_way(one, Current(current, pending_since=progress.since), progress, "AWS begins", wake=one.now + FOLLOW)
    text = f"version {ours[:8]} lost AWSPENDING without becoming AWSCURRENT; see the log of {_function(one, state)}"
    return report.failed(one, current, progress, Reason.ROTATION_FAILED, text)


def _ask(one: Pass, endpoint: Endpoint | None, state: SecretState, progress: InProgress) -> Result[Current]:
    """RotateSecret, once a version id: AWS knows the token again."""
    current, pending = state.current or "", state.pending
    asked = progress.model_copy(update={"step": "aws"})
    if pending == progress.version_id:
        return report.noticed(one, current, asked, wake=one.now + FOLLOW)
    if pending and pending != current:
        return _wait_or_fail(one, current, progress, f"AWSPENDING stands on version {pending[:8]}: take it off")
    told = () if configured(one.spec, state) and state.function_arn else (_configured(one, state),)
    try:
        preflight.of_function(one, endpoint, state, _function(one, state))
        one.secrets.rotate(
            state.arn,
            function_arn=_function(one, state),
            rules=rules(one, state),
            immediately=True,
            token=progress.version_id,
        )
    except WrongState:
        return _wait_or_fail(one, current, progress, "the secret's state does not allow it")
    except Refused as refused:
        return report.failed(one, current, progress, refused.reason, refused.message)
    return report.noticed(one, current, asked, wake=one.now + FOLLOW, notices=told)


def _wait_or_fail(one: Pass, current: str, progress: InProgress, why: str) -> Result[Current]:
    """AWS has one rotation at a time, and calls it one when it only tries a configuration: seconds, unless it is stuck."""
    if one.now - progress.since >= STUCK:
        return report.failed(one, current, progress, Reason.ROTATION_FAILED, f"AWS refuses to rotate: {why}")
    return report.under_way(one, Current(current), progress, f"AWS does not begin yet: {why}", wake=one.now + FOLLOW)


def _rotated_by_aws(one: Pass, state: SecretState) -> Result[Current] | None:
    """A rotation that began and ended between two looks."""
    last, current, known = state.last_rotated, state.current or "", one.before.rotation.last_rotated
    seen = max((moment for moment in (known, one.before.published_at) if moment), default=None)
    if last is None or seen is None or last <= seen or one.before.version_id in (None, current):
        return None
    made = next((version.created for version in one.secrets.versions(state.arn) if version.id == current), None)
    if made is None or made > last:
        return None  # AWSCURRENT was moved by hand since
    progress = InProgress(version_id=current, since=made, cause=AWS, started_from=one.before.version_id, step="aws")
    return report.succeeded(one, Current(current, moved_at=last), progress, ended=last)
