"""The bed's databases as the operator's rooms see them: endpoints, logins and locked sessions."""

import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pydantic import SecretStr

from rotated_rds.clients import databases
from rotated_rds.clients.databases import LOGIN_TIMEOUT, Session
from rotated_rds.clients.sessions import Fence
from rotated_rds.model.database import Endpoint, Engine, Login, Tls, TlsMode
from rotated_rds.model.errors import Reason, Refused
from tests.bed.bed import Bed, Facts
from tests.bed.databases import rds
from tests.bed.databases.server import Server, launch
from tests.support.databases import Options, drop_user, new_user
from tests.support.outages import stop

ENGINES = ("postgres", "mariadb", "mysql")


@dataclass(frozen=True)
class User:
    """A database user of the test's own."""

    name: str = field(default_factory=lambda: f"u_{secrets.token_hex(5)}")
    password: str = field(default_factory=lambda: f"Pw-1-{secrets.token_hex(8)}")


def endpoint(facts: Facts, tls: Tls | None = None, database: str | None = rds.DATABASE) -> Endpoint:
    """Where a server of the bed listens; verified against the bed's CA unless told otherwise."""
    chosen = tls or Tls(TlsMode.VERIFY_FULL, ca_file=str(facts["ca"]))
    return Endpoint(Engine(str(facts["engine"])), str(facts["host"]), int(str(facts["port"])), database, chosen)


def log_in_at(where: Endpoint, user: User, timeout: timedelta = LOGIN_TIMEOUT) -> Login:
    return databases.login(where, user.name, SecretStr(user.password), timeout=timeout)


def unfenced(_seconds: float) -> None:
    """Behind a session of a test's own stands no Lease."""


def own_session(where: Endpoint, user: User, fence: Fence = unfenced) -> AbstractContextManager[Session]:
    """The user's own session, which holds the user's lock."""
    return databases.session(where, user.name, SecretStr(user.password), user=user.name, fence=fence)


def admin_session(
    facts: Facts, user: str, where: Endpoint | None = None, admin: User | None = None, fence: Fence = unfenced
) -> AbstractContextManager[Session]:
    """The administrator's session, which holds the lock of `user`; the bed's master unless another is named."""
    who = admin or User(str(facts["admin_user"]), str(facts["admin_password"]))
    return databases.session(where or endpoint(facts), who.name, SecretStr(who.password), user=user, admin=True, fence=fence)


def made_at(facts: Facts, options: Options | None = None, user: User | None = None) -> User:
    """A user that stays, on a server that goes."""
    user = user or User()
    new_user(facts, user.name, user.password, options or Options())
    return user


@contextmanager
def user_at(facts: Facts, options: Options | None = None, user: User | None = None) -> Generator[User]:
    """A user for the block."""
    user = made_at(facts, options, user)
    try:
        yield user
    finally:
        drop_user(facts, user.name)


def restart(bed: Bed, facts: Facts, options: Sequence[str], answers: Callable[[], bool]) -> None:
    """Start a server again with more options on its command line."""
    server = Server.of(facts)
    stop(bed, facts)
    launch(bed, replace(server, argv=[*server.argv, *options]), lambda _: answers())


def refusal(session: Session, user: User) -> Reason | None:
    """Why a change is refused before it is made; None where it may be made."""
    try:
        session.check(user.name)
    except Refused as error:
        return error.reason
    return None


def refusal_of_own(facts: Facts, user: User, where: Endpoint | None = None) -> Reason | None:
    with own_session(where or endpoint(facts), user) as session:
        return refusal(session, user)


def refusal_of_admin(facts: Facts, user: User, where: Endpoint | None = None, admin: User | None = None) -> Reason | None:
    with admin_session(facts, user.name, where, admin) as session:
        return refusal(session, user)
