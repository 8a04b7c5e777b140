"""Places that only so many may hold at a time, and that are not waited for behind somebody who is stuck."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

PATIENCE = 0.5
"""Seconds without any movement after which who waits gives up: a healthy login takes a fiftieth of that."""


class Places:
    """Places by name. All who wait, wait here together."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._held: dict[str, list[float]] = {}  # since when, the youngest last

    @contextmanager
    def place(self, name: str, limit: int) -> Generator[bool]:
        """Hold one of `limit` places of that name for the block; False when those who hold them do not move."""
        since = self._enter(name, limit)
        try:
            yield since is not None
        finally:
            if since is not None:
                self._leave(name, since)

    def _enter(self, name: str, limit: int) -> float | None:
        with self._moved:
            while len(held := self._held.get(name, [])) >= limit:
                left = held[-1] + PATIENCE - time.monotonic()
                if left <= 0:
                    return None
                self._moved.wait(left)
            since = time.monotonic()
            self._held[name] = [*held, since]
            return since

    def _leave(self, name: str, since: float) -> None:
        with self._moved:
            self._held[name].remove(since)
            if not self._held[name]:
                del self._held[name]
            self._moved.notify_all()
