"""Sessions in a database of the bed: a plain client's view, independent of the operator's own drivers."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pymysql
from pymysql.cursors import Cursor

from tests.bed.databases.server import Server

Row = tuple[Any, ...]

_TIMEOUT = 5
_UNLOGGED_POSTGRES = "-c log_statement=none -c log_min_error_statement=panic"
_UNLOGGED_MYSQL = "SET SESSION sql_log_off = 1"
_MYSQL_ACCESS_DENIED = 1045


@dataclass(frozen=True)
class Login:
    """Who logs in, and how: with `tls` the server's name is verified against the bed's CA, without it all is plain text.

    logged: False keeps what the session runs out of the server's logs, which only its root may ask for.
    """

    user: str
    password: str
    tls: bool = True
    database: str | None = None
    logged: bool = True


@dataclass(frozen=True)
class Session:
    """One open session; every statement commits by itself."""

    engine: str
    connection: Any

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Execute one statement; `%s` stands for a value, filled in by the client (DDL takes no server-side ones)."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def quote(self, name: str) -> str:
        """A name as an identifier of this engine."""
        mark = '"' if self.engine == "postgres" else "`"
        return mark + name.replace(mark, mark * 2) + mark


@contextmanager
def session(server: Server, login: Login) -> Generator[Session]:
    """Log in over TCP, and out again."""
    connection = _postgres(server, login) if server.engine == "postgres" else _mysql(server, login)
    try:
        yield Session(server.engine, connection)
    finally:
        connection.close()


@contextmanager
def as_root(server: Server, database: str | None = None) -> Generator[Session]:
    """A session of the server's superuser, which leaves no trace in the logs that tests search."""
    with session(server, Login(server.root_user, server.root_password, database=database, logged=False)) as root:
        yield root


def answers(server: Server) -> bool:
    """Whether root can log in now; False while the server is not there yet, an error when it refuses root."""
    try:
        with as_root(server):
            return True
    except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
        if refused(error):
            raise
        return False


def refused(error: Exception) -> bool:
    """Whether a failed login says that the password (or the user) is wrong, and not that something else is."""
    if isinstance(error, pymysql.err.OperationalError):
        return bool(error.args) and error.args[0] == _MYSQL_ACCESS_DENIED
    return "password authentication failed" in str(error)


def _postgres(server: Server, login: Login) -> psycopg.Connection[Row]:
    return psycopg.connect(
        host=server.host,
        port=server.port,
        user=login.user,
        password=login.password,
        dbname=login.database or "postgres",
        sslmode="verify-full" if login.tls else "disable",
        sslrootcert=server.ca if login.tls else None,
        connect_timeout=_TIMEOUT,
        options=None if login.logged else _UNLOGGED_POSTGRES,
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    )


def _mysql(server: Server, login: Login) -> "pymysql.Connection[Cursor]":
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=login.user,
        password=login.password,
        database=login.database,
        ssl_ca=server.ca if login.tls else None,
        ssl_verify_cert=login.tls or None,
        ssl_verify_identity=login.tls or None,
        ssl_disabled=not login.tls,
        connect_timeout=_TIMEOUT,
        init_command=None if login.logged else _UNLOGGED_MYSQL,
        autocommit=True,
    )
