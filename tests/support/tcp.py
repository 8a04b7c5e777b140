"""A TCP relay on loopback that holds, loses or cuts what passes, at a moment that the test names.

It only moves bytes, so it works through TLS. It counts *flights*: runs of client bytes after server bytes, or at the
start. A statement on an idle session is one flight. A login is several; with TLS 1.3 their number may differ by one from
login to login, as the server's session tickets come before or after the client's next words.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

_CHUNK = 65536
_PATIENCE = 30.0
_WAYS = 2
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing resets


class Fault(Enum):
    """What befalls a flight, and with it its connection from then on."""

    HOLD = auto()
    """Kept back before the server sees it, until `release`; then it goes on, even if the client has gone."""
    SWALLOW = auto()
    """Forwarded; its answer and all after it are thrown away, and the connection stays open."""
    DROP_BEFORE = auto()
    """The connection is reset before the server sees the flight."""
    DROP_AFTER = auto()
    """The connection is reset when the server begins to answer: what was asked has been done, and nobody is told."""
    BLACK_HOLE = auto()
    """Nothing passes any more here, and what connects from now on is accepted and never answered."""


class _Flow(Enum):
    PASS, SWALLOW, CUT, SILENT = auto(), auto(), auto(), auto()


_FLOW_AFTER = {Fault.SWALLOW: _Flow.SWALLOW, Fault.DROP_AFTER: _Flow.CUT, Fault.BLACK_HOLE: _Flow.SILENT}


@dataclass(eq=False)
class _Link:
    """One connection through the relay."""

    client: socket.socket
    server: socket.socket
    number: int
    flow: _Flow = _Flow.PASS
    in_flight: bool = False
    ended: int = 0

    def reset(self) -> None:
        for end in (self.client, self.server):
            _reset(end)


@dataclass(eq=False)
class _Strike:
    """A fault that waits for a flight: the `left`-th of connections with a number above `after`."""

    fault: Fault
    left: int
    after: int


class Relay:
    """Relays 127.0.0.1:`port` to a port of this machine while its `with` block runs."""

    def __init__(self, target: int) -> None:
        self._target = ("127.0.0.1", target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._flights = self._connections = 0
        self._strikes: list[_Strike] = []
        self._black_hole = self._ending = False
        self._struck, self._answered, self._released = threading.Event(), threading.Event(), threading.Event()
        self._links: list[_Link] = []
        self._unanswered: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name=f"relay {self.port}", daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End every connection; what is still held never reaches the server."""
        self._ending = True
        self._released.set()
        _reset(self._listener)
        self._threads[0].join()  # it opens links; the others end with theirs
        self.cut()
        for thread in self._threads:
            thread.join(_PATIENCE)

    @property
    def flights(self) -> int:
        """How many flights began so far, over all connections."""
        return self._flights

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self._connections

    def strike(self, fault: Fault, at: int = 1, *, of_new: bool = False) -> None:
        """Let the fault befall one flight: 1 is the next that any connection begins.

        of_new: count only flights of connections made from now on; an older one's farewell may still be on its way.
        """
        with self._lock:
            for event in (self._struck, self._answered, self._released):
                event.clear()
            self._strikes.append(_Strike(fault, at, self._connections if of_new else 0))

    @property
    def struck(self) -> bool:
        """Whether the flight of a strike has begun; a walk over all flights ends when it has not."""
        return self._struck.is_set()

    def wait_until_struck(self, seconds: float = _PATIENCE) -> None:
        """Return once a strike's flight has begun."""
        _wait(self._struck, "the flight to strike", seconds)

    def wait_until_answered(self, seconds: float = _PATIENCE) -> None:
        """Return once the server has answered what was forwarded under SWALLOW or DROP_AFTER: it has been done."""
        _wait(self._answered, "the answer to lose", seconds)

    def release(self) -> None:
        """Let what is held go on."""
        self._released.set()

    def black_hole(self) -> None:
        """From now on, connections are accepted and never answered; the open ones fall silent."""
        with self._lock:
            self._black_hole = True
            for link in self._links:
                link.flow = _Flow.SILENT

    def pass_all(self) -> None:
        """Forget all strikes, release what is held, answer new connections. One that was silenced stays so."""
        with self._lock:
            self._strikes.clear()
            self._black_hole = False
        self._released.set()

    def cut(self) -> None:
        """Reset every open connection now, as a failover does."""
        with self._lock:
            for link in self._links:
                link.reset()
            for one in self._unanswered:
                _reset(one)

    def _accept(self) -> None:
        while not self._ending:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections += 1
                if self._black_hole:
                    self._unanswered.append(client)
                    continue
            self._open(client, self._connections)

    def _open(self, client: socket.socket, number: int) -> None:
        try:
            server = socket.create_connection(self._target, timeout=_PATIENCE)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client, server, number)
        with self._lock:
            self._links.append(link)
        for way in (self._to_server, self._to_client):
            thread = threading.Thread(target=self._carry, args=(way, link), name=f"relay {self.port}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, way: Callable[[_Link], None], link: _Link) -> None:
        way(link)
        with self._lock:
            link.ended += 1
            if link.ended == _WAYS:
                link.client.close()
                link.server.close()
                self._links.remove(link)

    def _to_server(self, link: _Link) -> None:
        while words := _read(link.client):
            fault = self._begins(link)
            if fault is Fault.HOLD:
                self._released.wait()
            if fault is Fault.DROP_BEFORE or self._ending:
                link.reset()
                return
            if link.flow is not _Flow.SILENT:
                _send(link.server, words)
        if link.flow is not _Flow.SILENT:
            _finish(link.server)

    def _to_client(self, link: _Link) -> None:
        while words := _read(link.server):
            link.in_flight = False
            if link.flow in {_Flow.SWALLOW, _Flow.CUT}:
                self._answered.set()
            if link.flow is _Flow.CUT:
                link.reset()
                return
            if link.flow is _Flow.PASS:
                _send(link.client, words)
        if link.flow is _Flow.PASS:
            _finish(link.client)

    def _begins(self, link: _Link) -> Fault | None:
        """Count a flight if these client bytes begin one, and say what shall befall it."""
        with self._lock:
            if link.in_flight:
                return None
            link.in_flight = True
            self._flights += 1
            fault = self._due(link)
            if fault is not None:
                link.flow = _FLOW_AFTER.get(fault, link.flow)
                self._black_hole = self._black_hole or fault is Fault.BLACK_HOLE
                self._struck.set()
            return fault

    def _due(self, link: _Link) -> Fault | None:
        counting = [strike for strike in self._strikes if link.number > strike.after]
        for strike in counting:
            strike.left -= 1
        due = next((strike for strike in counting if strike.left == 0), None)
        self._strikes = [strike for strike in self._strikes if strike.left > 0]
        return due.fault if due else None


def _wait(event: threading.Event, what: str, seconds: float) -> None:
    if not event.wait(seconds):
        raise TimeoutError(f"{what} did not come within {seconds:.0f} s")


def _read(end: socket.socket) -> bytes:
    """The next bytes; none at the end, however it came."""
    try:
        return end.recv(_CHUNK)
    except OSError:
        return b""


def _send(end: socket.socket, words: bytes) -> None:
    with contextlib.suppress(OSError):
        end.sendall(words)


def _finish(end: socket.socket) -> None:
    """Say that no more comes."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)  # wakes whoever reads it; closing alone does not
    end.close()
