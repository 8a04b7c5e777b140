"""One resource as the API server tells it, change by change."""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from tests.bed.api import Api, ApiError

Json = dict[str, Any]
STAGES = ("DatabaseResolved", "SecretReady", "RotationReady", "CredentialVerified", "Mirrored", "WorkloadsCurrent")


class NotInTime(Exception):
    """What was awaited did not come."""


@dataclass(frozen=True)
class Seen:
    """A resource at a moment (seconds since 1970)."""

    body: Json
    moment: float

    @property
    def status(self) -> Json:
        return self.body.get("status", {})

    @property
    def version(self) -> str:
        """The AWS version that is mirrored."""
        return self.status.get("versionId", "")

    def condition(self, kind: str) -> Json:
        """Unknown while nobody has looked."""
        conditions: list[Json] = self.status.get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {"status": "Unknown", "reason": "Pending", "message": ""})

    def is_true(self, kind: str) -> bool:
        one = self.condition(kind)
        return one.get("status") == "True" and one.get("observedGeneration") == self.body["metadata"]["generation"]

    def answer(self, request: str) -> Json:
        return self.status.get("requests", {}).get(request, {})


class Watched:
    """A watch in a thread of its own; who asks waits for the next change, never for a fixed time."""

    def __init__(self, api: Api, path: str, name: str) -> None:
        self._seen: list[Seen] = []
        self._more = threading.Condition()
        ask = f"{path}?fieldSelector=metadata.name={name}"
        threading.Thread(target=self._watch, args=(api, ask), daemon=True).start()

    def _watch(self, api: Api, ask: str) -> None:
        try:
            for change in api.watch(ask):
                with self._more:
                    self._seen.append(Seen(change["object"], time.time()))
                    self._more.notify_all()
        except ApiError:
            return  # the bed is gone; whoever waits runs into its time-out

    def before(self, moment: float) -> Seen | None:
        """How it stood then; None when nothing was seen yet."""
        with self._more:
            return next((one for one in reversed(self._seen) if one.moment < moment), None)

    def since(self, moment: float, what: str, seconds: float) -> Generator[Seen]:
        """Every change from that moment on. NotInTime after so many seconds."""
        place, deadline = 0, time.monotonic() + seconds
        while True:
            with self._more:
                if not self._more.wait_for(lambda place=place: len(self._seen) > place, max(0.0, deadline - time.monotonic())):
                    raise NotInTime(f"{what}: not within {seconds:.0f} s")
                fresh, place = self._seen[place:], len(self._seen)
            yield from (one for one in fresh if one.moment >= moment)

    def until(self, moment: float, what: str, holds: Callable[[Seen], bool], seconds: float = 40) -> Seen:
        """The first change since that moment of which it holds."""
        return next(one for one in self.since(moment, what, seconds) if holds(one))
