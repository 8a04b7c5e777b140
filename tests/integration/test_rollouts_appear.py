"""The kind Rollout may be absent, appear while the operator runs, and go again: on an API server of the test's own.

No controller runs there: what a Rollout's status says is written by the test.
"""

import asyncio
import secrets
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from kubernetes import client, config

from rotated_rds.clients.apiserver import once
from rotated_rds.clients.argo import EVERY, serves_rollouts
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.engine import Body, Engine
from rotated_rds.handlers import follow_rollouts
from rotated_rds.model.resource import Key
from rotated_rds.passes import End, Hint
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.bed.rollouts import install_kinds, remove_kind
from tests.support.aws import Aws
from tests.support.bare import Bare, bare
from tests.support.operators import Operator
from tests.support.releases import HOME
from tests.support.resources import Cluster, Json, a_resource

GROUP = "/apis/argoproj.io/v1alpha1"
FIRST = "first-Passw0rd"
READS = {"containers": [{"name": "app", "image": "app", "envFrom": [{"secretRef": {"name": "db"}}]}]}


@pytest.fixture
def server(bed: Bed, kubernetes: Facts, tmp_path: Path) -> Generator[Bare]:
    assert kubernetes
    with bare(bed, tmp_path) as one:
        one.api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        yield one


def given_rollout(cluster: Cluster, name: str) -> None:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": READS}
    spec: Json = {"selector": {"matchLabels": labels}, "template": template, "strategy": {"canary": {}}}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": spec}
    cluster.api.call("POST", cluster.path("rollouts", group="argoproj.io/v1alpha1"), body)


# the operator's own process


def started(bed: Bed, aws: Facts, server: Bare) -> Operator:
    return Operator(bed, Aws(aws), ("shop",), release=HOME, kubeconfig=server.server.kubeconfig).start().ready()


def test_without_the_kind_the_operator_looks_for_it_now_and_then_and_asks_for_nothing_of_it(
    bed: Bed, postgres: Facts, aws: Facts, server: Bare
) -> None:
    cluster, user = Cluster(server.api, "shop"), f"u{secrets.token_hex(5)}"
    began = time.monotonic()
    operator = started(bed, aws, server)
    try:
        cluster.given_user(postgres, user, FIRST)
        named = {"workloads": [{"kind": "Rollout", "name": "web"}]}
        cluster.given_resource(a_resource("shop", "db", postgres, user, restarts=named))
        cluster.expect_ready("db")
        for text in ("one", "two", "three"):
            cluster.annotate("db", sync=text)
            cluster.expect_request("db", "sync", text)
    finally:
        operator.stop()
    asked = [path for path in server.server.paths() if "argoproj" in path]
    assert set(asked) == {GROUP}
    assert len(asked) <= 2 + (time.monotonic() - began) / EVERY, "once at the start, once by who follows them, and then once a minute"
    assert "ollout" not in operator.log


def test_a_rollout_that_is_there_at_the_start_is_restarted_and_its_news_is_heard(
    bed: Bed, postgres: Facts, aws: Facts, server: Bare
) -> None:
    cluster, user = Cluster(server.api, "shop"), f"u{secrets.token_hex(5)}"
    install_kinds(server.api, "rollouts")
    given_rollout(cluster, "web")
    operator = started(bed, aws, server)
    try:
        cluster.given_user(postgres, user, FIRST)
        cluster.given_resource(a_resource("shop", "db", postgres, user))
        cluster.expect_condition("db", "WorkloadsCurrent", "False", "Rolling")
        path = cluster.path("rollouts", "web", "argoproj.io/v1alpha1")
        body = server.api.call("GET", path)
        version = cluster.status("db")["versionId"]
        assert body["spec"]["template"]["metadata"]["annotations"]["rotated-rds.io/version.db"] == version
        pause = {"reason": "CanaryPauseStep", "startTime": "2026-11-25T12:00:00Z"}
        seen = {"observedGeneration": str(body["metadata"]["generation"])}
        cluster.merge(f"{path}/status", {"status": {**seen, "phase": "Paused", "pauseConditions": [pause]}})
        cluster.expect("the pause is told", lambda: "CanaryPauseStep" in str(cluster.status("db")["workloads"][0].get("message")))
        done = {"phase": "Healthy", "pauseConditions": None, "updatedReplicas": 1, "availableReplicas": 1}
        cluster.merge(f"{path}/status", {"status": done})
        cluster.expect_ready("db", seconds=20)  # by its event: a paused one is looked at once a minute
        server.api.call("DELETE", path)
        cluster.expect("it is gone", lambda: not cluster.status("db").get("workloads"))
    finally:
        operator.stop()
    asked = [one.right.verb for one in server.server.asked() if one.right.resource == "rollouts"]
    assert set(asked) == {"list", "watch", "patch"}


# who follows them, with a shorter pause


def own_client(server: Bare) -> Kubernetes:
    configuration = client.Configuration()
    config.load_kube_config(str(server.server.kubeconfig), client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    return Kubernetes(once(configuration), lambda _seconds: None)


class Heard:
    """The engine with one resource, whose passes only note which workloads are there."""

    def __init__(self, kubernetes: Kubernetes, pool: ThreadPoolExecutor) -> None:
        self._kubernetes = kubernetes
        self._seen: SimpleQueue[list[str]] = SimpleQueue()
        self.engine = Engine(self._pass, lambda _key: None, pool, 1, lambda: True, "bed")
        metadata = {"namespace": "shop", "name": "db", "resourceVersion": "1"}
        self.engine.poke(Key("shop", "db"), {"metadata": metadata, "spec": {}, "status": {}})

    def _pass(self, body: Body, _hint: Hint) -> End:
        self._seen.put([one["metadata"]["name"] for one in self._kubernetes.workloads("shop")])
        return End(body)

    async def of(self, *names: str) -> None:
        """A pass has come, by an event, that sees just these."""
        while await asyncio.to_thread(self._seen.get, timeout=30) != list(names):
            pass


async def comes_and_goes(server: Bare, kubernetes: Kubernetes, namespaces: Sequence[str], times: int) -> None:
    """Each time the engine hears of the Rollout when it comes, and when it goes with its kind."""
    cluster = Cluster(server.api, "shop")
    with ThreadPoolExecutor(1) as pool:
        heard = Heard(kubernetes, pool)
        tasks = [asyncio.create_task(heard.engine.run())]
        tasks.append(asyncio.create_task(follow_rollouts(heard.engine, kubernetes, namespaces, every=0.1)))
        try:
            await heard.of()
            for _ in range(times):
                await asyncio.to_thread(install_kinds, server.api, "rollouts")
                await asyncio.to_thread(given_rollout, cluster, "web")
                await heard.of("web")
                await asyncio.to_thread(remove_kind, server.api, "rollouts")
                await heard.of()
                await asyncio.to_thread(until, "it is known to be gone", lambda: not serves_rollouts(kubernetes))
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("namespaces", [("shop", "kube-public"), ()], ids=["in chosen namespaces", "in all"])
def test_a_kind_that_appears_later_is_followed_and_may_go_and_come_again(server: Bare, namespaces: tuple[str, ...]) -> None:
    asyncio.run(comes_and_goes(server, own_client(server), namespaces, 2))
