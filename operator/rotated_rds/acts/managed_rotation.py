"""Method RDSManaged: RDS rotates its master's password by its own clock and when asked; nothing but the schedule is ever written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from rotated_rds.acts import report
from rotated_rds.acts.aws_rotation import EXPECT, FOLLOW, GIVEN_UP, SETTLE, STUCK, begin, configured, due, rules
from rotated_rds.acts.dependents import not_held
from rotated_rds.acts.view import Pass
from rotated_rds.clients.aws import WrongState
from rotated_rds.model import rotation
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.rotation import AWS
from rotated_rds.model.schedule import describe
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import InProgress, Notice, Result, waits
from rotated_rds.model.verified import Current

ROTATING, IMPAIRED = "rotating", "impaired"
_LOOK_AGAIN = timedelta(minutes=2)
_IMPAIRED_TEXT = (
    "RDS could not rotate the master's password (SecretStatus impaired); AWSCURRENT stays as it is. Let RDS use the secret's KMS key again "
    "(key state, key policy), then annotate rotated-rds.io/rotate: the status ends with the next rotation"
)


def run(one: Pass, state: SecretState) -> Result[Current]:
    """One pass of method RDSManaged."""
    current = state.current or ""
    if progress := one.before.rotation.in_progress:
        return _follow(one, state, current, progress)
    if state.remembered:
        return _idle(one, state, current)
    if state.pending not in (None, current):
        return _noticed(one, state, current, state.pending or "")
    if state.rds_status == ROTATING:
        return waits("RDS rotates the master's password", value=Current(current), wake=one.now + FOLLOW)
    return _rotated(one, state, current) or _at_rest(one, state, current)


# nothing is under way


def _at_rest(one: Pass, state: SecretState, current: str) -> Result[Current]:
    """Begin what is asked for; else see that RDS's secret has the schedule of the spec."""
    due_now = due(one, created=False)
    if due_now is not None and (begun := begin(one, state, due_now)) is not None:
        return begun
    if state.rds_status == IMPAIRED:
        return report.stuck(one, Current(current), _IMPAIRED_TEXT, wake=one.now + _LOOK_AGAIN)
    try:
        told = _configure(one, state)
    except Refused as refused:
        return report.unconfigured(one, current, refused)
    return replace(_idle(one, state, current), notices=told)


def _configure(one: Pass, state: SecretState) -> Sequence[Notice]:
    """Schedule and window as the spec says: written only when they differ, never rotating by the way. Raises Refused."""
    schedule = rotation.schedule_of(one.spec)
    if schedule is None or configured(one.spec, state):
        return ()
    try:
        one.secrets.rotate(state.arn, function_arn=None, rules=rules(one, state), immediately=False)
    except WrongState as wrong:
        raise Refused(Reason.ROTATION_FAILED, f"AWS will not change the schedule now: {wrong.message}") from None
    return (Notice(False, "RotationConfigured", f"RDS rotates the master's password: {describe(schedule)}"),)


def _idle(one: Pass, state: SecretState, current: str) -> Result[Current]:
    """RDS's own schedule is shown where the spec names none."""
    wake = rotation.aws_wake(one.resource, one.spec, one.before, one.now, EXPECT)
    idle = report.idle(one, current, wake=wake)
    if rotation.schedule_of(one.spec) is not None:
        return idle
    at = state.next_rotation
    by = one.before.rotation.next if state.remembered else at and at.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = report.by_its_own_clock(idle, by)
    return said if idle.outcome.holds else replace(said, outcome=idle.outcome)


def _rotated(one: Pass, state: SecretState, current: str) -> Result[Current] | None:
    """A rotation that began and ended between two looks: nobody but RDS moves its labels."""
    before = one.before
    if before.version_id in (None, current) or before.secret_arn != state.arn:
        return None
    if any(line.version_id == current and line.result == "Succeeded" for line in before.history):
        return None
    made = next((known.created for known in one.secrets.versions(state.arn) if known.id == current), one.now)
    progress = InProgress(version_id=current, since=made, cause=AWS, started_from=before.version_id, step="aws")
    return report.succeeded(one, Current(current, moved_at=made), progress, ended=max(made, state.last_rotated or made))


def _noticed(one: Pass, state: SecretState, current: str, pending: str) -> Result[Current]:
    """RDS's clock, or somebody, began a rotation."""
    progress = InProgress(version_id=pending, since=one.now, cause=AWS, started_from=current, step="aws")
    return report.noticed(one, current, progress, wake=one.now + FOLLOW, notices=not_held(one, state))


# a rotation is under way


def _follow(one: Pass, state: SecretState, current: str, progress: InProgress) -> Result[Current]:
    """Until AWSCURRENT has moved; its version's id may be another than the token that we gave."""
    waited, text = one.now - progress.since, None
    if one.before.secret_arn != state.arn:
        return _ended(one, current, progress, "RDS made another secret meanwhile (its management was turned off and on)")
    if current != progress.started_from:
        ended = state.last_rotated if state.last_rotated and state.last_rotated >= progress.since else None
        done = progress.model_copy(update={"version_id": current})
        return report.succeeded(one, Current(current, moved_at=one.now), done, ended=ended)
    if progress.step == "create":
        return _ask(one, state, current, progress)
    if state.rds_status == IMPAIRED and waited >= SETTLE:
        text = _IMPAIRED_TEXT
    elif state.rds_status != ROTATING and state.pending in (None, current) and waited >= STUCK:
        text = "RDS ended the rotation without a new password; annotate rotated-rds.io/rotate once more"
    elif waited >= GIVEN_UP:
        text = f"RDS rotates for {waited.seconds // 60} minutes and has not ended; see the database's events in RDS"
    if text is not None:
        return _ended(one, current, progress, text)
    return report.under_way(one, Current(current, pending_since=progress.since), progress, "RDS sets it", wake=one.now + FOLLOW)


def _ended(one: Pass, current: str, progress: InProgress, text: str) -> Result[Current]:
    return report.failed(one, current, progress, Reason.ROTATION_FAILED, text)


def _ask(one: Pass, state: SecretState, current: str, progress: InProgress) -> Result[Current]:
    """RotateSecret, once a version id. One that runs already brings what was asked for: a new password."""
    asked = progress.model_copy(update={"step": "aws"})
    if state.rds_status != ROTATING and state.pending in (None, current):
        try:
            one.secrets.rotate(state.arn, function_arn=None, rules={}, immediately=True, token=progress.version_id)
        except WrongState as wrong:
            if one.now - progress.since >= STUCK:
                return _ended(one, current, progress, f"AWS refuses to rotate: {wrong.message}")
            return report.under_way(one, Current(current), progress, "AWS does not begin yet", wake=one.now + FOLLOW)
        except Refused as refused:
            return report.failed(one, current, progress, refused.reason, refused.message)
    return report.noticed(one, current, asked, wake=one.now + FOLLOW)
