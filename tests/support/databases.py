"""What tests do with the bed's databases: users, plain logins, sessions, and what the servers logged."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
from pymysql.constants import ER

from tests.bed.bed import Facts
from tests.bed.databases import rds
from tests.bed.databases.postgres import TLS_ONLY
from tests.bed.databases.server import Server
from tests.bed.databases.sql import Login, Row, Session, as_root, refused, session


@dataclass(frozen=True)
class Options:
    """How a user differs from a plain one that may do all in the database `app`.

    clauses: appended to CREATE ROLE or CREATE USER (`NOLOGIN`, `VALID UNTIL '…'`, `CONNECTION LIMIT 1`, `ACCOUNT LOCK`, …).
    hosts: the masks of its accounts on MySQL and MariaDB. tls_only: it is refused without TLS.
    plugin: how MySQL authenticates it (`IDENTIFIED WITH plugin BY`), or MariaDB (`IDENTIFIED VIA plugin USING PASSWORD`).
    """

    clauses: str = ""
    hosts: Sequence[str] = ("%",)
    tls_only: bool = False
    plugin: str | None = None


_PLAIN = Options()

_ONE_AT_A_TIME = "SELECT pg_advisory_lock(1, 1)"
"""To the end of the session: PostgreSQL refuses two that change a database's rights at once (`tuple concurrently updated`)."""


def new_user(facts: Facts, name: str, password: str, options: Options = _PLAIN) -> None:
    """Create a user as an administrator by hand would; nothing of it reaches the logs."""
    server = Server.of(facts)
    with as_root(server) as root:
        if server.engine == "postgres":
            _new_role(root, name, password, options)
            return
        for host in options.hosts:
            _new_account(root, name, host, password, options)


def new_master(facts: Facts, name: str, password: str) -> None:
    """One more administrator with just what RDS's master has, to be rotated or dropped without harm to others."""
    server = Server.of(facts)
    with as_root(server) as root:
        if server.engine == "postgres":
            statements = rds.postgres_master(root.quote(name), _literal(password))
        else:
            account = f"{root.quote(name)}@'%'"
            root.run(f"CREATE USER {account} IDENTIFIED BY {_literal(password)}")
            statements = rds.mysql_master(account) if server.engine == "mysql" else rds.mariadb_master(account)
        for statement in statements:
            root.run(statement)


def set_password(facts: Facts, name: str, password: str) -> None:
    """Change a password behind the operator's back, on every account of the name."""
    server = Server.of(facts)
    with as_root(server) as root:
        if server.engine == "postgres":
            root.run(f"ALTER ROLE {root.quote(name)} PASSWORD {_literal(password)}")
            return
        for account in _accounts(root, name):
            root.run(f"ALTER USER {account} IDENTIFIED BY {_literal(password)}")


