"""MySQL and MariaDB: the second user of AlternatingUsers, made like the first on every host mask (SAFETY.md D1)."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rotated_rds.clients import mysql_rules as rules
from rotated_rds.clients.line import literal
from rotated_rds.clients.mysql_grants import Grant, backticked, read_grants
from rotated_rds.clients.mysql_rules import Account
from rotated_rds.clients.sessions import Fence, Said, changing, unlucky
from rotated_rds.clients.wire import Row
from rotated_rds.model.alternating import Pair
from rotated_rds.model.database import Endpoint, Engine
from rotated_rds.model.errors import Problem, Reason, Refused

_LIMITS = ("MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS")
_COLUMNS = (
    "ssl_type, CONVERT(ssl_cipher USING utf8mb4), CONVERT(x509_issuer USING utf8mb4), CONVERT(x509_subject USING utf8mb4),"
    " max_questions, max_updates, max_connections, max_user_connections"
)
_NOT_OURS_TO_GIVE = (*rules.DENIED, "1045", "1698", "1410", "1724")  # grants, roles, default roles
_NEW_PASSWORD_BYTES = 18


@dataclass(frozen=True)
class Options:
    """What an account has besides grants: as clauses of ALTER USER, and its default roles."""

    require: str
    limits: tuple[str, ...]
    expires: str
    lock: str
    default_roles: tuple[str, ...]

    @property
    def clauses(self) -> str:
        return f"REQUIRE {self.require} WITH {' '.join(self.limits)} PASSWORD EXPIRE {self.expires} ACCOUNT {self.lock}"

    def traits(self) -> Iterator[str]:
        yield f"REQUIRE {self.require}"
        yield f"PASSWORD EXPIRE {self.expires}"
        yield f"ACCOUNT {self.lock}"
        yield from self.limits
        yield from (f"DEFAULT ROLE {role}" for role in self.default_roles)


@dataclass(frozen=True)
class Known:
    """One host mask of a user."""

    account: Account
    options: Options
    grants: tuple[Grant, ...]

    def traits(self) -> frozenset[str]:
        return frozenset([*self.options.traits(), *(trait for grant in self.grants for trait in grant.traits())])


@dataclass(frozen=True)
class MySQLPair:
    """A `sessions.PairSession`, inside an administrator's locked session. read: asks the grant tables; say: sends a statement."""

    endpoint: Endpoint
    fence: Fence
    read: Callable[[str], list[Row]]
    say: Callable[[str], list[Row]]
    admin: str
    pair: Pair

    def check(self) -> None:
        """Every grant must be understood; a mask that only one of the two has lets an application in as that one only."""
        base, clone = self._masks(self.pair.base), self._masks(self.pair.clone)
        if extra := sorted(set(clone) - set(base)):
            raise Refused(
                Reason.CLONE_CONFLICT,
                f"{self.pair.clone!r} has the host mask {extra[0]!r}, which {self.pair.base!r} has not: DROP USER that account",
            )

    def traits(self, user: str) -> frozenset[str]:
        return frozenset(f"@{host} {trait}" for host, known in self._masks(user).items() for trait in known.traits())

    def make_ready(self, user: str) -> None:
        """Statement by statement, as these engines know no transaction for it; what is missing after a kill is made up for next time."""
        if user != self.pair.clone:
            return
        base, clone = self._masks(self.pair.base), self._masks(user)
        for host, wanted in base.items():
            for statement in self._statements(host, wanted, clone.get(host)):
                self._write(statement)

    def _statements(self, host: str, wanted: Known, has: Known | None) -> Iterator[str]:
        account = f"{literal(self.pair.clone)}@{literal(host)}"
        if has is None:
            how = f" WITH {wanted.account.plugin}" if self.endpoint.engine is Engine.MYSQL else ""
            # A password that nobody knows stands for none until the real one is set, last of all.
            yield f"CREATE USER {account} IDENTIFIED{how} BY {literal(_unknown())}"
        missing, extra = _compare(wanted, has)
        if extra:
            yield from self._stripped(account, has)
            missing = wanted.grants
        if has is None or wanted.options != has.options:
            yield f"ALTER USER {account} {wanted.options.clauses}"
        yield from (grant.statement(account) for grant in missing if grant.items != ("USAGE",) or grant.option)
        if extra or wanted.options.default_roles != (has.options.default_roles if has else ()):
            yield self._default_roles(account, wanted.options.default_roles)

    def _stripped(self, account: str, has: Known | None) -> Iterator[str]:
        yield f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}"
        for grant in has.grants if has else ():
            if grant.place is None and self.endpoint.engine is Engine.MYSQL:  # on MariaDB roles went with the rest
                yield f"REVOKE {', '.join(grant.items)} FROM {account}"

    def _default_roles(self, account: str, roles: tuple[str, ...]) -> str:
        towards = "TO" if self.endpoint.engine is Engine.MYSQL else "FOR"
        return f"SET DEFAULT ROLE {', '.join(roles) or 'NONE'} {towards} {account}"

    # what there is

    def _masks(self, user: str) -> dict[str, Known]:
        """Every account of the name that has a password, by host."""
        accounts = [Account.read(row) for row in self.read(rules.accounts_question(self.endpoint.engine, user))]
        options = self._options(user)
        return {one.host: Known(one, options[one.host], self._grants(one)) for one in accounts if one.has_password and one.host in options}

    def _grants(self, account: Account) -> tuple[Grant, ...]:
        rows = [str(row[0]) for row in self.read(f"SHOW GRANTS FOR {account.quoted}")]
        found = read_grants(rows, account.name, account.host)
        if found is None:
            raise Refused(
                Reason.OWNERSHIP_SPLIT,
                f"SHOW GRANTS FOR {account.quoted} shows what this version cannot carry over: revoke what is unusual",
            )
        return tuple(found)

    def _options(self, user: str) -> dict[str, Options]:
        found: dict[str, Options] = {}
        mysql = self.endpoint.engine is Engine.MYSQL
        roles = self._mysql_default_roles(user) if mysql else {}
        for host, locked, expires, role, statement_time, *row in self.read(_options_question(user, mysql=mysql)):
            limits = tuple(f"{name} {count}" for name, count in zip(_LIMITS, row[4:], strict=True))
            limits += () if statement_time is None else (f"MAX_STATEMENT_TIME {statement_time}",)
            default = tuple(roles.get(str(host), ())) if mysql else ((backticked(role),) if role else ())
            lock = "LOCK" if locked == "Y" else "UNLOCK"
            found[str(host)] = Options(require(*row[:4]), limits, _expires(expires), lock, default)
        return found

    def _mysql_default_roles(self, user: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        asked = f"SELECT HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = {literal(user)} ORDER BY 1, 2, 3"  # noqa: S608  quoted
        for host, role, role_host in self.read(asked):
            found.setdefault(str(host), []).append(f"{backticked(str(role))}@{backticked(str(role_host))}")
        return found

    def is_locked(self) -> bool:
        accounts = self._accounts()
        return bool(accounts) and all(one.locked for one in accounts)

    def lock(self) -> None:
        """Mask by mask: MariaDB changes none of several where one fails, and says so by a warning."""
        for account in self._accounts():
            if not account.locked:
                with changing(self.endpoint, self.fence, self._not_locked):
                    self.say(f"ALTER USER {account.quoted} ACCOUNT LOCK")

    def _accounts(self) -> list[Account]:
        """The clone's, by whatever they log in."""
        return [Account.read(row) for row in self.read(rules.accounts_question(self.endpoint.engine, self.pair.clone))]

    def _not_locked(self, error: Said) -> Problem:
        return rules.refusal(self.pair.clone, error.code, admin=True) or unlucky(self.endpoint, error)

    def _write(self, sql: str) -> None:
        with changing(self.endpoint, self.fence, self._refusal):
            self.say(sql)

    def _refusal(self, error: Said) -> Problem:
        base, clone = self.pair.base, self.pair.clone
        if error.code in _NOT_OURS_TO_GIVE:
            return Refused(
                Reason.ADMIN_INSUFFICIENT,
                f"administrator {self.admin!r} may not give {clone!r} what {base!r} has ({error.code}): GRANT it that WITH GRANT OPTION, "
                "its roles WITH ADMIN OPTION",
            )
        if rules.passing(error.code):
            return unlucky(self.endpoint, error)
        return Refused(Reason.ROTATION_FAILED, f"the server did not make {clone!r} like {base!r} ({error.code})")


def _compare(wanted: Known, has: Known | None) -> tuple[tuple[Grant, ...], bool]:
    """The grants to add, and whether there are any to take away."""
    known = {trait for grant in has.grants for trait in grant.traits()} if has else set[str]()
    needed = {trait for grant in wanted.grants for trait in grant.traits()}
    return tuple(grant for grant in wanted.grants if not set(grant.traits()) <= known), bool(known - needed)


def _options_question(user: str, *, mysql: bool) -> str:
    if mysql:
        return (
            "SELECT Host, account_locked, password_lifetime, NULL, NULL, "  # noqa: S608  quoted
            f"{_COLUMNS} FROM mysql.user WHERE User = {literal(user)}"
        )
    return (
        "SELECT u.Host, IF(JSON_VALUE(g.Priv, '$.account_locked') IN ('1', 'true'), 'Y', 'N'),"  # noqa: S608  likewise
        " NULLIF(JSON_VALUE(g.Priv, '$.password_lifetime'), '-1'), NULLIF(u.default_role, ''), u.max_statement_time, "
        f"{_COLUMNS} FROM mysql.user u JOIN mysql.global_priv g ON g.User = u.User AND g.Host = u.Host"
        f" WHERE u.User = {literal(user)} AND u.is_role = 'N'"
    )


def require(kind: str | None, cipher: str | None, issuer: str | None, subject: str | None) -> str:
    """The REQUIRE clause that the columns of mysql.user stand for."""
    if kind == "SPECIFIED":
        named = (("CIPHER", cipher), ("ISSUER", issuer), ("SUBJECT", subject))
        return " AND ".join(f"{word} {literal(text)}" for word, text in named if text)
    return {"": "NONE", "ANY": "SSL", "X509": "X509"}[kind or ""]


def _expires(lifetime: str | None) -> str:
    if lifetime is None:
        return "DEFAULT"
    return "NEVER" if lifetime == "0" else f"INTERVAL {int(lifetime)} DAY"


def _unknown() -> str:
    """A password that passes every validation plugin and that nobody keeps."""
    return f"aA1-{secrets.token_urlsafe(_NEW_PASSWORD_BYTES)}"
