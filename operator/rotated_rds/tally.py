"""How many resources are in which state right now: for the release's budgets and for the metrics."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from rotated_rds import metrics
from rotated_rds.model.resource import Key, read_status
from rotated_rds.model.restarts import paused
from rotated_rds.model.status import Status
from rotated_rds.passes import End


@dataclass(frozen=True)
class _Seen:
    rotating: bool
    rolling: int
    conditions: tuple[tuple[str, str], ...]


@dataclass
class Tally:
    """per_resource: whether each resource has its two gauges."""

    per_resource: bool
    _seen: dict[Key, _Seen] = field(default_factory=dict[Key, _Seen])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def busy(self, what: str) -> int:
        """Resources that rotate ("rotation"), workloads that roll ("rollout"), in the whole release."""
        with self._lock:
            return sum(one.rotating if what == "rotation" else one.rolling for one in self._seen.values())

    def pass_ended(self, key: Key, _began: datetime, end: End) -> None:
        """Count a resource anew."""
        if end.body is None:
            return
        status = read_status(end.body)
        rolling = sum(1 for known in status.workloads if known.state == "Rolling" and not paused(known))
        seen = _Seen(status.rotation.in_progress is not None, rolling, tuple((one.type, one.status) for one in status.conditions))
        with self._lock:
            old = self._seen.get(key)
            self._seen[key] = seen
        self._gauge(old, seen)
        if self.per_resource:
            self._moments(key, status)

    def drop(self, key: Key) -> None:
        with self._lock:
            old = self._seen.pop(key, None)
        self._gauge(old, None)
        for gauge in (metrics.LAST_ROTATION, metrics.NEXT_ROTATION):
            metrics.remove(gauge, *key)

    def _gauge(self, old: _Seen | None, new: _Seen | None) -> None:
        change = Counter(new.conditions if new else ())
        change.subtract(Counter(old.conditions if old else ()))
        for (kind, status), by in change.items():
            if by:
                metrics.RESOURCES.labels(kind, status).inc(by)

    def _moments(self, key: Key, status: Status) -> None:
        if status.rotation.last_rotated:
            metrics.LAST_ROTATION.labels(*key).set(status.rotation.last_rotated.timestamp())
        if status.rotation.next:
            metrics.NEXT_ROTATION.labels(*key).set(datetime.fromisoformat(status.rotation.next).timestamp())
        else:
            metrics.remove(metrics.NEXT_ROTATION, *key)