def drop_user(facts: Facts, name: str) -> None:
    """End a user's sessions and remove it with what it owns; content when there is none."""
    end_sessions(facts, name)
    server = Server.of(facts)
    with as_root(server) as root:
        if server.engine != "postgres":
            for account in _accounts(root, name):
                root.run(f"DROP USER {account}")
        elif root.run("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]):
            root.run(_ONE_AT_A_TIME)
            with as_root(server, rds.DATABASE) as app:
                app.run(f"DROP OWNED BY {app.quote(name)}")
            root.run(f"DROP OWNED BY {root.quote(name)}")
            root.run(f"DROP ROLE {root.quote(name)}")


def can_log_in(facts: Facts, user: str, password: str, *, tls: bool = True, database: str = rds.DATABASE) -> bool:
    """Whether a plain client gets in and gets an answer; False only when the server refuses the password.

    Anything else (no server, no such database, TLS) is the client's own error: it says nothing about the password.
    """
    try:
        with log_in(facts, user, password, tls=tls, database=database) as opened:
            return opened.run("SELECT 1") == [(1,)]
    except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
        if refused(error):
            return False
        raise


@contextmanager
def log_in(facts: Facts, user: str, password: str, *, tls: bool = True, database: str = rds.DATABASE) -> Generator[Session]:
    """A session as an application has it."""
    with session(Server.of(facts), Login(user, password, tls=tls, database=database)) as opened:
        yield opened


def execute_as_root(facts: Facts, statement: str, values: Sequence[object] = (), *, database: str | None = None) -> list[Row]:
    """Run one statement as the server's superuser, unlogged."""
    with as_root(Server.of(facts), database) as root:
        return root.run(statement, values)


def sessions(facts: Facts, user: str) -> list[int]:
    """The ids of a user's open sessions."""
    postgres = "SELECT pid FROM pg_stat_activity WHERE usename = %s ORDER BY pid"
    others = "SELECT id FROM information_schema.processlist WHERE user = %s ORDER BY id"
    rows = execute_as_root(facts, postgres if facts["engine"] == "postgres" else others, [user])
    return [int(row[0]) for row in rows]


def end_sessions(facts: Facts, user: str) -> None:
    """Cut all of a user's sessions, as a failover would."""
    for one in sessions(facts, user):
        if facts["engine"] == "postgres":
            execute_as_root(facts, "SELECT pg_terminate_backend(%s, 5000)", [one])
        else:
            _kill(facts, one)


def _kill(facts: Facts, thread: int) -> None:
    """It may have ended by itself meanwhile."""
    try:
        execute_as_root(facts, "KILL %s", [thread])
    except pymysql.err.OperationalError as error:
        if error.args[0] != ER.NO_SUCH_THREAD:
            raise


def logged(facts: Facts) -> str:
    """All that the server wrote into its logs so far, for a search."""
    return "\n".join(Path(log).read_text(errors="replace") for log in Server.of(facts).logs)


def through(facts: Facts, port: int) -> Facts:
    """The same server, reached through a relay's port."""
    return {**facts, "port": port}


def _new_role(root: Session, name: str, password: str, options: Options) -> None:
    role = root.quote(name)
    root.run(f"CREATE ROLE {role} LOGIN PASSWORD {_literal(password)} {options.clauses}")
    root.run(_ONE_AT_A_TIME)
    root.run(f"GRANT ALL ON DATABASE {rds.DATABASE} TO {role}")
    _may_administer(root, rds.ADMIN, role)  # as if the master had created it
    if options.tls_only:
        root.run(f"GRANT {TLS_ONLY} TO {role}")


def may_administer(facts: Facts, admin: str, user: str) -> None:
    """What an administrator has of a PostgreSQL role that it created, and needs from version 16 on; before it CREATEROLE is all."""
    with as_root(Server.of(facts)) as root:
        _may_administer(root, admin, root.quote(user))


def _may_administer(root: Session, admin: str, role: str) -> None:
    if root.run("SELECT current_setting('server_version_num')::int >= 160000") == [(True,)]:
        root.run(f"GRANT {role} TO {root.quote(admin)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")


def _new_account(root: Session, name: str, host: str, password: str, options: Options) -> None:
    account = f"{root.quote(name)}@{_literal(host)}"
    how = f"BY {_literal(password)}"
    if options.plugin and root.engine == "mysql":
        how = f"WITH {options.plugin} {how}"
    elif options.plugin:
        how = f"VIA {options.plugin} USING PASSWORD({_literal(password)})"
    require = "REQUIRE SSL" if options.tls_only else ""
    root.run(f"CREATE USER {account} IDENTIFIED {how} {require} {options.clauses}")
    root.run(f"GRANT ALL ON {rds.DATABASE}.* TO {account}")
    if root.engine == "mariadb":  # RDS's master has not this one of them, so it could not have granted it
        root.run(f"REVOKE DELETE HISTORY ON {rds.DATABASE}.* FROM {account}")


def _accounts(root: Session, name: str) -> list[str]:
    return [f"{root.quote(name)}@{_literal(host)}" for (host,) in root.run("SELECT host FROM mysql.user WHERE user = %s", [name])]


def _literal(text: str) -> str:
    """A string in SQL; the tests' own names and passwords hold no backslash, which the engines read differently."""
    if "\\" in text:
        raise ValueError("a backslash means different things to the engines")
    return "'" + text.replace("'", "''") + "'"
