"""Log in, change one's own password or make a second user, for the bed's own rotation functions: plain drivers, none of ours."""

from typing import Any

import psycopg
import pymysql
from psycopg import sql

Credential = dict[str, Any]


class DatabaseError(Exception):
    """A statement or a login failed; the text holds no password."""


def logs_in(credential: Credential) -> bool:
    """Does this credential log in? A refusal and an unreachable server are both a no."""
    try:
        if _is_postgres(credential):
            _postgres(credential).close()
        else:
            _mysql(credential).close()
    except (psycopg.Error, pymysql.MySQLError):
        return False
    return True


def set_password(credential: Credential, password: str) -> None:
    """Log in with the credential and change that user's own password. Raises DatabaseError."""
    try:
        if _is_postgres(credential):
            with _postgres(credential) as connection:
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(credential["username"]), sql.Literal(password))
                connection.execute(statement)
        else:
            with _mysql(credential) as connection, connection.cursor() as cursor:
                _set_mysql(cursor, credential, password)
    except (psycopg.Error, pymysql.MySQLError) as error:
        raise DatabaseError(f"{type(error).__name__} while changing the password of {credential['username']}") from None


def make_equal(admin: Credential, current: Credential, pending: Credential) -> None:
    """Make pending's user if it is not there, with what current's was granted, and set its password. Raises DatabaseError."""
    place = {key: current[key] for key in ("engine", "host", "port", "dbname") if key in current}
    make = _equal_postgres if _is_postgres(current) else _equal_mysql
    try:
        make({**admin, **place}, current["username"], pending["username"], pending["password"])
    except (psycopg.Error, pymysql.MySQLError) as error:
        raise DatabaseError(f"{type(error).__name__} while making {pending['username']}") from None


def _equal_postgres(admin: Credential, old: str, new: str, password: str) -> None:
    """A member of the old one."""
    with _postgres(admin) as connection:
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (new,)).fetchone()
        if there is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(new)))
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(old), sql.Identifier(new)))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(new), sql.Literal(password)))


def _equal_mysql(admin: Credential, old: str, new: str, password: str) -> None:
    """With each grant of the old one's account `@'%'`, as SHOW GRANTS words it."""
    with _mysql({**admin, "dbname": None}) as connection, connection.cursor() as cursor:
        if not cursor.execute("SELECT 1 FROM mysql.user WHERE user = %s", (new,)):
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (new, password))
            cursor.execute("SHOW GRANTS FOR %s@'%%'", (old,))
            for (grant,) in cursor.fetchall():
                cursor.execute(f"{str(grant).partition(' TO ')[0]} TO {connection.escape(new)}@'%'")
        cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (new, password))


def _set_mysql(cursor: Any, credential: Credential, password: str) -> None:
    if credential["engine"] == "mariadb":
        cursor.execute("SET PASSWORD = PASSWORD(%s)", (password,))
    else:
        cursor.execute("ALTER USER USER() IDENTIFIED BY %s REPLACE %s", (password, credential["password"]))


def _is_postgres(credential: Credential) -> bool:
    return str(credential["engine"]) in ("postgres", "aurora-postgresql")


def _postgres(credential: Credential) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(
        host=credential["host"],
        port=int(credential.get("port", 5432)),
        user=credential["username"],
        password=credential["password"],
        dbname=credential.get("dbname", "postgres"),
        connect_timeout=5,
    )


def _mysql(credential: Credential) -> "pymysql.Connection[Any]":
    return pymysql.connect(
        host=credential["host"],
        port=int(credential.get("port", 3306)),
        user=credential["username"],
        password=credential["password"],
        database=credential.get("dbname"),
        connect_timeout=5,
    )
