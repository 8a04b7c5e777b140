"""MySQL and MariaDB: log in, and say what it told of the password."""

import ssl
from collections.abc import Sequence
from datetime import timedelta

from pymysql.constants import CR

from rotated_rds.clients import tls
from rotated_rds.clients.addresses import dial, joined
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.line import CLIENT_SIDE, Line, number
from rotated_rds.clients.sessions import STATEMENT_TIMEOUT, Lost, Said
from rotated_rds.clients.versions import engine_of
from rotated_rds.model.database import TIMED_OUT, Endpoint, Engine, Login, Verdict

# The server's numbers (SAFETY.md B1). What is not named here says nothing of the password.
VERDICTS = {
    1045: Verdict.REFUSED,  # access denied
    1044: Verdict.PROVEN,  # no right on the database
    1049: Verdict.PROVEN,  # no such database
    1203: Verdict.PROVEN,  # max_user_connections
    1226: Verdict.PROVEN,  # a limit of the account
    1820: Verdict.EXPIRED,  # met by the first statement
    1862: Verdict.EXPIRED,  # met by the login
    3118: Verdict.LOCKED_RIGHT,  # MySQL
    4151: Verdict.LOCKED_RIGHT,  # MariaDB
    3955: Verdict.LOCKED,  # MySQL, FAILED_LOGIN_ATTEMPTS
    4150: Verdict.LOCKED,  # MariaDB, max_password_errors
    1040: Verdict.BUSY,  # too many connections
    1053: Verdict.UNREACHABLE,  # shutting down
    1080: Verdict.UNREACHABLE,  # likewise
    3159: Verdict.TLS,  # require_secure_transport
}
_NETWORK = (CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST)


def verdict(error: Exception) -> Verdict:
    """Tell what a failed connect says of the password."""
    if isinstance(cause := getattr(error, "original_exception", error), ssl.SSLError):
        hung_up = isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        return Verdict.UNREACHABLE if hung_up else Verdict.TLS
    code = number(error)
    if code == CR.CR_SSL_CONNECTION_ERROR:
        return Verdict.TLS
    return Verdict.UNREACHABLE if code in _NETWORK else VERDICTS.get(code, Verdict.UNKNOWN)


def login(endpoint: Endpoint, username: str, password: str, addresses: Sequence[str], deadline: Deadline) -> Login:
    """Log in, ask who answered, hang up."""
    login, line = open_line(endpoint, username, password, addresses, deadline)
    if line is not None:
        line.close()
    return login


def open_line(endpoint: Endpoint, username: str, password: str, addresses: Sequence[str], deadline: Deadline) -> tuple[Login, Line | None]:
    """Log in at the first address that answers; the connection, open, where the verdict is OK."""
    try:
        context = tls.context(endpoint.tls)
    except OSError:
        return Login(Verdict.TLS, "ca-file", joined(addresses[0], endpoint.port)), None
    ip, sock = dial(addresses, endpoint.port, deadline)
    address = joined(ip, endpoint.port)
    if sock is None:
        return Login(Verdict.UNREACHABLE, TIMED_OUT if deadline.passed else "", address), None
    line = Line(sock, endpoint, username, password, context)
    try:
        line.connect(deadline)
    except Lost:
        return Login(Verdict.UNREACHABLE, TIMED_OUT, address), None
    except Exception as error:  # noqa: BLE001  a server that speaks another protocol makes PyMySQL raise anything
        line.close()
        return Login(verdict(error), _server_code(error), address), None
    return _logged_in(line, address, deadline)


def _server_code(error: Exception) -> str:
    code = number(error)
    return str(code) if code and code not in CLIENT_SIDE else ""


def _logged_in(line: Line, address: str, deadline: Deadline) -> tuple[Login, Line | None]:
    try:
        writer, version = facts(line, min(timedelta(seconds=deadline.left()), STATEMENT_TIMEOUT))
    except Said as error:
        line.close()
        return Login(VERDICTS.get(int(error.code), Verdict.OK), error.code, address), None
    except Lost:
        line.close()
        return Login(Verdict.OK, "", address), None
    return Login(Verdict.OK, "", address, writer, version), line


def facts(line: Line, span: timedelta) -> tuple[bool, str]:
    """Whether it is a writer, and its version. Raises Said, Lost."""
    [(version,)] = line.ask("SELECT VERSION()", span)
    columns = ["@@global.read_only", "@@global.innodb_read_only"]
    if engine_of(Engine.MYSQL, str(version)) is Engine.MYSQL:
        columns.append("@@global.super_read_only")
    [row] = line.ask(f"SELECT {', '.join(columns)}", span)
    return all(cell in ("0", "OFF") for cell in row), str(version)
