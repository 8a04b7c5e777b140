"""Events of events.k8s.io/v1 about a resource; the same one within ten minutes is a series, not another object."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rotated_rds.clients.apiserver import Gone
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.model.errors import Problem
from rotated_rds.model.resource import GROUP, KIND, MANAGER, VERSION, Resource
from rotated_rds.model.status import Notice

_SERIES = timedelta(minutes=10)
_NOTE_LIMIT = 1024
_REMEMBERED = 2000


@dataclass
class _Sent:
    path: str
    count: int
    at: datetime


@dataclass
class Recorder:
    """Writes Events. An Event that cannot be written is dropped: it must never stop a rotation."""

    kubernetes: Kubernetes
    instance: str
    _sent: dict[tuple[str, str, str], _Sent] = field(default_factory=dict[tuple[str, str, str], _Sent])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, resource: Resource, notice: Notice) -> None:
        now, key = datetime.now(UTC), (resource.uid, notice.reason, notice.note)
        with self._lock:
            sent = self._sent.get(key)
        try:
            if sent and now - sent.at < _SERIES:
                sent.count, sent.at = sent.count + 1, now
                self.kubernetes.merge(sent.path, {"series": {"count": sent.count, "lastObservedTime": _micro(now)}})
                return
            path = self._create(resource, notice, now)
        except (Problem, Gone):
            return
        with self._lock:
            if len(self._sent) >= _REMEMBERED:
                self._sent.pop(next(iter(self._sent)))
            self._sent[key] = _Sent(path, 1, now)

    def _create(self, resource: Resource, notice: Notice, now: datetime) -> str:
        namespace, name = resource.key
        event: dict[str, Any] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{name[:40]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "eventTime": _micro(now),
            "type": "Warning" if notice.warning else "Normal",
            "reason": notice.reason,
            "action": notice.reason,
            "note": notice.note.encode()[:_NOTE_LIMIT].decode(errors="ignore"),
            "reportingController": f"{GROUP}/{MANAGER}",
            "reportingInstance": self.instance[:128],
            "regarding": {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "namespace": namespace, "name": name, "uid": resource.uid},
        }
        self.kubernetes.create_event(namespace, event)
        return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/{event['metadata']['name']}"


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
