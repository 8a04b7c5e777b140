"""What a strategy decides of one rotation; how a change is locked, tried, finished or undone is the same for all (change.py)."""

from dataclasses import dataclass
from typing import Protocol

from rotated_rds.acts.admin import Opener
from rotated_rds.acts.view import Pass
from rotated_rds.clients.databases import Session
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.credential import Credential, SecretValue
from rotated_rds.model.database import Endpoint, Login
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import InProgress


@dataclass(frozen=True)
class Turn:
    """One attempt at a rotation, as a strategy sees it. old: AWSCURRENT's credential."""

    one: Pass
    endpoint: Endpoint
    state: SecretState
    old: Credential
    progress: InProgress

    @property
    def scope(self) -> "Scope":
        return Scope(self.one.secrets, self.one.world.logins, self.endpoint, self.state, self.old)


@dataclass(frozen=True)
class Scope:
    """The secret and the database of one rotation, as far as a way needs them. old: AWSCURRENT's credential."""

    secrets: SecretsManager
    logins: Logins
    endpoint: Endpoint
    state: SecretState
    old: Credential


def require_other(opener: Opener, new: Credential) -> None:
    """Asked once the new password was refused: it cannot be what opened this session. Raises Unavailable."""
    if opener.version == new.version:
        raise Unavailable(Reason.UNAVAILABLE, f"the password of {new.username!r} changed while we waited for its lock; looking again")


def require_writer(session: Session, endpoint: Endpoint, what: str = "the rotation") -> None:
    """A password is changed on the writer alone. Raises Unavailable."""
    if not session.writer:
        raise Unavailable(Reason.UNREACHABLE, f"{endpoint.address} is not a writer now; {what} waits for the writer")


class Way(Protocol):
    """How one new password gets into the database, and out again. Each part runs in the one locked session."""

    @property
    def opener(self) -> Opener:
        """Who opens the session."""
        ...

    @property
    def lock(self) -> str:
        """The user under whose name the database's lock is held (SAFETY.md A3)."""
        ...

    def check(self, session: Session) -> None:
        """Make sure that the password may be changed, before it is stored or set; changes nothing.

        Raises Refused with the mend, Unavailable.
        """

    def prepare(self, session: Session) -> None:
        """Make ready all but the password, on every attempt, before a login is believed. Raises Refused: a definite no; Unavailable."""

    def set(self, session: Session) -> None:
        """Set the new password. Raises as `Session.set_password` does."""

    def announce(self) -> None:
        """Tell AWS what it must know of the database before AWSCURRENT moves. Raises as a write to AWS does."""

    def put_back(self, session: Session) -> str:
        """Restore what the database had (SAFETY.md C2); the AWS version that holds it. Raises as `Session.set_password` does."""
        ...

    def objection(self, login: Login) -> Refused | None:
        """What is wrong with a login of the new password that proved it; None for nothing."""
        ...


class Strategy(Protocol):
    """What a rotation is made of. One object serves one attempt."""

    @property
    def trusts_login(self) -> bool:
        """Whether a login with AWSPENDING proves that an earlier attempt did all there was to do in the database."""
        ...

    def new_value(self) -> SecretValue:
        """What the new version is to hold. Raises Refused."""
        ...

    def way(self, new: Credential) -> Way:
        """How the new version's password is set. Raises Refused, Unavailable; LoginRefused only where the opener is an administrator."""
        ...
