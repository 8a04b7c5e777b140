"""The administrator of a database: whose secret it is, whether it fits, and what it may be used for."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from rotated_rds.acts.view import Pass
from rotated_rds.clients import addresses, databases
from rotated_rds.clients.databases import Session
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.credential import SecretValue
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, SecretState

FIELD = "spec.user.adminSecretId"
_PATIENCE = timedelta(minutes=10)
_PRIMARY_TAGS = ("aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn")


@dataclass(frozen=True)
class Opener:
    """Who opens the session that changes a password. arn: of an administrator's secret."""

    username: str
    password: SecretStr
    admin: bool = False
    version: str = ""
    arn: str = ""


def locked(secrets: SecretsManager, endpoint: Endpoint, opener: Opener, user: str) -> AbstractContextManager[Session]:
    """The opener's session, which holds the lock of `user`; its changes begin only while the Lease lasts (SAFETY.md A4).

    Raises what `databases.session` says.
    """
    fence = secrets.aws.fence
    return databases.session(endpoint, opener.username, opener.password, user=user, admin=opener.admin, fence=fence)


def administrator(one: Pass, endpoint: Endpoint, user: str) -> Opener:
    """The administrator that the spec names, as far as the namespace may use it. Raises Refused, Unavailable."""
    found = find_admin(one.secrets, one.spec.user.admin_secret_id or "")
    one.permit.check_admin_secret(found.arn)
    return read_admin(one.secrets, found, endpoint, user)


def find_admin(secrets: SecretsManager, secret_id: str, field: str = FIELD) -> SecretState:
    """Describe the administrator's secret, before its value is read. field: where it is named. Raises Refused, Unavailable."""
    if not secret_id:
        raise Refused(Reason.ADMIN_INSUFFICIENT, f"{field}: needed as long as two users take turns; put it back")
    state = secrets.describe(secret_id)
    if state is None or state.deleted_at:
        raise Refused(Reason.ADMIN_MISMATCH, f"{field}: there is no AWS secret {secret_id!r}; name the administrator's secret")
    return state


def read_admin(secrets: SecretsManager, state: SecretState, endpoint: Endpoint, user: str, field: str = FIELD) -> Opener:
    """The administrator's credential, by version id, never its AWSPENDING (SAFETY.md C8).

    Raises Refused(AdminMismatch, NotAllowed, MalformedSecret).
    """
    current = state.current
    value = secrets.value(state.arn, current, CURRENT) if current else None
    if current is None or value is None:
        raise Refused(Reason.ADMIN_MISMATCH, f"{field}: {state.name} has no AWSCURRENT value; store the administrator's credential in it")
    _fits(state, value, endpoint, field)
    if value.username == user:
        raise Refused(Reason.NOT_ALLOWED, f"{user!r} is the administrator of {field} itself; name an application's user")
    return Opener(value.username, value.password, admin=True, version=current, arn=state.arn)


def admin_refused(one: Pass, refused: Problem) -> Problem:
    """The administrator did not get in: its own password may be rotating, for ten minutes (SAFETY.md C8)."""
    if one.world.ages.older_than("admin refused", one.key, _PATIENCE, one.now):
        return Refused(Reason.ADMIN_REFUSED, f"{FIELD}: {refused.message} for 10 min; store the administrator's present password there")
    return Unavailable(Reason.UNAVAILABLE, f"{FIELD}: {refused.message}; read again, as its password may be rotating")


def _fits(state: SecretState, value: SecretValue, endpoint: Endpoint, field: str) -> None:
    if value.host is None:
        if state.owning_service == "rds" and any(tag in state.tags for tag in _PRIMARY_TAGS):
            return
        raise Refused(Reason.ADMIN_MISMATCH, f'{field}: {state.name} names no host; add "host" to its JSON')
    if value.host.lower() != endpoint.host.lower() and not same_place(value.host, endpoint):
        raise Refused(
            Reason.ADMIN_MISMATCH,
            f"{field}: {state.name} is for host {value.host}, this database is {endpoint.host}; name its administrator's secret",
        )


def same_place(host: str, endpoint: Endpoint) -> bool:
    """Two names of one address: an alias, or the address itself."""
    deadline = Deadline(databases.LOGIN_TIMEOUT)
    here = addresses.resolve(endpoint.host, endpoint.port, deadline)
    return bool(set(here) & set(addresses.resolve(host, endpoint.port, deadline)))
