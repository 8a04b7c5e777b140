"""The control interface under /bed/: what a test sets, watches and releases, over HTTP in JSON."""

import json
import time
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
from tests.bed.aws.guard import Denied
from tests.bed.aws.rotation import Engine
from tests.bed.aws.scheduler import Scheduler
from tests.bed.aws.sessions import credentials_for
from tests.bed.aws.web import Answer, Asked

Wanted = dict[str, Any]


class NoSuch(Exception):
    """There is no such thing under this path."""


@dataclass
class Control:
    gateway: Gateway
    engine: Engine
    bus: Bus
    scheduler: Scheduler
    endpoint: str

    def answer(self, asked: Asked) -> Answer:
        """Answer one request under /bed/: 400 says what was not understood, 404 that there is none, 408 that it did not come true."""
        place = asked.path.removeprefix("/bed/").strip("/").split("/")
        query = {key: values[-1] for key, values in parse_qs(asked.query).items()}
        try:
            wanted = {**query, **json.loads(asked.body or b"{}")}
            shown = self._shown(asked.method, place, wanted)
        except (TypeError, ValueError, KeyError) as error:
            return _say(400, {"error": f"{type(error).__name__}: {error}"})
        except NoSuch as error:
            return _say(404, {"error": str(error)})
        return _say(408 if shown is None else 200, shown)

    def _shown(self, method: str, place: list[str], wanted: Wanted) -> Any:
        whole, one = self._routes()
        if len(place) == 1 and (route := whole.get((method, place[0]))):
            return route(wanted)
        if len(place) == 2 and (of_one := one.get((method, place[0]))):
            return of_one(wanted, place[1])
        raise NoSuch(f"{method} /bed/{'/'.join(place)}")

    def _routes(self) -> tuple[dict[tuple[str, str], Callable[[Wanted], Any]], dict[tuple[str, str], Callable[[Wanted, str], Any]]]:
        lock, registry, board, guard = self.gateway.world.lock, self.engine.registry, self.gateway.board, self.gateway.guard
        whole: dict[tuple[str, str], Callable[[Wanted], Any]] = {
            ("GET", "health"): lambda _: {"ready": True},
            ("GET", "calls"): self._calls,
            ("POST", "reset"): self._reset,
            ("GET", "faults"): lambda _: [asdict(fault) for fault in board.shown()],
            ("POST", "faults"): lambda wanted: {"number": board.add(wanted)},
            ("GET", "functions"): lambda _: registry.shown(),
            ("POST", "functions"): self._add_function,
            ("DELETE", "functions"): lambda wanted: registry.remove(wanted["arn"]) or {},
            ("POST", "release"): lambda wanted: registry.release(wanted["arn"]) or {},
            ("GET", "rotations"): self._rotations,
            ("POST", "rotations"): self._tune_rotations,
            ("GET", "clock"): lambda _: {"now": self.gateway.world.clock.now(), "moment": time.monotonic()},
            ("POST", "clock"): self._advance,
            ("GET", "events"): lambda _: self.bus.shown(),
            ("POST", "events"): self._change_weather,
            ("POST", "policies"): lambda wanted: guard.give(wanted["caller"], wanted["document"]) or {},
            ("GET", "rights"): lambda wanted: guard.shown(wanted["caller"]),
            ("GET", "pod-identity"): self._pod_identity,
            ("POST", "rds"): lambda wanted: rds.place(lock, wanted),
            ("POST", "masters"): rds.order,
            ("DELETE", "rds"): lambda wanted: rds.remove(lock, wanted),
        }
        return whole, {("GET", "faults"): self._wait_for_fault, ("DELETE", "faults"): self._release_fault}

    def _calls(self, wanted: Wanted) -> Any:
        return self.gateway.journal.shown(int(wanted.get("since", 0)), wanted.get("caller"))

    def _reset(self, wanted: Wanted) -> Any:
        """Forget counts and faults (of one caller when named), and without a caller the weather; the secrets stay."""
        caller = wanted.get("caller")
        self.gateway.board.clear(caller)
        self.gateway.journal.clear(caller)
        if caller is None:
            self.bus.clear_up()
        else:
            self.gateway.guard.forget(caller)
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

    def _rotations(self, wanted: Wanted) -> Any:
        """GET /bed/rotations?secret=ARN&seconds=10&count=2: waits until so many have ended and none runs, at most so long."""
        return self.engine.shown(wanted.get("secret"), float(wanted.get("seconds", 0)), int(wanted.get("count", 0)))

    def _tune_rotations(self, wanted: Wanted) -> Any:
        self.engine.attempts = int(wanted.get("attempts", self.engine.attempts))
        self.engine.pause = float(wanted.get("pause", self.engine.pause))
        return {"attempts": self.engine.attempts, "pause": self.engine.pause}

    def _pod_identity(self, wanted: Wanted) -> Any:
        """GET /bed/pod-identity?role=ARN&kubernetes-namespace=…: a role's keys, as the SDK reads them from the Pod Identity agent."""
        role, tags = wanted["role"], {key: str(value) for key, value in wanted.items() if key != "role"}
        try:
            session = self.gateway.guard.pod_identity(role, tags)
        except Denied as no:
            raise ValueError(no.text) from None
        self.gateway.counted_as(session.access_key_id, role)
        keys = {"AccessKeyId": session.access_key_id, "SecretAccessKey": session.secret_access_key, "Token": session.session_token}
        return {**keys, "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"), "AccountId": session.account_id}

    def _advance(self, wanted: Wanted) -> Any:
        """What falls due has begun when the answer comes."""
        self.gateway.world.clock.advance(float(wanted["advance"]))
        self.scheduler.run_due()
        return {"now": self.gateway.world.clock.now()}

    def _change_weather(self, wanted: Wanted) -> Any:
        self.bus.change(wanted.pop("secret", ""), wanted)
        return self.bus.shown()["weather"]


def _say(status: int, shown: Any) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(shown).encode())
