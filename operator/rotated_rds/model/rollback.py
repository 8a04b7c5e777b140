"""Back to the credential before: where there is one, and when nobody has to ask for it (SAFETY.md D5)."""

from collections.abc import Mapping
from datetime import datetime

from rotated_rds.model.credential import Credential
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.restarts import REVERTED
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method, Spec, Strategy
from rotated_rds.model.status import Status, WorkloadStatus

_NOTHING = "nothing to roll back to"


class NothingBefore(Refused):
    """There is no credential to go back to."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.ROLLED_BACK, message)


def unfit(spec: Spec) -> str | None:
    """Why a resource can never be rolled back, with the mend; None where it can."""
    if spec.method is not Method.OPERATOR:
        return f"rollback is for method Operator: with {spec.method} whoever rotates the secret takes it back"
    if spec.rotation.strategy is Strategy.SINGLE_USER:
        return f"{_NOTHING}: with strategy SingleUser the password before is gone; set AlternatingUsers or DualPassword, or ask for rotate"
    return None


def is_older(one: str | None, other: str | None, made: Mapping[str, datetime]) -> bool:
    """Whether a version was surely made before another. made: by version id."""
    first, second = made.get(one or ""), made.get(other or "")
    return first is not None and second is not None and first < second


def nothing(strategy: Strategy, current: Credential, previous: Credential) -> str | None:
    """Why AWSPREVIOUS, though older, is no other credential than AWSCURRENT; None where it is."""
    if strategy is Strategy.ALTERNATING_USERS and previous.username == current.username:
        return f"{_NOTHING}: AWSPREVIOUS {previous.version[:8]} is of the same user, whose password before is gone"
    if strategy is Strategy.DUAL_PASSWORD and previous.password == current.password:
        return f"{_NOTHING}: AWSPREVIOUS {previous.version[:8]} has the same password"
    return None


def no_older(state: SecretState) -> str:
    """Why there is nothing: AWSPREVIOUS is missing, or is the newer one since a rollback."""
    previous = state.previous
    return f"{_NOTHING}: " + (f"AWSPREVIOUS {previous[:8]} is not older than AWSCURRENT" if previous else "AWS has no AWSPREVIOUS version")


def carried_out(state: SecretState, before: Status, made: Mapping[str, datetime]) -> bool:
    """Whether AWSCURRENT has gone back from the published version already: by us, in a pass whose status was lost.

    No old answer of AWS can look so: the published version became AWSPREVIOUS after it was AWSCURRENT.
    """
    return (
        before.version_id is not None
        and state.previous == before.version_id
        and is_older(state.current, state.previous, made)
        and not is_told(before, state.current)
    )


def is_told(before: Status, current: str | None) -> bool:
    """Whether the newest line of history is a rollback to this version: ours, and known to status."""
    newest = next(iter(before.history), None)
    return newest is not None and newest.result == "RolledBack" and newest.version_id == current


def failed_rollout(spec: Spec, before: Status) -> WorkloadStatus | None:
    """The workload whose failed rollout to the published version takes the credential back by itself (`restarts.onFailure: Rollback`)."""
    if spec.restarts.on_failure != "Rollback" or spec.suspend or unfit(spec) is not None:
        return None
    resumed = before.requests["resume"].time if "resume" in before.requests else None
    return next((one for one in before.workloads if _asks_for_it(one, before.version_id, resumed)), None)


def _asks_for_it(one: WorkloadStatus, version: str | None, resumed: datetime | None) -> bool:
    """A Pod template that somebody else keeps resetting would be reset after a rollback too."""
    if one.state != "Failed" or one.version_id != version or one.message == REVERTED:
        return False
    return resumed is None or one.since > resumed
