"""When whose turn is: what presses goes before all else that is due."""

import heapq
from dataclasses import dataclass, field

from rotated_rds.model.resource import Key


@dataclass(frozen=True)
class _Turn:
    due: float
    pressing: bool


@dataclass
class Deadlines:
    """One turn a key, the earliest that was asked for. Times are seconds of one monotonic clock.

    A rotation in the middle of it would else wait, after each of its passes, behind a thousand resources that are looked at for the
    first time (SAFETY.md A7).
    """

    _turns: dict[Key, _Turn] = field(default_factory=dict[Key, _Turn])
    _pressing: list[tuple[float, Key]] = field(default_factory=list[tuple[float, Key]])
    _others: list[tuple[float, Key]] = field(default_factory=list[tuple[float, Key]])

    def ask(self, key: Key, due: float, *, pressing: bool = False) -> bool:
        """A turn at that time, or sooner if one was asked for; what presses once presses until its turn. Returns whether it is news."""
        known = self._turns.get(key)
        wanted = _Turn(min(due, known.due), pressing or known.pressing) if known else _Turn(due, pressing)
        if wanted == known:
            return False
        self._turns[key] = wanted
        heapq.heappush(self._queue(wanted), (wanted.due, key))
        return True

    def take(self, now: float) -> Key | None:
        """Who is to go now, whose turn is then over; None when nobody is due."""
        for queue in (self._pressing, self._others):
            self._clean(queue)
            if queue and queue[0][0] <= now:
                key = heapq.heappop(queue)[1]
                del self._turns[key]
                return key
        return None

    def wait(self, now: float) -> float | None:
        """Seconds to the next turn, 0 for one that is due; None when there is none."""
        for queue in (self._pressing, self._others):
            self._clean(queue)
        heads = [queue[0][0] for queue in (self._pressing, self._others) if queue]
        return max(0.0, min(heads) - now) if heads else None

    def drop(self, key: Key) -> None:
        self._turns.pop(key, None)

    def _queue(self, turn: _Turn) -> list[tuple[float, Key]]:
        return self._pressing if turn.pressing else self._others

    def _clean(self, queue: list[tuple[float, Key]]) -> None:
        """Take off the front what was dropped, taken, or asked for sooner."""
        while queue:
            due, key = queue[0]
            turn = self._turns.get(key)
            if turn is not None and turn.due == due and self._queue(turn) is queue:
                return
            heapq.heappop(queue)
