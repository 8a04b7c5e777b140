"""When a login may be tried at all: one at a time an endpoint, half the workers in all, and never one that would lock a user out."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from pydantic import SecretStr

from rotated_rds.clients import databases
from rotated_rds.clients.addresses import joined, resolve
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.sessions import LOGIN_TIMEOUT
from rotated_rds.model.database import TIMED_OUT, Endpoint, Login, Verdict

_REFUSED_AGAIN = (timedelta(minutes=5), timedelta(hours=1))  # the first pause, and the longest
_TIMED_OUT_AGAIN = (timedelta(seconds=1), timedelta(minutes=5))
_PATIENCE = 0.5  # seconds: a healthy login takes a hundredth of that; who waits longer waits for a black hole
_MOST = 20_000  # entries of each memory: the oldest go first

QUEUED = "queued"
LEFT_ALONE = "left-alone"

K = TypeVar("K")
V = TypeVar("V")


class LogIn(Protocol):
    def __call__(
        self, endpoint: Endpoint, username: str, password: SecretStr, *, timeout: timedelta, addresses: Sequence[str] | None
    ) -> Login: ...


class Logins:
    """Shared by all workers. limit: logins at once. Nothing here is kept over a restart (SAFETY.md B4)."""

    def __init__(
        self,
        limit: int,
        *,
        timeout: timedelta = LOGIN_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        log_in: LogIn = databases.login,
    ) -> None:
        self._timeout = timeout
        self._log_in = log_in
        self._slots = threading.BoundedSemaphore(limit)
        self._turn = threading.Condition()
        self._busy: set[str] = set()
        self._refused: _Pauses[tuple[str, str], Login] = _Pauses(*_REFUSED_AGAIN, clock)
        self._timed_out: _Pauses[str, Login] = _Pauses(*_TIMED_OUT_AGAIN, clock)

    def try_version(self, endpoint: Endpoint, version: str, username: str, password: SecretStr, *, again: bool = False) -> Login:
        """Log in with a version's credential, or answer from memory. Raises nothing.

        A version that an address refused is not tried there for 5 minutes, doubling to an hour; an endpoint that timed out is not
        tried for a second, doubling to 5 minutes (code LEFT_ALONE). again: now, whatever is remembered. BUSY with the code QUEUED:
        other logins are under way, try later.
        """
        if not again and (left_alone := self._timed_out.current(endpoint.address)) is not None:
            return left_alone
        if not self._slots.acquire(timeout=_PATIENCE):
            return Login(Verdict.BUSY, QUEUED)
        try:
            return self._in_a_slot(endpoint, version, username, password, again=again)
        finally:
            self._slots.release()

    def forget(self, version: str) -> None:
        """Let a version be tried again: we have just changed the password that it holds."""
        self._refused.drop(lambda key: key[0] == version)

    def _in_a_slot(self, endpoint: Endpoint, version: str, username: str, password: SecretStr, *, again: bool) -> Login:
        deadline = Deadline(self._timeout)
        addresses = resolve(endpoint.host, endpoint.port, deadline)
        with self._turn_at(joined(min(addresses, default=endpoint.host), endpoint.port)) as ours:
            if not ours:
                return Login(Verdict.BUSY, QUEUED)
            if not again and (known := self._known(endpoint, version, addresses)) is not None:
                return known
            left = timedelta(seconds=deadline.left())
            login = self._log_in(endpoint, username, password, timeout=left, addresses=addresses)
            self._remember(endpoint, version, login)
            return login

    def _known(self, endpoint: Endpoint, version: str, addresses: Sequence[str]) -> Login | None:
        """Look up what was learned of this version, perhaps while we waited for our turn."""
        refusals = (self._refused.current((version, joined(ip, endpoint.port))) for ip in addresses)
        return next((login for login in refusals if login is not None), None) or self._timed_out.current(endpoint.address)

    def _remember(self, endpoint: Endpoint, version: str, login: Login) -> None:
        if login.verdict is Verdict.REFUSED:
            self._refused.note((version, login.address), login)
        elif login.verdict.proves:
            self._refused.forgive((version, login.address))
        if login.code == TIMED_OUT:
            self._timed_out.note(endpoint.address, Login(Verdict.UNREACHABLE, LEFT_ALONE, login.address))
        else:
            self._timed_out.forgive(endpoint.address)

    @contextmanager
    def _turn_at(self, address: str) -> Generator[bool]:
        """Take the one login that an address may have at a time; False when somebody else keeps it too long."""
        with self._turn:
            ours = self._turn.wait_for(lambda: address not in self._busy, timeout=_PATIENCE)
            if ours:
                self._busy.add(address)
        try:
            yield ours
        finally:
            if ours:
                with self._turn:
                    self._busy.discard(address)
                    self._turn.notify_all()


@dataclass(frozen=True)
class _Pause(Generic[V]):
    answer: V
    span: timedelta
    until: float


class _Pauses(Generic[K, V]):
    """Answers that stand for a while; each time the same key earns one again, for twice as long."""

    def __init__(self, first: timedelta, longest: timedelta, clock: Callable[[], float]) -> None:
        self._first, self._longest, self._clock = first, longest, clock
        self._lock = threading.Lock()
        self._pauses: OrderedDict[K, _Pause[V]] = OrderedDict()

    def current(self, key: K) -> V | None:
        with self._lock:
            pause = self._pauses.get(key)
            return pause.answer if pause is not None and self._clock() < pause.until else None

    def note(self, key: K, answer: V) -> None:
        with self._lock:
            before = self._pauses.pop(key, None)
            span = self._first if before is None else min(before.span * 2, self._longest)
            self._pauses[key] = _Pause(answer, span, self._clock() + span.total_seconds())
            if len(self._pauses) > _MOST:
                self._pauses.popitem(last=False)

    def forgive(self, key: K) -> None:
        with self._lock:
            self._pauses.pop(key, None)

    def drop(self, which: Callable[[K], bool]) -> None:
        with self._lock:
            for key in [key for key in self._pauses if which(key)]:
                del self._pauses[key]
