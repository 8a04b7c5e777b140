"""What AWSPENDING means while no rotation of ours is under way, and who may take it off (SAFETY.md A2)."""

from rotated_rds.acts import report, report_hindrance
from rotated_rds.acts.view import Pass
from rotated_rds.model import rotation
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import Result
from rotated_rds.model.steps import Facts, PendingIs, Step, next_step
from rotated_rds.model.verified import Current


def tidy(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """Take it off where it may not stay. None: nothing is in the way any more."""
    pending, current = state.pending, state.current or ""
    if pending is None:
        return None
    kind = rotation.classify(state, None, has_value=True, older=is_old(one, state, pending))
    tried = login(one, endpoint, state, current) if kind is PendingIs.OLD else None
    step = next_step(Facts(kind, current_login=tried))
    if step is Step.TIDY:
        one.secrets.take_off_pending(state.arn, pending)
        return None
    return _foreign(one, endpoint, state) if step is Step.FOREIGN else report.idle(one, current)


def is_old(one: Pass, state: SecretState, version: str) -> bool:
    """It was AWSCURRENT before, failed before, or was made before AWSCURRENT: never to be promoted."""
    if rotation.is_spent(one.before, version):
        return True
    made = {known.id: known.created for known in one.secrets.versions(state.arn)}
    return version in made and state.current in made and made[version] < made[state.current]


def _foreign(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """Somebody else's: its login says whether the database has it; only force-rotate takes a dead one off."""
    pending, current = state.pending or "", state.current or ""
    tried = login(one, endpoint, state, pending)
    if tried is Verdict.REFUSED and one.asks("force-rotate") and login(one, endpoint, state, current) is Verdict.OK:
        one.secrets.take_off_pending(state.arn, pending)
        return None
    return report_hindrance.foreign(one, current, pending, tried)


def login(one: Pass, endpoint: Endpoint | None, state: SecretState, version: str) -> Verdict | None:
    """How a version's login ends, perhaps from memory; None where it holds no value or there is nowhere to try it."""
    value = None if endpoint is None else one.secrets.value(state.arn, version)
    if endpoint is None or value is None:
        return None
    return one.world.logins.try_version(endpoint, version, value.username, value.password).verdict
