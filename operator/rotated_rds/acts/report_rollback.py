"""What RotationReady, history and requests say of a rollback: one function a turn, no call of anything outside."""

from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds import metrics
from rotated_rds.acts import report
from rotated_rds.acts.view import Pass
from rotated_rds.model import rotation
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.rollback import NothingBefore
from rotated_rds.model.status import Result, fails
from rotated_rds.model.verified import Current

_TRY_AGAIN = timedelta(minutes=5)


def carried_out(one: Pass, current: Current, gone: str, why: str) -> Result[Current]:
    """AWSCURRENT went back, from the version `gone`; said until the next success or a `sync` (SAFETY.md D5)."""
    metrics.ROTATIONS.labels(one.spec.method, "RolledBack").inc()
    text = f"rolled back from version {gone[:8]} to {current.version[:8]} {why}; the next rotation, or rotated-rds.io/sync, ends this"
    status = report.rotation_status(one, last_error=text, attempts=None, not_before=None, held_back=None, retained=None)
    return fails(
        Reason.ROLLED_BACK,
        text,
        value=current,
        wake=rotation.next_moment(one.resource, one.spec, one.before, one.now) or one.now + _TRY_AGAIN,
        rotation=status,
        history=report.with_line(one, current.version, one.now, "RolledBack", one.clock()),
        requests=report.answered(one, "Done", text, ("rollback",)),
    )


def refused(one: Pass, current: str, no: Refused) -> Result[Current]:
    """Asked for, and not to be had: everything stays as it is."""
    result = "Refused" if isinstance(no, NothingBefore) else "Failed"
    idle = report.idle(one, current, by=one.now)
    return replace(idle, status={**idle.status, "requests": report.answered(one, result, no.message, ("rollback",))})


def not_carried_out(one: Pass, current: str, no: Refused, why: str, *, wake: datetime) -> Result[Current]:
    """A failed rollout would have taken the credential back (`restarts.onFailure`), and there is none, or it does not get in."""
    if isinstance(no, NothingBefore):
        return report.idle(one, current, by=wake)
    text = f"not rolled back {why}: {no.message}"
    return fails(no.reason, text, value=Current(current), wake=wake, rotation=report.rotation_status(one, held_back=None, last_error=text))
