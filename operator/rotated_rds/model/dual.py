"""Strategy DualPassword: what is the database's primary password, and how the next one is set beside AWSCURRENT's (SAFETY.md D2)."""

from enum import StrEnum

from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Engine, Verdict
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Spec, Strategy

PRIMARY = "rotated-rds.io/primary"
"""The staging label of the version whose password the database has as its primary one."""


class How(StrEnum):
    """How a new password is set so that AWSCURRENT's goes on to log in."""

    BESIDE = "beside"  # AWSCURRENT is the primary: MySQL retains it; MariaDB is told both in any case
    PLAIN = "plain"  # AWSCURRENT is MySQL's second password already, which a change of the primary leaves alone
    RENEW = "renew"  # nobody knows the primary: AWSCURRENT's own is made it, which takes nothing from it; BESIDE then
    WAIT = "wait"  # whether the labelled version still logs in could not be found out


def is_more_than_primary(state: SecretState, version: str) -> bool:
    """Whether a version carries a label that only who was AWSCURRENT has; the primary's comes before that."""
    return bool(state.versions.get(version, frozenset()) - {PRIMARY})


def other_primary(state: SecretState) -> str | None:
    """The version that is labelled as the primary instead of AWSCURRENT, as after a rollback.

    None where AWSCURRENT is labelled; and without a label, as there was no second password yet.
    """
    held = state.holder(PRIMARY)
    return None if held == state.current else held


def is_other(labelled: Credential | None, current: Credential) -> bool:
    """Whether the labelled version is another password than AWSCURRENT's: a new endpoint makes a new version with the same one."""
    return labelled is None or (labelled.username, labelled.password) != (current.username, current.password)


def how(engine: Engine, *, other: bool, login: Verdict | None) -> How:
    """How to set a password that was refused inside the lock.

    other: another version is labelled as the primary. login: how its login ended; None where it holds no value.
    """
    if engine is Engine.MARIADB or not other:
        return How.BESIDE
    if login is None or login is Verdict.REFUSED:
        return How.RENEW
    return How.PLAIN if login.proves else How.WAIT


def is_dual(spec: Spec) -> bool:
    return spec.rotation.strategy is Strategy.DUAL_PASSWORD


def unsupported(spec: Spec, engine: Engine) -> str | None:
    """Why the strategy cannot be with this engine, which may have been found out only now; with the mend."""
    if not is_dual(spec):
        return None
    if engine is Engine.POSTGRES:
        return "spec.rotation.strategy: PostgreSQL keeps one password a user, so DualPassword cannot be; set AlternatingUsers or SingleUser"
    if engine is Engine.MARIADB and not spec.user.admin_secret_id:
        return "spec.rotation.strategy: DualPassword on MariaDB needs an administrator; set spec.user.adminSecretId, or SingleUser"
    return None
