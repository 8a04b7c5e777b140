"""Statements over PyMySQL, each with a deadline over all of it and with the server's number instead of its text."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Generator
from datetime import timedelta
from typing import Any, cast

import pymysql
from pymysql.constants import CLIENT, CR

from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.sessions import Lost, Said
from rotated_rds.clients.wire import Row
from rotated_rds.model.database import Endpoint

CLIENT_SIDE = range(2000, 3000)
# Answers of a connection that is being ended: they may come after the change was made.
_NOT_DEFINITE = (1053, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 3169, 4031)


class Line:
    """One connection to MySQL or MariaDB, on which nothing waits without end."""

    def __init__(self, sock: socket.socket, endpoint: Endpoint, username: str, password: str, context: ssl.SSLContext | None) -> None:
        self._sock = sock
        # TLS takes the socket over; by a second handle it can still be shut from outside.
        self._handle = sock.dup()
        self._connection: pymysql.Connection[Any] = pymysql.Connection(
            host=endpoint.tls.server_name or endpoint.host,  # the name to check; the socket is connected already
            user=username,
            password=cast("str", password.encode()),  # PyMySQL would encode a str as latin-1, and quote it where that fails
            database=endpoint.database,
            charset="utf8mb4",
            ssl=context,
            ssl_disabled=context is None,
            autocommit=None,
            program_name="rotated-rds",
            defer_connect=True,
            client_flag=CLIENT.MULTI_RESULTS,
            # A server that nobody verified must not ask for the password in the clear.
            auth_plugin_map=None if endpoint.tls.mode.verified else {"mysql_clear_password": _Never},
        )

    def connect(self, deadline: Deadline) -> None:
        """Shake hands. Raises PyMySQL's errors and others, whose texts must not be shown; Lost when the deadline passed."""
        with self._until(deadline):
            self._connection.connect(self._sock)

    def ask(self, sql: str, span: timedelta) -> list[Row]:
        """Run one statement and return its rows as text. Raises Said, Lost."""
        try:
            with self._until(Deadline(span)), self._connection.cursor() as cursor:
                cursor.execute(sql)
                return [tuple(None if cell is None else str(cell) for cell in row) for row in cursor.fetchall()]
        except Lost:
            raise
        except pymysql.Error as error:
            code = number(error)
            if code == 0 or code in CLIENT_SIDE:
                self.close()
                raise Lost from None
            raise Said(str(code), definite=code not in _NOT_DEFINITE) from None
        except Exception:  # noqa: BLE001  an answer that PyMySQL cannot read
            self.close()
            raise Lost from None

    def close(self) -> None:
        with contextlib.suppress(Exception):  # a farewell that fails leaves nothing to mend
            self._connection.close()
        self._handle.close()

    @contextlib.contextmanager
    def _until(self, deadline: Deadline) -> Generator[None]:
        """Shut the socket at the deadline: PyMySQL's own time-outs start again with each packet."""
        passed = threading.Event()

        def shut() -> None:
            passed.set()
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

        watchdog = threading.Timer(deadline.left(), shut)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        except Exception:  # whatever PyMySQL says of a socket that we shut: the deadline was the cause
            if passed.is_set():
                self.close()
                raise Lost from None
            raise
        finally:
            watchdog.cancel()


def literal(text: str) -> str:
    """Quote text for a session whose sql_mode is NO_BACKSLASH_ESCAPES, as all our locked sessions are."""
    return "'" + text.replace("'", "''") + "'"


def number(error: Exception) -> int:
    """PyMySQL's and the server's number of an error; 0 where it has none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


class _Never:
    """An authentication that is not taken part in."""

    def __init__(self, connection: "pymysql.Connection[Any]") -> None:
        del connection

    def authenticate(self, packet: object) -> None:
        del packet
        raise pymysql.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, "clear text is for verified servers only")
