"""The first password of a secret that does not exist yet (SAFETY.md E1): the user's own, or one that an administrator sets."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from rotated_rds.acts.admin import Opener, locked
from rotated_rds.clients.aws import Exists
from rotated_rds.clients.databases import Session
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.credential import SecretValue
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.errors import Reason, Refused, Unavailable


@dataclass(frozen=True)
class NewSecret:
    """The AWS secret to create. token: its first version's id, derived (SAFETY.md A1)."""

    name: str
    token: str
    tags: Mapping[str, str]
    description: str | None
    kms_key_id: str | None


def create_from_given(secrets: SecretsManager, logins: Logins, endpoint: Endpoint, wanted: NewSecret, value: SecretValue) -> None:
    """Store a password that somebody set already; it must log in first. Raises Refused(InitialPasswordMissing), Unavailable."""
    tried = logins.try_version(endpoint, f"first of {wanted.name}", value.username, value.password)
    if tried.verdict is Verdict.REFUSED:
        raise Refused(
            Reason.INITIAL_PASSWORD_MISSING,
            f"spec.user.passwordSecretRef: {endpoint.address} refuses that password for "
            f"{value.username!r} ({tried.code}); store the one that is in use",
        )
    if tried.verdict is not Verdict.OK:
        raise Unavailable(
            Reason.UNAVAILABLE,
            f"spec.user.passwordSecretRef: not tried at {endpoint.address} ({tried.verdict} "
            f"{tried.code}); nothing is created before it logs in",
        )
    store(secrets, wanted, value)


def store(secrets: SecretsManager, wanted: NewSecret, value: SecretValue) -> None:
    """CreateSecret with its first version. Raises Unavailable when the name was taken meanwhile: the next pass sees by whom."""
    try:
        secrets.create(wanted.name, wanted.token, value, tags=wanted.tags, description=wanted.description, kms_key_id=wanted.kms_key_id)
    except Exists:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS secret {wanted.name} came into being meanwhile; looking again") from None


def check_user(session: Session, user: str, *, take_over: bool) -> None:
    """May an administrator set this user's first password? Raises Refused(UserNotFound, InitialPasswordMissing)."""
    if not session.user_exists(user):
        raise Refused(Reason.USER_NOT_FOUND, f"spec.user.name: the database has no user {user!r}; create it, with the grants that it needs")
    session.check(user)
    busy = 0 if take_over else session.sessions_of(user)
    if busy:
        raise Refused(
            Reason.INITIAL_PASSWORD_MISSING,
            f"user {user!r} has {busy} open sessions: somebody knows its password; give it in "
            "spec.user.passwordSecretRef, or set spec.user.takeOver: true",
        )


def set_first(
    secrets: SecretsManager,
    logins: Logins,
    endpoint: Endpoint,
    admin: Opener,
    version: str,
    username: str,
    password: SecretStr,
    *,
    take_over: bool,
) -> None:
    """An administrator sets the stored first password, unless it logs in already. Raises Refused, Unavailable; it may be repeated."""
    with locked(secrets, endpoint, admin, username) as session:
        if logins.try_version(endpoint, version, username, password, again=True).verdict.proves:
            return
        check_user(session, username, take_over=take_over)
        session.set_password(username, password, None)
    logins.forget(version)
