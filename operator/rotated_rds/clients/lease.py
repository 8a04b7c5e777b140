"""The Lease: which replica acts. Judged by the monotonic clock, renewed often, given back on the way out (SAFETY.md A4)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rotated_rds.clients.apiserver import ApiServer, Conflict, Gone
from rotated_rds.model.document import Json
from rotated_rds.model.errors import Problem, Reason, Unavailable

TIME = 15  # seconds that a Lease holds without being renewed, as it says itself
DURATION = 14.0  # of them by our own clocks, the holder's and the taker's: the rest is for noticing and for taking over
EVERY = 2.0  # seconds between renewals
_ANSWER = 3.0  # seconds that the API server has for a word about it: several tries must fit into its time
_LATE = 0.05  # seconds that a standby looks later than it may, so that it need not look twice


@dataclass
class Lease:
    """One Lease object. identity: this replica's; held until `_until` on our own monotonic clock."""

    api: ApiServer
    namespace: str
    name: str
    identity: str
    clock: Callable[[], float] = time.monotonic
    _until: float = 0.0
    _seen: tuple[str, float] = ("", 0.0)  # the resourceVersion of one that is not ours, and when we first saw it
    _answered: float = float("-inf")
    _closed: bool = False
    _given_back: bool = False
    _writing: dict[int, float] = field(default_factory=dict[int, float])  # thread → when its last write has surely ended
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _gate: threading.Lock = field(default_factory=threading.Lock)

    @property
    def _path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def left(self) -> float:
        """Seconds that we surely hold it."""
        return 0.0 if self._closed else max(0.0, self._until - self.clock())

    def silent(self) -> float:
        """Seconds since the API server last told us of it."""
        return self.clock() - self._answered

    def fence(self, seconds: float) -> None:
        """Let a write of that length begin only while we hold the Lease for longer. Raises Unavailable."""
        with self._gate:
            if self.left() <= seconds:
                raise Unavailable(Reason.UNAVAILABLE, "this replica's Lease is about to end: writing is left to the next leader")
            self._writing[threading.get_ident()] = self.clock() + seconds

    def written(self) -> None:
        """This thread's writes have ended."""
        self._writing.pop(threading.get_ident(), None)

    def close(self) -> float:
        """Let no write begin any more; the seconds in which those that have begun surely end."""
        with self._gate:
            self._closed = True
            return max(0.0, max(self._writing.values(), default=0.0) - self.clock())

    def attempt(self, spare: float = 0.0) -> bool:
        """Take or renew it; whether we hold it now. spare: seconds to leave a free one to others. Raises Refused, Unavailable."""
        with self._lock:
            if self._given_back:
                return False
            began = self.clock()
            found = self.api.get(f"{self._path}/{self.name}", _ANSWER)
            self._answered = self.clock()
            if not self._may_take(found, spare):
                return False
            try:
                self._write(found, self.identity)
            except (Conflict, Gone):
                return False
            self._until = began + DURATION
            return True

    def wait(self) -> bool:
        """Wait while another replica holds it; whether it may be free, else the watch ended. Raises Refused(Forbidden), Unavailable."""
        version, since = self._seen
        silence = max(_LATE, DURATION + _LATE - (self.clock() - since))
        try:
            watched = self.api.follow(self._path, silence, fieldSelector=f"metadata.name={self.name}", resourceVersion=version)
            for event, found in watched:
                if event not in ("ADDED", "MODIFIED"):
                    return event == "DELETED"
                self._answered = self.clock()
                if self._may_take(found, 0.0):
                    return True
        except Unavailable:
            if not self._is_over():
                raise
        return self._is_over()

    def _is_over(self) -> bool:
        return self.clock() - self._seen[1] > DURATION

    def release(self) -> bool:
        """Give it back for good, so that the next replica need not wait; whether it was. What fails here costs the others its time."""
        self.close()
        with self._lock:
            self._given_back = True
            if not self._until:
                return False
            try:
                found = self.api.get(f"{self._path}/{self.name}", _ANSWER)
                if found is None or found["spec"].get("holderIdentity") != self.identity:
                    return False
                self._write(found, "")
            except (Problem, Gone):
                return False
            return True

    def _may_take(self, found: Json | None, spare: float) -> bool:
        """Ours, given back, or not renewed for its whole time as our own clock saw it."""
        spec: Json = found["spec"] if found else {}
        holder, version = spec.get("holderIdentity") or "", found["metadata"]["resourceVersion"] if found else "0"
        if holder == self.identity:
            return True
        if self._seen[0] != version:
            self._seen = (version, self.clock())
        wait = spare + (float(spec.get("leaseDurationSeconds") or TIME) - (TIME - DURATION) if holder else 0.0)
        return not wait or self.clock() - self._seen[1] > wait

    def _write(self, found: Json | None, holder: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old: dict[str, Any] = dict(found["spec"]) if found else {}
        changed = old.get("holderIdentity") != holder
        spec = {
            **old,
            "holderIdentity": holder,
            "leaseDurationSeconds": TIME,
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
            self.api.call("POST", self._path, body=body)
            return
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        self.api.call("PUT", f"{self._path}/{self.name}", body=body)
