"""The Lease: which replica acts. Judged by the monotonic clock, renewed often, given back on the way out (SAFETY.md A4)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rotated_rds.clients.kubernetes import Conflict, Gone, Json, Kubernetes
from rotated_rds.model.errors import Problem, Reason, Unavailable

DURATION = 15.0  # seconds that a Lease holds without being renewed
EVERY = 2.0  # seconds between renewals


@dataclass
class Lease:
    """One Lease object. identity: this replica's; held until `_until` on our own monotonic clock."""

    kubernetes: Kubernetes
    namespace: str
    name: str
    identity: str
    clock: Callable[[], float] = time.monotonic
    _until: float = 0.0
    _seen: tuple[str, float] = ("", 0.0)  # another holder's resourceVersion, and when we first saw it
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def _path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def left(self) -> float:
        """Seconds that we surely hold it."""
        return max(0.0, self._until - self.clock())

    def fence(self, seconds: float) -> None:
        """Let a write of that length begin only while we hold the Lease for longer. Raises Unavailable."""
        if self.left() <= seconds:
            raise Unavailable(Reason.UNAVAILABLE, "this replica's Lease is about to end: writing is left to the next leader")

    def attempt(self) -> bool:
        """Take or renew it; whether we hold it now. Raises Refused(Forbidden), Unavailable."""
        with self._lock:
            began = self.clock()
            found = self.kubernetes.get(f"{self._path}/{self.name}")
            if found is not None and not self._may_take(found):
                return False
            try:
                self._write(found, self.identity)
            except (Conflict, Gone):
                return False
            self._until = began + DURATION
            return True

    def release(self) -> None:
        """Give it back, so that the next replica need not wait. What fails here costs the others the Lease's time."""
        with self._lock:
            held, self._until = self.left() > 0, 0.0
            if not held:
                return
            try:
                found = self.kubernetes.get(f"{self._path}/{self.name}")
                if found is not None and found["spec"].get("holderIdentity") == self.identity:
                    self._write(found, "")
            except (Problem, Gone):
                return

    def _may_take(self, found: Json) -> bool:
        """Ours, given back, or not renewed for its whole time as our own clock saw it."""
        holder, version = found["spec"].get("holderIdentity") or "", found["metadata"]["resourceVersion"]
        if holder in ("", self.identity):
            return True
        if self._seen[0] != version:
            self._seen = (version, self.clock())
        return self.clock() - self._seen[1] > float(found["spec"].get("leaseDurationSeconds") or DURATION)

    def _write(self, found: Json | None, holder: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old: dict[str, Any] = dict(found["spec"]) if found else {}
        changed = old.get("holderIdentity") != holder
        spec = {
            **old,
            "holderIdentity": holder,
            "leaseDurationSeconds": int(DURATION),
            "renewTime": now,
            "acquireTime": now if changed else old.get("acquireTime", now),
            "leaseTransitions": int(old.get("leaseTransitions", 0)) + (1 if changed and found and holder else 0),
        }
        body: dict[str, Any] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec,
        }
        if found is None:
            self.kubernetes.call("POST", self._path, body=body)
            return
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        self.kubernetes.call("PUT", f"{self._path}/{self.name}", body=body)
