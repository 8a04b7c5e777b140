"""Whether this replica would work if it led: what must hold for that is asked for, and what is missing is said in words."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rotated_rds.clients.aws import AwsSessions
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.model.errors import Problem

log = logging.getLogger("rotated_rds")
SOON = 5.0  # seconds until what failed is asked for again
LATER = 300.0  # seconds until what may come to fail is asked for again
FORGIVEN = 900.0  # seconds since it last held for which a failure is taken for a hiccup


@dataclass(frozen=True)
class Check:
    """ask: raises Problem when it does not hold. again: seconds until it is asked for again once it held."""

    name: str
    ask: Callable[[], object]
    again: float = float("inf")


@dataclass
class Readiness:
    """Asks each check until it holds, then when it is due again."""

    checks: Sequence[Check]
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, float] = field(default_factory=dict[str, float])
    _due: dict[str, float] = field(default_factory=dict[str, float])
    _said: dict[str, str] = field(default_factory=dict[str, str])

    def look(self) -> None:
        """Ask what is due."""
        for check in self.checks:
            if self.clock() >= self._due.get(check.name, 0.0):
                self._ask(check)

    def missing(self) -> list[str]:
        """What does not hold, each with its mend."""
        return [f"{one.name}: {self._said.get(one.name, 'not looked at yet')}" for one in self.checks if not self._holds(one)]

    def _holds(self, check: Check) -> bool:
        held = self._held.get(check.name)
        return held is not None and self.clock() - held <= check.again + FORGIVEN

    def _ask(self, check: Check) -> None:
        try:
            check.ask()
        except Problem as problem:
            if self._said.get(check.name) != problem.message:
                log.warning("not ready: %s: %s", check.name, problem.message)
            self._said[check.name], self._due[check.name] = problem.message, self.clock() + SOON
            return
        self._said.pop(check.name, None)
        self._held[check.name], self._due[check.name] = self.clock(), self.clock() + check.again


def checks(kubernetes: Kubernetes, sessions: AwsSessions, namespaces: Sequence[str]) -> list[Check]:
    """The operator's own: it may list what it watches, and AWS knows it."""
    return [
        Check("rights", lambda: [kubernetes.check_watched(namespace) for namespace in namespaces or (None,)]),
        Check("AWS", sessions.check, again=LATER),
    ]
