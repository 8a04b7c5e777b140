"""PostgreSQL: a session that holds a user's lock, and what may be done in it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from rotated_rds.clients import postgres_rules
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.postgres import open_wire
from rotated_rds.clients.postgres_pair import PostgresPair
from rotated_rds.clients.sessions import (
    IDLE_TIMEOUT,
    LOCK_TIMEOUT,
    SERVER_TIMEOUT,
    STATEMENT_TIMEOUT,
    Fence,
    Lost,
    Said,
    changing,
    digest,
    locked_elsewhere,
    lost,
    not_logged_in,
    not_the_writer,
    unlucky,
)
from rotated_rds.clients.versions import numbers, require_supported
from rotated_rds.clients.wire import Row, Wire
from rotated_rds.model.alternating import Pair
from rotated_rds.model.database import Endpoint

_LOCKED_ELSEWHERE = ("55P03", "57014")  # lock_timeout, statement_timeout
# With `ALTER ROLE x SET role = owner` x cannot change its own password; and no schema of the user's may catch our calls.
_SETTINGS = (
    "SET ROLE NONE; SET search_path TO pg_catalog; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
    f" SET tcp_keepalives_count = 3; SET lock_timeout = {LOCK_TIMEOUT.seconds * 1000};"
    f" SET statement_timeout = {int(SERVER_TIMEOUT.total_seconds() * 1000)}"
)


@contextmanager
def locked(
    endpoint: Endpoint,
    username: str,
    password: SecretStr,
    addresses: Sequence[str],
    deadline: Deadline,
    *,
    user: str,
    admin: bool,
    fence: Fence,
) -> Generator["PostgresSession"]:
    """Open a session that holds the user's lock. Raises what `databases.session` says."""
    login, wire = open_wire(endpoint, username, password.get_secret_value(), addresses, deadline)
    if wire is None:
        raise not_logged_in(endpoint, username, login)
    try:
        require_supported(endpoint.engine, login.server_version)
        opened = PostgresSession(endpoint, wire, username, admin, bool(login.writer), login.server_version, login.address, fence)
        opened.take_lock(user)
        yield opened
    finally:
        wire.close()


@dataclass
class PostgresSession:
    """A `sessions.Session`."""

    _endpoint: Endpoint
    _wire: Wire
    _username: str
    _admin: bool
    writer: bool
    version: str
    address: str
    _fence: Fence

    def take_lock(self, user: str) -> None:
        self._ask(_SETTINGS)
        if numbers(self.version) >= (14,):
            self._ask(f"SET idle_session_timeout = {IDLE_TIMEOUT.seconds * 1000}")
        try:
            self._wire.ask(f"SELECT pg_advisory_lock({lock_number(user)})", STATEMENT_TIMEOUT)
        except Said as error:
            raise (locked_elsewhere(user) if error.code in _LOCKED_ELSEWHERE else unlucky(self._endpoint, error)) from None
        except Lost:
            raise lost(self._endpoint) from None

    def check(self, user: str) -> None:
        rows = self._ask(postgres_rules.QUESTION.format(user=self._wire.literal(user)))
        account = postgres_rules.Account.read(rows[0]) if rows else None
        if objection := postgres_rules.objection(
            user, account, admin=self._username if self._admin else None, version=numbers(self.version)
        ):
            raise objection

    def set_password(self, user: str, new: SecretStr, old: SecretStr | None) -> None:  # noqa: ARG002  PostgreSQL asks for no old one
        if not self.writer:
            raise not_the_writer(self._endpoint)
        verifier = self._wire.verifier(user, new.get_secret_value())
        with changing(self._endpoint, self._fence, lambda error: self._refusal(user, error)):
            self._wire.ask(f"ALTER ROLE {self._wire.identifier(user)} PASSWORD {self._wire.literal(verifier)}", STATEMENT_TIMEOUT)

    def sessions_of(self, user: str) -> int:
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE usename = {self._wire.literal(user)} AND pid <> pg_backend_pid()"  # noqa: S608  a literal that libpq quoted
        return int(self._ask(sql)[0][0] or 0)

    def user_exists(self, user: str) -> bool:
        return bool(self._ask(f"SELECT 1 FROM pg_roles WHERE rolname = {self._wire.literal(user)}"))  # noqa: S608  likewise

    def pair(self, pair: Pair) -> PostgresPair:
        return PostgresPair(self._endpoint, self._wire, self._fence, self._ask, numbers(self.version), self._username, pair)

    def _ask(self, sql: str) -> list[Row]:
        try:
            return self._wire.ask(sql, STATEMENT_TIMEOUT)
        except Said as error:
            raise unlucky(self._endpoint, error) from None
        except Lost:
            raise lost(self._endpoint) from None

    def _refusal(self, user: str, error: Said) -> Exception:
        return postgres_rules.refusal(user, error.code, admin=self._admin) or unlucky(self._endpoint, error)


def lock_number(user: str) -> int:
    """63 bits: what pg_advisory_lock takes, without a sign."""
    return int.from_bytes(digest(user)[:8], "big") >> 1
