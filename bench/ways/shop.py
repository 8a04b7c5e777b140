"""The application of a cell: two Deployments, five Pods that log in ten times a second each, and what is seen of them."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.rolled import annotated, complete, says
from bench.watching import Watching, watching
from bench.ways.ground import Ground
from bench.ways.specs import NAME
from rotated_rds.model.document import text
from tests.bed import kubelet
from tests.bed.application import EVERY, Tally, total
from tests.bed.processes import until
from tests.support.applications import beside_pods
from tests.support.resources import Cluster

DEPLOYMENTS = {"web": 2, "worker": 3}
RATE = sum(DEPLOYMENTS.values()) / EVERY
"""Log-ins a second. While a Deployment rolls it has a Pod more (maxSurge), which replaces another as soon as it is ready."""
PATIENCE = 120.0


@dataclass
class Shop:
    """What happens in a cell's namespace. resources, deployments: watches of our own. opened: on the monotonic clock."""

    ground: Ground
    cluster: Cluster
    resources: Watching
    deployments: Watching
    opened: float = 0.0

    def open(self) -> None:
        """The application logs in from now on."""
        for name, replicas in DEPLOYMENTS.items():
            self.cluster.given_deployment(name, NAME, replicas=replicas)
        self.expect_logins()
        self.opened = time.monotonic()

    def close(self) -> None:
        """No Pod and no resource is left that others would share the machine with."""
        for path in (self.cluster.path("deployments", group="apps/v1"), self.cluster.path("rotatedrdssecrets")):
            self.cluster.api.call("DELETE", path)
        pods = self.cluster.path("pods", group="v1")
        until("the Pods are gone", lambda: not self.cluster.api.call("GET", pods)["items"])

    def tally(self) -> Tally:
        """All log-ins so far, also of Pods that are gone."""
        return total(kubelet.folder(self.ground.bed, self.cluster.namespace))

    def expect_logins(self) -> None:
        """Wait until the application has logged in anew, as often as it has Pods."""
        enough = self.tally().logins + sum(DEPLOYMENTS.values())
        until("the application logs in", lambda: self.tally().logins >= enough, every=0.25)  # it reads a file for each Pod that ever was

    def version(self) -> str:
        return str(self.cluster.status(NAME)["versionId"])

    def expect_rolled(self, change: Callable[[], object]) -> float:
        """Make a change that brings another version; the seconds until all workloads are ready on it, and the resource is Ready."""
        before, began = self.version(), time.monotonic()
        change()
        sight = self.resources.first(
            "Ready on another version",
            lambda one: says(one.body, "Ready") and text(one.body, "status", "versionId") not in (None, before),
            after=began,
            seconds=PATIENCE,
        )
        version = text(sight.body, "status", "versionId")
        return max(self._rolled(name, version, began) for name in DEPLOYMENTS) - began

    def _rolled(self, name: str, version: str | None, after: float) -> float:
        return self.deployments.first(
            f"{name} rolled",
            lambda one: one.place[1] == name and annotated(one.body, NAME) == version and complete(one.body),
            after=after,
            seconds=PATIENCE,
        ).at


@contextmanager
def shop(ground: Ground, namespace: str) -> Generator[Shop]:
    """A namespace whose Pods have simulated applications: kwok's run no container."""
    cluster = Cluster(ground.api, namespace)
    with (
        beside_pods(ground.bed, namespace),
        watching(ground.token, cluster.path("rotatedrdssecrets")) as resources,
        watching(ground.token, cluster.path("deployments", group="apps/v1")) as deployments,
    ):
        made = Shop(ground, cluster, resources, deployments)
        try:
            yield made
        finally:
            made.close()
