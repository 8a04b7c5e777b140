"""PostgreSQL's own client library: a connect that keeps a deadline and tells the server's code."""

import contextlib
import ctypes
import os
import re
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Protocol, cast

# psycopg's C and binary flavours bring a libpq of their own, on which PQsetErrorVerbosity would write into foreign memory (SAFETY.md B1).
os.environ["PSYCOPG_IMPL"] = "python"
# libpq would take PGSERVICE, PGOPTIONS, PGSSLROOTCERT and thirty more from the environment.
for _name in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[_name]

import psycopg  # noqa: E402  after the settings above
from psycopg import pq  # noqa: E402  likewise
from psycopg.pq.misc import find_libpq_full_path  # noqa: E402  likewise

from rotated_rds.clients.deadline import Deadline  # noqa: E402  likewise

_VERBOSE = 2  # PQERRORS_VERBOSE
_OLDEST = 100000  # libpq 10: the first that makes SCRAM verifiers
# libpq's own words for a peer that went away; it has no code for it, and its texts are translated only after a setlocale().
_HUNG_UP = ("SSL SYSCALL error", "server closed the connection", "could not receive data", "could not send data")
# The first that fits: what users choose stands behind it. A severity may be two words (Turkish).
_SQLSTATE = re.compile(r"(?:connection to server at .*? failed: )?[^:\n]+:  ([0-9A-Z]{5}): ")
_LOCATION = re.compile(r"^[^\n:]+:  (\w+), [^\n:]+:\d+$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """Why a connect failed.

    stage: how far it had come. code, location: the server's SQLSTATE and its function's name, empty where it named none.
    """

    stage: pq.ConnStatus
    code: str = ""
    location: str = ""
    timed_out: bool = False
    hung_up: bool = False


class _HasPointer(Protocol):
    pgconn_ptr: int


def connect(parameters: Mapping[str, str], deadline: Deadline) -> pq.abc.PGconn | Failure:
    """Log in. `hostaddr` must be among the parameters: libpq's own name lookup knows no deadline. Raises nothing."""
    conn = pq.PGconn.connect_start(_conninfo(parameters))
    _be_verbose(conn)
    stage = pq.ConnStatus.STARTED
    ready = select.POLLOUT
    while conn.status != pq.ConnStatus.BAD:
        if not wait(conn.socket, ready, deadline):
            finish(conn)
            return Failure(stage, timed_out=True)
        stage = pq.ConnStatus(conn.status)
        polled = conn.connect_poll()
        if polled == pq.PollingStatus.OK:
            return conn
        ready = select.POLLIN if polled == pq.PollingStatus.READING else select.POLLOUT
    failure = _failure(stage, conn.error_message.decode(errors="replace"), parameters)
    finish(conn)
    return failure


def finish(conn: pq.abc.PGconn) -> None:
    """Hang up, and leave no error of TLS behind in this thread.

    OpenSSL keeps a queue of errors a thread, which libpq fills when it hangs up in the middle of a handshake; Python's `ssl`, where it
    uses the same OpenSSL, takes what it finds there for the failure of its own next read: an answer of AWS would count as lost.
    """
    conn.finish()
    with contextlib.suppress(AttributeError):  # a libpq without OpenSSL
        _library().ERR_clear_error()


def wait(fileno: int, events: int, deadline: Deadline) -> bool:
    """Whether the socket became ready before the deadline."""
    poll = select.poll()
    poll.register(fileno, events)
    return bool(poll.poll(deadline.left() * 1000))


def _conninfo(parameters: Mapping[str, str]) -> bytes:
    escaped = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in parameters.items()}
    return " ".join(f"{key}='{value}'" for key, value in escaped.items()).encode()


def _failure(stage: pq.ConnStatus, message: str, parameters: Mapping[str, str]) -> Failure:
    # The host's name stands before the code, in a tenant's spelling: it is cut off rather than read.
    message = message.replace(f'"{parameters["host"]}"', "", 1)
    code = _SQLSTATE.match(message)
    places = _LOCATION.findall(message)  # the last line: names that users choose stand before it
    return Failure(
        stage,
        code=code[1] if code else "",
        location=places[-1] if code and places else "",
        hung_up=not code and any(text in message for text in _HUNG_UP),
    )


def _be_verbose(conn: pq.abc.PGconn) -> None:
    function = _library().PQsetErrorVerbosity
    function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    function(cast("_HasPointer", conn).pgconn_ptr, _VERBOSE)


@cache
def _library() -> ctypes.CDLL:
    """The very file that psycopg loaded, so that both speak of the same structures; what it depends on is found through it."""
    return ctypes.CDLL(find_libpq_full_path())


def check_libpq() -> None:
    """Make sure that refusals can be told apart here. Raises RuntimeError; to be called at start.

    A listener on loopback plays a server that refuses: out must come its SQLSTATE and its location.
    """
    if pq.__impl__ != "python":
        raise RuntimeError(f"psycopg runs as {pq.__impl__!r}: uninstall psycopg-c and psycopg-binary, psycopg must use the system's libpq")
    if pq.version() < _OLDEST:
        raise RuntimeError(f"libpq {pq.version()} is too old: install libpq 10 or newer")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_refuse_twice, args=(listener,), daemon=True).start()
        refused, secure = (_check_login(listener, mode) for mode in ("disable", "require"))
    if (refused.code, refused.location) != ("28P01", "auth_failed"):
        raise RuntimeError(f"libpq {pq.version()} with psycopg {psycopg.__version__} hides why a login was refused: install another libpq")
    if secure.stage != pq.ConnStatus.SSL_STARTUP:
        raise RuntimeError(f"libpq {pq.version()} was built without TLS: install another libpq")


def _check_login(listener: socket.socket, mode: str) -> Failure:
    port = str(listener.getsockname()[1])
    parameters = {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": port, "user": "u", "sslmode": mode}
    seen = connect(parameters, Deadline(timedelta(seconds=5)))
    return seen if isinstance(seen, Failure) else Failure(pq.ConnStatus.OK)


def _refuse_twice(listener: socket.socket) -> None:
    fields = {"S": "FATAL", "V": "FATAL", "C": "28P01", "M": "self-check", "F": "auth.c", "L": "1", "R": "auth_failed"}
    body = b"".join(f"{key}{text}\0".encode() for key, text in fields.items()) + b"\0"
    with contextlib.suppress(OSError):
        for _ in range(2):
            peer, _address = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
