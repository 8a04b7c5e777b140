"""Statements over libpq, each with a deadline and with the server's code instead of its text."""

import select
from datetime import timedelta

import psycopg
from psycopg import pq

from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.libpq import finish, wait
from rotated_rds.clients.sessions import Lost, Said

Row = tuple[str | None, ...]


class Wire:
    """One connection to PostgreSQL, on which nothing waits without end."""

    def __init__(self, conn: pq.abc.PGconn) -> None:
        self._conn = conn
        self._escaping = pq.Escaping(conn)
        conn.nonblocking = 1

    def ask(self, sql: str, span: timedelta) -> list[Row]:
        """Run statements and return the last one's rows as text. Raises Said, Lost."""
        try:
            return self._ask(sql, Deadline(span))
        except psycopg.Error:  # its text is libpq's, which may quote
            raise Lost from None

    def literal(self, text: str) -> str:
        return self._escaping.escape_literal(text.encode()).decode()

    def identifier(self, text: str) -> str:
        return self._escaping.escape_identifier(text.encode()).decode()

    def verifier(self, user: str, password: str) -> str:
        """Make the SCRAM verifier that stands for a password. The algorithm is named, else a server's md5 would win (SAFETY.md C4)."""
        return self._conn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()

    def close(self) -> None:
        finish(self._conn)

    def _ask(self, sql: str, deadline: Deadline) -> list[Row]:
        self._conn.send_query(sql.encode())
        while self._conn.flush():
            self._await(select.POLLOUT | select.POLLIN, deadline)
            self._conn.consume_input()
        rows: list[Row] = []
        error: Said | None = None
        while (result := self._result(deadline)) is not None:
            if result.status == pq.ExecStatus.TUPLES_OK:
                rows = _rows(result)
            elif result.status != pq.ExecStatus.COMMAND_OK:
                error = _said(result)
        if error is not None:
            raise error
        return rows

    def _result(self, deadline: Deadline) -> pq.abc.PGresult | None:
        while self._conn.is_busy():
            self._await(select.POLLIN, deadline)
            self._conn.consume_input()
        return self._conn.get_result()

    def _await(self, events: int, deadline: Deadline) -> None:
        if not wait(self._conn.socket, events, deadline):
            finish(self._conn)  # an answer that comes later must not be taken for the next statement's
            raise Lost


def _rows(result: pq.abc.PGresult) -> list[Row]:
    def cell(row: int, column: int) -> str | None:
        value = result.get_value(row, column)
        return None if value is None else value.decode(errors="replace")

    return [tuple(cell(row, column) for column in range(result.nfields)) for row in range(result.ntuples)]


def _said(result: pq.abc.PGresult) -> Said:
    code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    # A FATAL may come after the commit and before its answer: only an ERROR says that nothing was changed.
    definite = result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) == b"ERROR"
    return Said(code, definite=definite and bool(code))
