"""Strategy DualPassword: the password before is discarded when nobody needs it any more (SAFETY.md D2, D3, E4)."""

from datetime import timedelta

from rotated_rds.acts import dependents, report
from rotated_rds.acts.admin import Opener, administrator, locked
from rotated_rds.acts.dual import two
from rotated_rds.acts.view import Pass
from rotated_rds.clients.databases import Session
from rotated_rds.model import dual, holds
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint, Engine, Verdict
from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, SecretState
from rotated_rds.model.status import Result
from rotated_rds.model.verified import Current

_AGAIN = timedelta(minutes=1)


def settle(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current] | None:
    """Discard the password before, if there is one and it is time. None: nothing is to be done."""
    version, current = _retained(one, state), state.current or ""
    if version is None:
        return None
    if needed(one, state) is not None:
        ends = holds.grace_ends(one.before, one.spec.rotation.grace_period)
        return report.idle(one, current, by=ends if ends and ends > one.now else one.now + _AGAIN, retained=version)
    try:
        ended = _end(one, endpoint, state)
    except Unavailable:
        ended = False
    except Refused as no:
        return report.not_discarded(one, current, version, no)
    return report.idle(one, current, retained=None) if ended else report.idle(one, current, by=one.now + _AGAIN, retained=version)


def _retained(one: Pass, state: SecretState) -> str | None:
    """The version whose password is to end; with status lost, AWSPREVIOUS, as to discard twice changes nothing."""
    labelled = state.holder(PRIMARY)
    if labelled is None:
        return None
    if _is_left(one):
        return one.before.rotation.retained or labelled  # whoever leaves the strategy takes the label off, and discards first (E4)
    return one.before.rotation.retained or (state.previous if one.before.version_id is None else None)


def _is_left(one: Pass) -> bool:
    """Whether the spec asks for another strategy."""
    return one.towards is not None or not dual.is_dual(one.spec)


def needed(one: Pass, state: SecretState) -> str | None:
    """Why the credential before is still needed; None: nobody needs it (SAFETY.md D3)."""
    unready = next((known for known in one.before.workloads if known.state in ("Pending", "Rolling", "Failed")), None)
    if unready is not None:
        return f"{unready.kind}/{unready.name} is {unready.state}"
    return dependents.in_use(one, state).why(one.now)


def _end(one: Pass, endpoint: Endpoint, state: SecretState) -> bool:
    """Under the lock, with AWSCURRENT logging in before and after. False: something has moved meanwhile; later."""
    version = state.current or ""
    value = one.secrets.value(state.arn, version, CURRENT)
    if value is None:
        return False
    current = Credential(version, value)
    opener = _opener(one, endpoint, current)
    with locked(one.secrets, endpoint, opener, current.username) as session:
        seen = seen_unmoved(one, endpoint, state, session, current)
        return seen is not None and _discard(one, endpoint, seen, current, session)


def seen_unmoved(one: Pass, endpoint: Endpoint, state: SecretState, session: Session, current: Credential) -> SecretState | None:
    """The secret under the lock: still ours, AWSCURRENT where it was and logging in, nothing pending, on the writer; else None."""
    seen = one.secrets.describe(state.arn)
    if seen is None or (seen.owner, seen.current, seen.pending) != (one.world.owner(one.key), state.current, None):
        return None
    return seen if session.writer and _logs_in(one, endpoint, current) else None


def _discard(one: Pass, endpoint: Endpoint, seen: SecretState, current: Credential, session: Session) -> bool:
    leaving = _is_left(one)
    if _is_second(one, seen, current):
        if not leaving:
            return False  # after a rollback: what would be discarded is AWSCURRENT (D2)
        session.set_password(current.username, current.password, None)
    two(session).leave_alone(current.username, current.password)
    if not _logs_in(one, endpoint, current, again=True):
        session.set_password(current.username, current.password, None)
        raise Refused(Reason.ROTATION_FAILED, "AWSCURRENT's password went with the one before; it was put back")
    if leaving and (labelled := seen.holder(PRIMARY)):
        one.secrets.take_off(seen.arn, PRIMARY, labelled)
    return True


def _is_second(one: Pass, seen: SecretState, current: Credential) -> bool:
    labelled = dual.other_primary(seen)
    value = one.secrets.value(seen.arn, labelled) if labelled else None
    return labelled is not None and dual.is_other(Credential(labelled, value) if value else None, current)


def _logs_in(one: Pass, endpoint: Endpoint, current: Credential, *, again: bool = False) -> bool:
    """Before the change it must log in; after it only a refusal counts."""
    login = one.world.logins.try_version(endpoint, current.version, current.username, current.password, again=True)
    return login.verdict is not Verdict.REFUSED if again else login.verdict is Verdict.OK


def _opener(one: Pass, endpoint: Endpoint, current: Credential) -> Opener:
    """The administrator, where there is one: all accounts of the name change together (C5)."""
    if one.spec.user.admin_secret_id and endpoint.engine is not Engine.POSTGRES:
        return administrator(one, endpoint, current.username)
    if endpoint.engine is Engine.MARIADB:
        raise Refused(
            Reason.ADMIN_INSUFFICIENT,
            "spec.user.adminSecretId: on MariaDB only an administrator takes a second password away; leave it in until that is done",
        )
    return Opener(current.username, current.password, version=current.version)
