"""MySQL and MariaDB: a session that holds a user's lock, and what may be done in it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from rotated_rds.clients import mysql_rules as rules
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.line import Line, literal
from rotated_rds.clients.mysql import open_line
from rotated_rds.clients.mysql_pair import MySQLPair
from rotated_rds.clients.mysql_statements import alone, beside, change
from rotated_rds.clients.sessions import (
    IDLE_TIMEOUT,
    LOCK_TIMEOUT,
    SERVER_TIMEOUT,
    STATEMENT_TIMEOUT,
    Fence,
    Lost,
    Said,
    digest,
    locked_elsewhere,
    lost,
    nobody_knows,
    not_logged_in,
    not_the_writer,
    unlucky,
)
from rotated_rds.clients.versions import require_supported
from rotated_rds.clients.wire import Row
from rotated_rds.model.alternating import Pair
from rotated_rds.model.database import Endpoint, Engine
from rotated_rds.model.errors import Problem, Refused

_STATEMENT_LIMIT = {
    Engine.MYSQL: f"max_execution_time = {int(SERVER_TIMEOUT.total_seconds() * 1000)}",
    Engine.MARIADB: f"max_statement_time = {SERVER_TIMEOUT.total_seconds()}",
}


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
) -> Generator["MySQLSession"]:
    """Open a session that holds the user's lock. Raises what `databases.session` says.

    The lock is the whole server's, so an administrator needs no right on the applications' database, and is in none.
    """
    where = replace(endpoint, database=None) if admin else endpoint
    login, line = open_line(where, username, password.get_secret_value(), addresses, deadline)
    if line is None:
        raise not_logged_in(endpoint, username, login)
    try:
        require_supported(endpoint.engine, login.server_version)
        opened = MySQLSession(endpoint, line, username, admin, bool(login.writer), login.server_version, login.address, fence)
        opened.take_lock(user)
        yield opened
    finally:
        line.close()


@dataclass
class MySQLSession:
    """A `sessions.TwoPasswords` for both engines of the family."""

    _endpoint: Endpoint
    _line: Line = field(repr=False)
    _username: str
    _admin: bool
    writer: bool
    version: str
    address: str
    _fence: Fence

    def take_lock(self, user: str) -> None:
        seconds = LOCK_TIMEOUT.seconds
        self._ask(
            f"SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}, wait_timeout = {IDLE_TIMEOUT.seconds},"
            f" {_STATEMENT_LIMIT[self._endpoint.engine]}, sql_mode = 'NO_BACKSLASH_ESCAPES'"
        )
        if self._ask(f"SELECT GET_LOCK({literal(lock_name(user))}, {seconds})") != [("1",)]:
            raise locked_elsewhere(user)

    def check(self, user: str) -> None:
        if objection := self._objection(user):
            raise objection

    def check_two(self, user: str) -> None:
        grants = [] if self._admin or self._endpoint.engine is Engine.MARIADB else [str(row[0]) for row in self._grants()]
        if objection := rules.objection_to_two(self._endpoint.engine, user, grants, admin=self._admin):
            raise objection

    def set_password(self, user: str, new: SecretStr, old: SecretStr | None) -> None:
        accounts, hashed = self._to_change(user)
        self._change(user, change(self._endpoint.engine, accounts, new, old, hashed=hashed), len(accounts) or 1)

    def set_beside(self, user: str, new: SecretStr, kept: SecretStr) -> None:
        accounts, hashed = self._to_change(user)
        self._change(user, beside(self._endpoint.engine, accounts, new, kept, hashed=hashed), len(accounts) or 1)

    def leave_alone(self, user: str, kept: SecretStr) -> None:
        accounts, hashed = self._to_change(user)
        self._change(user, alone(self._endpoint.engine, accounts, kept, hashed=hashed), len(accounts) or 1)

    def _to_change(self, user: str) -> tuple[list[rules.Account], bool]:
        """The accounts whose password a change is about, none for one's own; and whether it travels as a hash (SAFETY.md C4, C5)."""
        if not self.writer:
            raise not_the_writer(self._endpoint)
        if self._admin:
            accounts = [one for one in self._accounts(user) if one.has_password]
            if not accounts:
                raise rules.no_such_user(user)
            native = all(one.native for one in accounts)
        else:
            accounts = []
            native = self._own_is_native()
        hashed = self._endpoint.engine is Engine.MARIADB and native and self._takes_hashes()
        if not hashed and not self._endpoint.tls.mode.verified:
            raise rules.clear_text(self._endpoint)
        return accounts, hashed

    def sessions_of(self, user: str) -> int:
        try:
            self._say("SELECT 1 FROM information_schema.INNODB_TRX LIMIT 1")  # refused to who lacks PROCESS
        except Said as error:
            raise rules.cannot_see(self._username, "PROCESS", error.code) from None
        [(own,)] = self._ask("SELECT CONNECTION_ID()")
        return sum(1 for connection, name, *_ in self._ask("SHOW PROCESSLIST") if name == user and connection != own)

    def user_exists(self, user: str) -> bool:
        return bool(self._accounts(user))

    def pair(self, pair: Pair) -> MySQLPair:
        return MySQLPair(self._endpoint, self._fence, self._read, self._say, self._username, pair)

    def _objection(self, user: str) -> Refused | None:
        if self._admin:
            accounts = self._accounts(user)
            power = self._read(rules.power_question(self._endpoint.engine, user)) if accounts else []
            may_alter = rules.may_alter([str(row[0]) for row in self._grants()])
            return rules.objection_to_admin(self._endpoint, user, accounts, power, admin=self._username, may_alter=may_alter)
        [(current,)] = self._ask("SELECT CURRENT_USER()")
        [(created,)] = self._ask("SHOW CREATE USER CURRENT_USER()")
        return rules.objection_to_own(self._endpoint, user, str(current), str(created))

    def _accounts(self, user: str) -> list[rules.Account]:
        return [rules.Account.read(row) for row in self._read(rules.accounts_question(self._endpoint.engine, user))]

    def _grants(self) -> list[Row]:
        """Everything granted to this session, by its roles too."""
        [(roles,)] = self._ask("SELECT CURRENT_ROLE()")
        if self._endpoint.engine is Engine.MARIADB or roles in (None, "NONE"):
            return self._ask("SHOW GRANTS")  # MariaDB's lists the role's grants by itself
        return self._ask(f"SHOW GRANTS FOR CURRENT_USER() USING {roles}")

    def _own_is_native(self) -> bool:
        if self._endpoint.engine is Engine.MYSQL:
            return False
        [(created,)] = self._ask("SHOW CREATE USER CURRENT_USER()")
        return rules.native_alone(str(created))

    def _takes_hashes(self) -> bool:
        [(validators, strict)] = self._ask(
            "SELECT (SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION'"
            " AND PLUGIN_STATUS = 'ACTIVE'), @@global.strict_password_validation"
        )
        return validators == "0" or strict == "0"

    def _change(self, user: str, sql: str, count: int) -> None:
        """Send a change of so many accounts."""
        self._fence(STATEMENT_TIMEOUT.total_seconds())
        try:
            self._say(sql)
        except Said as error:
            raise self._rejection(user, error, count) from None
        except Lost:
            raise nobody_knows(self._endpoint) from None

    def _rejection(self, user: str, error: Said, count: int) -> Problem:
        if self._endpoint.engine is Engine.MARIADB:
            error = self._cause(error, count)
        if not error.definite:
            return nobody_knows(self._endpoint)
        return rules.refusal(user, error.code, admin=self._admin) or unlucky(self._endpoint, error)

    def _cause(self, error: Said, count: int) -> Said:
        """Find out why MariaDB changed not all accounts, and whether it changed none: it goes through them one by one."""
        if error.code != rules.SOME_FAILED:
            return Said(error.code, definite=error.definite and (count == 1 or rules.comes_before_any_change(error.code)))
        try:
            told = [code or "" for level, code, _ in self._say("SHOW WARNINGS") if level == "Error" and code != rules.SOME_FAILED]
        except (Said, Lost):
            told = []
        return Said(told[0] if told else error.code, definite=len(told) >= count)

    def _read(self, sql: str) -> list[Row]:
        """Ask the grant tables, which an administrator must be able to read."""
        try:
            return self._say(sql)
        except Said as error:
            if error.code in rules.DENIED:
                raise rules.cannot_see(self._username, "SELECT ON mysql.*", error.code) from None
            raise unlucky(self._endpoint, error) from None
        except Lost:
            raise lost(self._endpoint) from None

    def _ask(self, sql: str) -> list[Row]:
        try:
            return self._say(sql)
        except Said as error:
            raise unlucky(self._endpoint, error) from None
        except Lost:
            raise lost(self._endpoint) from None

    def _say(self, sql: str) -> list[Row]:
        return self._line.ask(sql, STATEMENT_TIMEOUT)


def lock_name(user: str) -> str:
    """28 characters: the server refuses names over 64."""
    return f"rotated-rds/{digest(user).hex()[:16]}"
