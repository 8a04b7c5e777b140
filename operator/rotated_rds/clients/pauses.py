"""Answers that stand for a while, so that the question is not asked again too soon."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

MOST = 20_000  # entries: the oldest go first

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class _Pause(Generic[V]):
    answer: V
    span: timedelta
    until: float


class Pauses(Generic[K, V]):
    """Each time the same key earns its pause again, it stands for twice as long. clock: monotonic seconds."""

    def __init__(self, first: timedelta, longest: timedelta, clock: Callable[[], float]) -> None:
        self._first, self._longest, self._clock = first, longest, clock
        self._lock = threading.Lock()
        self._pauses: OrderedDict[K, _Pause[V]] = OrderedDict()

    def current(self, key: K) -> V | None:
        """Look up the answer that stands now."""
        with self._lock:
            pause = self._pauses.get(key)
            return pause.answer if pause is not None and self._clock() < pause.until else None

    def note(self, key: K, answer: V) -> None:
        """Let an answer stand."""
        with self._lock:
            before = self._pauses.pop(key, None)
            span = self._first if before is None else min(before.span * 2, self._longest)
            self._pauses[key] = _Pause(answer, span, self._clock() + span.total_seconds())
            if len(self._pauses) > MOST:
                self._pauses.popitem(last=False)

    def forgive(self, key: K) -> None:
        """Forget a key: its next pause is a first one again."""
        with self._lock:
            self._pauses.pop(key, None)

    def drop(self, which: Callable[[K], bool]) -> None:
        """Forget all keys of a kind."""
        with self._lock:
            for key in [key for key in self._pauses if which(key)]:
                del self._pauses[key]
