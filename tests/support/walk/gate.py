"""A door before the API server on loopback: it counts the operator's writes and strikes the n-th; all else passes."""

import contextlib
import select
import socket
import ssl
import threading
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Self

from tests.bed.bed import Bed
from tests.bed.kubeconfig import server_of

_CHUNK = 65536
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Order(Enum):
    """What befalls a write."""

    HOLD_BEFORE = auto()
    """Kept back until released: it then goes on to the server, or is dropped."""
    HOLD_AFTER = auto()
    """Carried out; the answer is kept back until released, and dropped then."""
    LOSE = auto()
    """Carried out; the connection is cut instead of an answer."""


@dataclass(eq=False)
class _Trap:
    order: Order
    left: int
    sprung: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    carried_out: threading.Event = field(default_factory=threading.Event)
    drop: bool = False


class Gate:
    """Relays HTTPS on 127.0.0.1:`port` to the bed's API server while its `with` block runs: one request a connection.

    Reads and watches are not counted: a process that is killed at one leaves what its last write left. Nor is the Lease.
    """

    def __init__(self, bed: Bed) -> None:
        host, _, port = server_of(bed).removeprefix("https://").partition(":")
        self._server = (host, int(port))
        pair = bed.authority.issue(f"gate-{id(self):x}", "localhost", names=["localhost", "127.0.0.1"])
        self._here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._here.load_cert_chain(pair.certificate, pair.key)
        for file in (pair.certificate, pair.key):
            file.unlink()
        self._there = ssl.create_default_context(cafile=str(bed.authority.ca.certificate))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._trap: _Trap | None = None
        self._ending = False
        self._acceptor = threading.Thread(target=self._accept, name=f"gate {self.port}", daemon=True)
        self.writes = 0

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self.clear()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()

    def kubeconfig(self, original: Path, copy: Path) -> Path:
        """The same identity, through this gate."""
        text = original.read_text()
        address = f"https://{self._server[0]}:{self._server[1]}"
        assert address in text
        copy.touch(mode=0o600)
        copy.write_text(text.replace(address, f"https://127.0.0.1:{self.port}"))
        return copy

    def strike(self, order: Order, at: int) -> None:
        """Let it befall one write: 1 is the next."""
        with self._lock:
            self._trap = _Trap(order, at)

    @property
    def sprung(self) -> bool:
        """Whether the write came, and is where the order wants it."""
        trap = self._trap
        return trap is not None and trap.sprung.is_set()

    def release(self) -> None:
        """Carry out what is held, and wait for it; its client may be gone."""
        if (trap := self._trap) is not None:
            trap.released.set()
            assert trap.carried_out.wait(10), "the API server did not answer a late write"

    def clear(self) -> None:
        """Drop what is held, and forget the order."""
        with self._lock:
            if self._trap is not None:
                self._trap.drop = True
                self._trap.released.set()
            self._trap = None

    def _accept(self) -> None:
        while not self._ending:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name=f"gate {self.port}", daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        """One connection. Whatever breaks it, breaks it for both ends."""
        with contextlib.suppress(OSError, ValueError), plain:
            plain.settimeout(30)
            with self._here.wrap_socket(plain, server_side=True) as client:
                asked = _read_request(client)
                self._answer(client, asked)

    def _answer(self, client: ssl.SSLSocket, asked: bytes) -> None:
        trap = self._due(asked)
        if trap is not None and trap.order is Order.HOLD_BEFORE:
            trap.sprung.set()
            trap.released.wait()
            if trap.drop:
                return
        raw = socket.create_connection(self._server, timeout=10)
        with raw, self._there.wrap_socket(raw, server_hostname=self._server[0]) as server:
            server.sendall(_closing(asked))
            if trap is None:
                _splice(server, client, watch=b"watch=" in asked.split(b"\r\n", 1)[0])
                return
            answer = _read_all(server)
            trap.carried_out.set()
            if trap.order is Order.HOLD_BEFORE:
                client.sendall(answer)
                return
            trap.sprung.set()
            if trap.order is Order.HOLD_AFTER:
                trap.released.wait()

    def _due(self, asked: bytes) -> _Trap | None:
        method, path = asked.split(b" ", 2)[:2]
        if method.decode() not in _WRITES or b"/leases" in path:
            return None
        with self._lock:
            self.writes += 1
            trap = self._trap
            if trap is None:
                return None
            trap.left -= 1
            return trap if trap.left == 0 else None


def _read_request(client: ssl.SSLSocket) -> bytes:
    """Head and body. Raises ValueError when the client hangs up before."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += _more(client)
    head, _, body = seen.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _more(client)
    return head + b"\r\n\r\n" + body


def _more(client: ssl.SSLSocket) -> bytes:
    words = client.recv(_CHUNK)
    if not words:
        raise ValueError("hung up")
    return words


def _closing(asked: bytes) -> bytes:
    """The same request, after whose answer the server hangs up, and says so."""
    first, _, rest = asked.partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([first, *kept, b"Connection: close", b"", body])


def _read_all(server: ssl.SSLSocket) -> bytes:
    whole = b""
    while words := server.recv(_CHUNK):
        whole += words
    return whole


def _splice(server: ssl.SSLSocket, client: ssl.SSLSocket, *, watch: bool) -> None:
    """The answer, as it comes. A client that says anything after its request has hung up."""
    server.settimeout(None if watch else 30)
    while True:
        if not server.pending():
            ready, _, _ = select.select([server, client], [], [])
            if client in ready:
                return
        if not (words := server.recv(_CHUNK)):
            return
        client.sendall(words)
