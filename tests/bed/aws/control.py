"""The control interface under /bed/: what a test sets, watches and releases, over HTTP in JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from tests.bed.aws import rds
from tests.bed.aws.containers import OURS, Contained, environment_of
from tests.bed.aws.events import Bus
from tests.bed.aws.fakes import KINDS, Fake
from tests.bed.aws.functions import Function
from tests.bed.aws.gateway import Gateway
from tests.bed.aws.rotation import Engine
from tests.bed.aws.sessions import credentials_for
from tests.bed.aws.web import Answer, Asked

Wanted = dict[str, Any]


class NoSuch(Exception):  # noqa: N818 - a 404, not an error of the bed
    """There is no such thing under this path."""


@dataclass
class Control:
    gateway: Gateway
    engine: Engine
    bus: Bus
    endpoint: str

    def answer(self, asked: Asked) -> Answer:
        """Answer one request under /bed/: 400 says what was not understood, 404 that there is none, 408 that it did not come true."""
        place = asked.path.removeprefix("/bed/").strip("/").split("/")
        query = {key: values[-1] for key, values in parse_qs(asked.query).items()}
        try:
            wanted = {**query, **json.loads(asked.body or b"{}")}
            shown = self._route(asked.method, place)(wanted, *place[1:])
        except (TypeError, ValueError, KeyError) as error:
            return _say(400, {"error": f"{type(error).__name__}: {error}"})
        except NoSuch as error:
            return _say(404, {"error": str(error)})
        return _say(408 if shown is None else 200, shown)

    def _route(self, method: str, place: list[str]) -> Callable[..., Any]:
        routes: dict[tuple[str, str, int], Callable[..., Any]] = {
            ("GET", "health", 1): lambda _wanted: {"ready": True},
            ("GET", "calls", 1): self._calls,
            ("POST", "reset", 1): self._reset,
            ("GET", "faults", 1): lambda _wanted: [asdict(fault) for fault in self.gateway.board.shown()],
            ("POST", "faults", 1): lambda wanted: {"number": self.gateway.board.add(wanted)},
            ("GET", "faults", 2): self._wait_for_fault,
            ("DELETE", "faults", 2): self._release_fault,
            ("GET", "functions", 1): lambda _wanted: self.engine.registry.shown(),
            ("POST", "functions", 1): self._add_function,
            ("POST", "release", 1): self._release_function,
            ("DELETE", "functions", 1): lambda wanted: self.engine.registry.remove(wanted["arn"]) or {},
            ("GET", "rotations", 1): self._rotations,
            ("POST", "rotations", 1): self._tune_rotations,
            ("GET", "clock", 1): lambda _wanted: {"now": self.gateway.world.clock.now()},
            ("POST", "clock", 1): self._advance,
            ("GET", "events", 1): lambda _wanted: self.bus.shown(),
            ("POST", "events", 1): self._change_weather,
            ("POST", "rds", 1): lambda wanted: rds.place(self.gateway.world.lock, wanted),
            ("DELETE", "rds", 1): lambda wanted: rds.remove(self.gateway.world.lock, wanted),
        }
        try:
            return routes[method, place[0], len(place)]
        except KeyError:
            raise NoSuch(f"{method} /bed/{'/'.join(place)}") from None

    def _calls(self, wanted: Wanted) -> Any:
        return self.gateway.journal.shown(int(wanted.get("since", 0)), wanted.get("caller"))

    def _reset(self, _wanted: Wanted) -> Any:
        """Forget counts, faults and the weather; the secrets stay."""
        self.gateway.board.clear()
        self.gateway.journal.clear()
        self.bus.change(delay=0.0, lose=0, copies=1, shuffle=0)
        return {}

    def _wait_for_fault(self, wanted: Wanted, number: str) -> Any:
        """GET /bed/faults/N?state=held&seconds=10 answers as soon as the fault holds a call (or has struck)."""
        state = wanted.get("state", "struck")
        if state not in ("held", "struck"):
            raise ValueError("state: held or struck")
        fault = self.gateway.board.wait(int(number), state, float(wanted.get("seconds", 0)))
        return None if fault is None else asdict(fault)

    def _release_fault(self, wanted: Wanted, number: str) -> Any:
        """DELETE /bed/faults/N ends a fault; what it holds goes on, or is cut off with drop=true."""
        self.gateway.board.release(int(number), drop=wanted.get("drop") in (True, "true"))
        return {}

    def _add_function(self, wanted: Wanted) -> Any:
        arn, kind = wanted["arn"], wanted["kind"]
        self.engine.registry.add(arn, self._function(arn, kind, wanted), {key: wanted[key] for key in wanted if key != "environment"})
        return {}

    def _function(self, arn: str, kind: str, wanted: Wanted) -> Function:
        if kind in KINDS:
            return Fake(kind, wanted.get("step", "createSecret"), wanted.get("times"))  # pyright: ignore[reportArgumentType]  # KINDS are the Literal's own
        if kind not in ("ours", "python"):
            raise ValueError(f"kind: one of {(*KINDS, 'ours', 'python')}")
        path = OURS if kind == "ours" else wanted["path"]
        environment = environment_of(self.endpoint, arn, credentials_for(arn), wanted.get("environment", {}))
        return Contained(path, environment, float(wanted.get("timeout", 30)))

    def _release_function(self, wanted: Wanted) -> Any:
        self.engine.registry.release(wanted["arn"])
        return {}

    def _rotations(self, wanted: Wanted) -> Any:
        """GET /bed/rotations?secret=ARN&seconds=10: waits until none of them runs, at most so long."""
        return self.engine.shown(wanted.get("secret"), float(wanted.get("seconds", 0)))

    def _tune_rotations(self, wanted: Wanted) -> Any:
        self.engine.attempts = int(wanted.get("attempts", self.engine.attempts))
        self.engine.pause = float(wanted.get("pause", self.engine.pause))
        return {"attempts": self.engine.attempts, "pause": self.engine.pause}

    def _advance(self, wanted: Wanted) -> Any:
        self.gateway.world.clock.advance(float(wanted["advance"]))
        return {"now": self.gateway.world.clock.now()}

    def _change_weather(self, wanted: Wanted) -> Any:
        self.bus.change(**wanted)
        return self.bus.shown()["weather"]


def _say(status: int, shown: Any) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(shown).encode())
