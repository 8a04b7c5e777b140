"""Another method on a live resource: AWS's rotation is taken over, or ours is given away, without a gap (SAFETY.md E4)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds.acts import aws_rotation, hosted, pending, report, retained
from rotated_rds.acts.view import Pass
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.handover import Change, Facts, Move, change_of, next_move
from rotated_rds.model.rotation import AWS
from rotated_rds.model.secret import PENDING, SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import InProgress, Result, RotationStatus, waits
from rotated_rds.model.verified import Current

FUNCTION_RUNS = timedelta(minutes=15)  # as long as Lambda lets a function run
LOOK_AGAIN = timedelta(minutes=1)
_STILL = {
    Move.LET_END: "AWS rotates right now; its rotation ends first, then it is cancelled and the operator's begins",
    Move.WAIT: "AWS's rotation is cancelled; the operator's begins when AWSPENDING and AWSCURRENT have not moved for 15 minutes, as a "
    "function that was invoked may still be at work",
    Move.FIND_OUT: "AWS's rotation is cancelled; the operator's begins when the database says whether the version that AWS's last one left "
    "under AWSPENDING logs in",
}
_SILENT = frozenset({Verdict.UNREACHABLE, Verdict.BUSY, Verdict.TLS, Verdict.UNKNOWN})  # they say nothing of the password


def run(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """The next step of a change; None where there is none, or it is carried out. Until then status shows the method before."""
    if state.remembered:
        return None
    progress = one.before.rotation.in_progress
    if progress is not None and progress.cause != AWS:
        return None  # finished with the spec that it began with
    match change_of(one.before.rotation.method, one.spec.method, asked=one.asks("take-rotation")):
        case Change.TAKEN:
            return _taken(one, endpoint, state, progress)
        case Change.GIVEN:
            return _given(one, endpoint, state)
        case Change.NONE:
            return None


# from AWS to the operator


def _taken(one: Pass, endpoint: Endpoint | None, state: SecretState, progress: InProgress | None) -> Result[Current]:
    """Each step is looked at anew by the next pass. Raises Refused, Unavailable."""
    move = next_move(_facts(one, endpoint, state))
    match move:
        case Move.LET_END if progress is not None:
            return _as_before(one, aws_rotation.follow(one, endpoint, state, progress))
        case Move.LET_END | Move.WAIT | Move.FIND_OUT:
            return _waits(one, state, _STILL[move], one.now + LOOK_AGAIN)
        case Move.CANCEL:
            one.secrets.cancel_rotation(state.arn)
            return _waits(one, state, "AWS's rotation is cancelled", one.now)
        case Move.TAKE_OFF:
            one.secrets.take_off_pending(state.arn, state.pending or "")
            one.world.ages.note(_place(replace(state, versions=_without_pending(state))), one.key, one.now - FUNCTION_RUNS)
            return _waits(one, state, "the dead version of AWS's last rotation is taken off AWSPENDING", one.now)
        case Move.TAKEN:
            return _with_its_stack(one, state) or report.taken_over(one, state.current or "")


def _with_its_stack(one: Pass, state: SecretState) -> Result[Current] | None:
    """From method HostedLambda: its stack goes, unless others use it, before status forgets whose it was."""
    left = hosted.leave(one) if one.before.rotation.method == Method.HOSTED_LAMBDA else None
    return _waits(one, state, left.text, one.now + left.again) if left else None


def _facts(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Facts:
    beside = state.pending not in (None, state.current)
    still = one.world.ages.older_than(_place(state), one.key, FUNCTION_RUNS, one.now)
    dead = beside and still and not state.rotation_enabled and _is_dead(one, endpoint, state)
    return Facts(state.rotation_enabled, state.function_arn is not None, beside, still, dead)


def _place(state: SecretState) -> str:
    """Where the labels stand, and whether AWS may move them: what has stood so for a while is still."""
    return f"still {state.pending} {state.current} {state.rotation_enabled}"


def _without_pending(state: SecretState) -> Mapping[str, frozenset[str]]:
    return {version: labels - {PENDING} for version, labels in state.versions.items()}


def _is_dead(one: Pass, endpoint: Endpoint | None, state: SecretState) -> bool | None:
    """A version without a value, or one that is refused; AWSCURRENT must log in (SAFETY.md A2). None: the database did not say."""
    if endpoint is None:
        return None
    current = pending.login(one, endpoint, state, state.current or "")
    if current is not Verdict.OK:
        return None if current in _SILENT else False
    left = pending.login(one, endpoint, state, state.pending or "")
    return None if left in _SILENT else left in (None, Verdict.REFUSED)


# from the operator to AWS, or to whoever owns the secret


def _given(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """AWSPENDING and a second password are cleared first; what is not our secret any more is left as it is."""
    if (state.pending is None and state.holder(PRIMARY) is None) or state.owner != one.world.owner(one.key):
        return None
    if endpoint is None:
        raise Unavailable(Reason.UNAVAILABLE, "the rotation is handed over when the database's endpoint is known")
    if state.pending is None:
        return _discarded(one, endpoint, state)
    left = pending.tidy(one, endpoint, state)
    if left is not None and left.outcome.holds is False:
        return _as_before(one, left)
    if left is not None:
        return _waits(one, state, "AWSPENDING stands on an old version until AWSCURRENT has logged in", one.now + LOOK_AGAIN)
    return _waits(one, state, "AWSPENDING is cleared", one.now)


def _discarded(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current] | None:
    """A second password is discarded as soon as nobody needs it; it would live for ever else."""
    left = retained.settle(one, endpoint, state)
    if left is None or left.outcome.holds is False:
        return left and _as_before(one, left)
    rotation = left.status["rotation"]
    ended = isinstance(rotation, RotationStatus) and rotation.retained is None
    text = f"to method {one.spec.method}: the password before is discarded first, when no Pod needs it"
    return replace(_as_before(one, left), outcome=waits(text, value=left.value).outcome, wake=one.now if ended else left.wake)


# what status shows meanwhile


def _waits(one: Pass, state: SecretState, text: str, wake: datetime) -> Result[Current]:
    rotation = one.before.rotation.model_copy(update={"held_back": None})
    return waits(f"to method {one.spec.method}: {text}", value=Current(state.current or ""), wake=wake, rotation=rotation)


def _as_before(one: Pass, result: Result[Current]) -> Result[Current]:
    """The method before stays in status: the change is not carried out yet."""
    said: Mapping[str, object] = result.status
    rotation = said.get("rotation")
    if not isinstance(rotation, RotationStatus):
        return result
    return replace(result, status={**said, "rotation": rotation.model_copy(update={"method": one.before.rotation.method})})
