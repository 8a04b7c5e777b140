"""PostgreSQL: log in, and say what it told of the password."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg import pq

from rotated_rds.clients.addresses import joined
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.libpq import Failure, connect, finish
from rotated_rds.clients.sessions import STATEMENT_TIMEOUT, Lost, Said
from rotated_rds.clients.tls import NOWHERE, ca_file
from rotated_rds.clients.wire import Wire
from rotated_rds.model.database import TIMED_OUT, Endpoint, Login, Verdict

# Where the server stands when it has already checked the password. Names are never translated.
_AFTER_AUTHENTICATION = ("InitializeSessionUserId", "InitPostgres", "CheckMyDatabase")
_STAGES_OF_TLS = (pq.ConnStatus.SSL_STARTUP,)
_STAGES_OF_TCP = (pq.ConnStatus.STARTED, pq.ConnStatus.MADE, pq.ConnStatus.NEEDED)
_FACTS = (
    "SELECT pg_catalog.pg_is_in_recovery()::text, pg_catalog.current_setting('default_transaction_read_only'),"
    " pg_catalog.current_setting('transaction_read_only'), pg_catalog.current_setting('server_version'), current_user"
)


def verdict(failure: Failure) -> Verdict:
    """Tell what a failed connect says of the password (SAFETY.md B1)."""
    if failure.code:
        return _verdict_of_code(failure.code, failure.location)
    if failure.timed_out or failure.hung_up or failure.stage in _STAGES_OF_TCP:
        return Verdict.UNREACHABLE
    return Verdict.TLS if failure.stage in _STAGES_OF_TLS else Verdict.UNKNOWN


def _verdict_of_code(code: str, location: str) -> Verdict:
    if code == "28P01":
        return Verdict.REFUSED
    if code in ("3D000", "42501") or (code in ("53300", "28000") and location in _AFTER_AUTHENTICATION):
        return Verdict.PROVEN
    if code == "53300":
        return Verdict.BUSY
    return Verdict.UNREACHABLE if code == "57P03" else Verdict.UNKNOWN  # 57P03: starting up, or going down


def login(endpoint: Endpoint, username: str, password: str, addresses: Sequence[str], deadline: Deadline) -> Login:
    """Log in, ask who answered, hang up."""
    login, wire = open_wire(endpoint, username, password, addresses, deadline)
    if wire is not None:
        wire.close()
    return login


def open_wire(endpoint: Endpoint, username: str, password: str, addresses: Sequence[str], deadline: Deadline) -> tuple[Login, Wire | None]:
    """Log in at the first address that answers; the connection, open, where the verdict is OK."""
    login = Login(Verdict.UNREACHABLE)
    for behind, ip in enumerate(addresses):
        share = Deadline(timedelta(seconds=deadline.left() / (len(addresses) - behind)))
        conn = connect(_parameters(endpoint, username, password, ip), share)
        address = joined(ip, endpoint.port)
        if not isinstance(conn, Failure):
            return _logged_in(conn, address, deadline)
        login = Login(verdict(conn), TIMED_OUT if conn.timed_out else conn.code, address)
        if login.verdict is not Verdict.UNREACHABLE or conn.code:
            break
    return login, None


def _logged_in(conn: pq.abc.PGconn, address: str, deadline: Deadline) -> tuple[Login, Wire | None]:
    if not conn.used_password:  # trust, peer, a certificate: whatever the password is, it was not looked at
        finish(conn)
        return Login(Verdict.UNKNOWN, "unchecked", address), None
    wire = Wire(conn)
    try:
        writer, version, role = facts(wire, min(timedelta(seconds=deadline.left()), STATEMENT_TIMEOUT))
    except (Said, Lost):
        wire.close()
        return Login(Verdict.OK, "", address), None
    return Login(Verdict.OK, "", address, writer, version, role), wire


def facts(wire: Wire, span: timedelta) -> tuple[bool, str, str]:
    """Whether it is a writer, its version, and the role that the session acts as. Raises Said, Lost."""
    [(recovering, read_only_default, read_only, version, role)] = wire.ask(_FACTS, span)
    return recovering == "false" and (read_only_default, read_only) == ("off", "off"), str(version), str(role)


def _parameters(endpoint: Endpoint, username: str, password: str, ip: str) -> dict[str, str]:
    tls = endpoint.tls
    return {
        "host": tls.server_name or endpoint.host,
        "hostaddr": ip,
        "port": str(endpoint.port),
        "dbname": database(endpoint),
        "user": username,
        "password": password,
        "application_name": "rotated-rds",
        "client_encoding": "UTF8",
        "sslmode": tls.mode.value,
        # Without a check no CA may be named: libpq checks in `require` too where it finds a CA file.
        "sslrootcert": ca_file(tls) if tls.mode.verified else NOWHERE,
        "sslcert": NOWHERE,
        "sslkey": NOWHERE,
        "sslcrl": NOWHERE,
        "gssencmode": "disable",
        "passfile": NOWHERE,
    }


def database(endpoint: Endpoint) -> str:
    """Name the database to log in to: PostgreSQL has no login without one."""
    return endpoint.database or "postgres"
