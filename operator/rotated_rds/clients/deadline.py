"""How much time is left: one deadline for everything that a login does."""

import time
from collections.abc import Callable
from datetime import timedelta


class Deadline:
    """A moment on the monotonic clock. span: from now."""

    def __init__(self, span: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + span.total_seconds()

    def left(self) -> float:
        """Seconds; 0 when it has passed."""
        return max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        return self.left() == 0.0
