"""The bed's time: the machine's own, plus what a test has added to it."""

import threading
import time


class Clock:
    """Seconds since 1970 in UTC, as AWS's dates tell them: with milliseconds."""

    def __init__(self) -> None:
        self._added = 0.0
        self.moved = threading.Condition()

    def now(self) -> float:
        return round(time.time() + self._added, 3)

    def advance(self, seconds: float) -> None:
        """Go forward; whoever waits on `moved` looks at the time again."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self.moved:
            self._added += seconds
        self.wake()

    def wake(self) -> None:
        with self.moved:
            self.moved.notify_all()
