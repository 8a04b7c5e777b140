"""What a locked session promises, and the ways in which it can end: the same words for all engines."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from rotated_rds.model.alternating import Pair
from rotated_rds.model.database import Endpoint, Login, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable

LOGIN_TIMEOUT = timedelta(seconds=5)  # name lookup, TCP, TLS and handshake together
STATEMENT_TIMEOUT = timedelta(seconds=3)
SERVER_TIMEOUT = timedelta(seconds=2.5)  # the server gives up before us, so that it does not go on behind our back
LOCK_TIMEOUT = timedelta(seconds=2)
# The server ends a session that nobody uses any more, so that a dead client's lock does not stay for hours.
IDLE_TIMEOUT = timedelta(seconds=60)

Fence = Callable[[float], None]
"""Called right before each statement that changes something, with the seconds that it may take; raises Unavailable (SAFETY.md A4)."""

_REASONS = {
    Verdict.REFUSED: Reason.LOGIN_FAILED,
    Verdict.UNREACHABLE: Reason.UNREACHABLE,
    Verdict.TLS: Reason.TLS_FAILED,
    Verdict.BUSY: Reason.SERVER_BUSY,
    Verdict.UNKNOWN: Reason.UNAVAILABLE,
}


class Session(Protocol):
    """Logged in, with time-outs, holding the database's own lock for one user. No change is sent that its `Fence` does not let begin."""

    writer: bool
    version: str
    address: str  # the resolved `ip:port` that it speaks to

    def check(self, user: str) -> None:
        """Make sure that `user`'s password may be changed here. Raises Refused, with the mend, before anything is changed; Unavailable."""

    def set_password(self, user: str, new: SecretStr, old: SecretStr | None) -> None:
        """Change a password. old: needed where the account changes its own.

        Raises Refused: a definite no, nothing was changed. Unavailable: likewise, but worth another try. LostAnswer: nobody knows.
        """

    def sessions_of(self, user: str) -> int:
        """Count the user's other sessions. Raises Refused(AdminInsufficient) where not all can be seen; Unavailable."""
        ...

    def user_exists(self, user: str) -> bool:
        """Look a user up. Raises Refused(AdminInsufficient), Unavailable."""
        ...

    def pair(self, pair: Pair) -> "PairSession":
        """The two users of AlternatingUsers, as this administrator may shape them."""
        ...


class PairSession(Protocol):
    """The two users of AlternatingUsers (SAFETY.md D1)."""

    def check(self) -> None:
        """Look for what one of them has and the other cannot be given. Changes nothing. Raises Refused, Unavailable."""

    def traits(self, user: str) -> frozenset[str]:
        """Say all that can be compared of a user, in the server's own words; empty where there is no such user."""
        ...

    def make_ready(self, user: str) -> None:
        """Let `user` be the next in turn: the clone is made, and made like the base; the base stays as it is, but for `owner`.

        It may be repeated. Raises Refused, Unavailable.
        """

    def is_locked(self) -> bool:
        """Whether the clone is there and no password lets it in."""
        ...

    def lock(self) -> None:
        """Let nobody log in as the clone any more; sessions that are open go on. It may be repeated. Raises Refused, Unavailable."""


@runtime_checkable
class TwoPasswords(Session, Protocol):
    """A session with an engine that can let one user have two passwords."""

    def check_two(self, user: str) -> None:
        """Make sure that this session may give `user` a second password. Raises Refused, with the mend, before any change; Unavailable."""

    def set_beside(self, user: str, new: SecretStr, kept: SecretStr) -> None:
        """Set `new`; `kept`, which must be the primary password until now, logs in as well (SAFETY.md D2). Raises as `set_password`."""

    def leave_alone(self, user: str, kept: SecretStr) -> None:
        """Let nothing but `kept` log in, which must be the primary password. Raises as `set_password`."""


class LostAnswer(Unavailable):
    """A change was sent and no answer came: it may have been made, or may be made yet."""


class LoginRefused(Refused):
    """The session's own login got an answer, and it was no."""

    def __init__(self, reason: Reason, message: str, login: Login) -> None:
        super().__init__(reason, message)
        self.login = login


class LoginUnavailable(Unavailable):
    """The session's own login got no answer about the password."""

    def __init__(self, reason: Reason, message: str, login: Login) -> None:
        super().__init__(reason, message)
        self.login = login


class Said(Exception):
    """The server answered a statement with an error. code: SQLSTATE or number. definite: the statement surely changed nothing."""

    def __init__(self, code: str, *, definite: bool) -> None:
        super().__init__(code)
        self.code = code
        self.definite = definite


class Lost(Exception):
    """The connection broke, or the deadline passed, before a statement's answer came."""


def not_logged_in(endpoint: Endpoint, username: str, login: Login) -> Problem:
    """Make the error for a session that could not log in, or got in and was cut off before it knew where it is."""
    if login.verdict is Verdict.OK and not login.code:
        return lost(endpoint)
    reason = _REASONS.get(login.verdict, Reason.LOGIN_RESTRICTED)
    code = f" ({login.code})" if login.code else ""
    message = f"{endpoint.engine} at {endpoint.address}: login of {username!r}: {login.verdict}{code}"
    if login.verdict in (Verdict.UNREACHABLE, Verdict.BUSY, Verdict.UNKNOWN, Verdict.TLS):
        return LoginUnavailable(reason, message, login)
    return LoginRefused(reason, message, login)


def digest(user: str) -> bytes:
    """Shorten a user's name to what names its lock."""
    return hashlib.sha256(user.encode()).digest()


def locked_elsewhere(user: str) -> Unavailable:
    return Unavailable(Reason.UNAVAILABLE, f"another session is changing the password of {user!r}: waiting for it")


def lost(endpoint: Endpoint) -> Unavailable:
    return Unavailable(Reason.UNREACHABLE, f"{endpoint.engine} at {endpoint.address} stopped answering")


def unlucky(endpoint: Endpoint, error: Said) -> Unavailable:
    return Unavailable(Reason.UNAVAILABLE, f"{endpoint.engine} at {endpoint.address} answered {error.code}: tried again later")


def not_the_writer(endpoint: Endpoint) -> Unavailable:
    return Unavailable(Reason.UNAVAILABLE, f"{endpoint.engine} at {endpoint.address} is read-only: it is not the writer")


def nobody_knows(endpoint: Endpoint) -> LostAnswer:
    return LostAnswer(Reason.UNAVAILABLE, f"{endpoint.engine} at {endpoint.address} gave no answer to a change of password")


@contextmanager
def changing(endpoint: Endpoint, fence: Fence, refusal: Callable[[Said], Exception]) -> Generator[None]:
    """Around the statement of a change: a definite no is told by `refusal`; of all else nobody knows (LostAnswer)."""
    fence(STATEMENT_TIMEOUT.total_seconds())
    try:
        yield
    except Said as error:
        raise (refusal(error) if error.definite else nobody_knows(endpoint)) from None
    except Lost:
        raise nobody_knows(endpoint) from None
