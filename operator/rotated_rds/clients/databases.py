"""The one door to databases: it knows which engine's room to enter, and nothing of the drivers leaves through it."""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

from pydantic import SecretStr

from rotated_rds.clients import mysql, mysql_session, postgres, postgres_session
from rotated_rds.clients.addresses import joined, resolve
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.sessions import (
    LOGIN_TIMEOUT,
    Fence,
    LoginRefused,
    LoginUnavailable,
    LostAnswer,
    Session,
    TwoPasswords,
    not_logged_in,
)
from rotated_rds.clients.versions import require_supported
from rotated_rds.model.database import TIMED_OUT, Endpoint, Engine, Login, Verdict

__all__ = [
    "LOGIN_TIMEOUT",
    "LoginRefused",
    "LoginUnavailable",
    "LostAnswer",
    "Session",
    "TwoPasswords",
    "login",
    "require_supported",
    "session",
]


def login(
    endpoint: Endpoint,
    username: str,
    password: SecretStr,
    *,
    timeout: timedelta = LOGIN_TIMEOUT,
    addresses: Sequence[str] | None = None,
) -> Login:
    """Log in once, ask whether it is a writer and which version it has, hang up. Raises nothing.

    timeout: for name lookup, TCP, TLS and handshake together; it holds against a black hole too.
    addresses: the host's IP addresses where they were looked up before.
    """
    deadline = Deadline(timeout)
    found = resolve(endpoint.host, endpoint.port, deadline) if addresses is None else addresses
    text = password.get_secret_value()
    if not found:
        return _not_found(deadline)
    if not username or "\0" in text or "\0" in username:  # drivers would send something else, and the answer would be about that
        return Login(Verdict.UNKNOWN, "unsendable", joined(found[0], endpoint.port))
    room = postgres if endpoint.engine is Engine.POSTGRES else mysql
    return room.login(endpoint, username, text, found, deadline)


@contextmanager
def session(endpoint: Endpoint, username: str, password: SecretStr, *, user: str, fence: Fence, admin: bool = False) -> Generator[Session]:
    """Log in as `username` and hold the database's own lock for `user` (SAFETY.md A3) until the end, which closes the session.

    fence: what lets its changes begin. Raises LoginRefused, LoginUnavailable: it cannot log in. Unavailable: no lock, as somebody else is
    changing the user; or no answer.
    Refused(UnsupportedEngine).
    """
    with _opener(endpoint, username, password, user, fence, admin=admin) as opened:
        yield opened


def _opener(
    endpoint: Endpoint, username: str, password: SecretStr, user: str, fence: Fence, *, admin: bool
) -> AbstractContextManager[Session]:
    deadline = Deadline(LOGIN_TIMEOUT)
    addresses = resolve(endpoint.host, endpoint.port, deadline)
    if not addresses:
        raise not_logged_in(endpoint, username, _not_found(deadline))
    room = postgres_session if endpoint.engine is Engine.POSTGRES else mysql_session
    return room.locked(endpoint, username, password, addresses, deadline, user=user, admin=admin, fence=fence)


def _not_found(deadline: Deadline) -> Login:
    return Login(Verdict.UNREACHABLE, TIMED_OUT if deadline.passed else "dns")
