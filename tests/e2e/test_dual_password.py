"""Two passwords of one user, by the operator as a process of its own: an application that logs in all the time is never refused."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass

import pytest

from tests.bed import kubelet
from tests.bed.api import Api
from tests.bed.application import Tally, tallies
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.applications import beside_pods
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.dual import given_admin, may_keep_two
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource

ENGINES = ("mysql", "mariadb")
REPLICAS = 2


@pytest.fixture
def cluster(bed: Bed, api: Api, namespace: str) -> Generator[Cluster]:
    """A namespace whose Pods have simulated applications: kwok's run no container."""
    with beside_pods(bed, namespace):
        yield Cluster(api, namespace)


@dataclass(frozen=True)
class Shop:
    """An application with each engine: two Deployments, the first of which can be made to fail."""

    bed: Bed
    cluster: Cluster
    aws: Facts

    def given(self, engine: str) -> None:
        cluster, database, user = self.cluster, self.bed.facts()[engine], f"u{secrets.token_hex(4)}"
        admin = {"adminSecretId": given_admin(database, self.aws, cluster.namespace)} if engine == "mariadb" else {}
        cluster.given_user(database, user, "first-Passw0rd", engine)
        if not admin:
            may_keep_two(database, user)
        rotation = {"strategy": "DualPassword", "gracePeriod": "0s"}
        restarts = {"maxConcurrent": 1, "readyTimeout": "10s"}
        cluster.given_resource(a_resource(cluster.namespace, engine, database, user, user=admin, rotation=rotation, restarts=restarts))
        cluster.expect_ready(engine)
        for name in (f"{engine}-a", f"{engine}-b"):
            cluster.given_deployment(name, engine, replicas=REPLICAS)

    def ask(self, **request: str) -> None:
        [(name, text)] = request.items()
        for engine in ENGINES:
            self.cluster.annotate(engine, **request)
        for engine in ENGINES:
            answer = self.cluster.expect_request(engine, name.replace("_", "-"), text, seconds=60)
            assert answer["result"] == "Done", answer

    def make_fail(self, *, fail: bool) -> None:
        template = {"metadata": {"annotations": {"bed/broken": "" if fail else None}}}
        for engine in ENGINES:
            self.cluster.merge(self.cluster.path("deployments", f"{engine}-a", "apps/v1"), {"spec": {"template": template}})

    def expect_workloads(self, status: str, reason: str | None = None) -> None:
        for engine in ENGINES:
            self.cluster.expect_condition(engine, "WorkloadsCurrent", status, reason, seconds=90)
        self.expect_logins()

    def expect_ready(self) -> None:
        for engine in ENGINES:
            self.cluster.expect_ready(engine, seconds=90)
        self.expect_logins()

    def expect_logins(self) -> None:
        enough = {engine: self.tally(engine).logins + 5 for engine in ENGINES}
        until("all log in again", lambda: all(self.tally(engine).logins > enough[engine] for engine in ENGINES))

    def tally(self, engine: str) -> Tally:
        """All logins of an engine's Pods so far, also of those that are gone."""
        counted = tallies(kubelet.folder(self.bed, self.cluster.namespace))
        return Tally.together(one for pod, one in counted.items() if pod.startswith(engine))

    def passwords(self) -> dict[str, dict[str, str]]:
        return {engine: dict(self.cluster.content(engine)) for engine in ENGINES}


def test_D2_D3_D5_an_application_that_logs_in_all_the_time_is_never_refused_by_rotations_a_halt_and_a_rollback(
    bed: Bed, cluster: Cluster, aws: Facts, mysql: Facts, mariadb: Facts
) -> None:
    shop, databases = Shop(bed, cluster, aws), {"mysql": mysql, "mariadb": mariadb}
    with running(Operator(bed, Aws(aws), (cluster.namespace,))):
        for engine in ENGINES:
            shop.given(engine)
        shop.expect_ready()
        for number in range(2):
            shop.ask(rotate=f"number {number}")
            shop.expect_ready()
        before = shop.passwords()
        shop.make_fail(fail=True)
        shop.ask(force_rotate="to be halted")  # a rotation on request waits for the rollout that fails
        shop.expect_workloads("False", "Halted")
        shop.ask(rollback="back")
        shop.make_fail(fail=False)
        shop.expect_workloads("True")
        assert [cluster.condition(engine, "RotationReady")["reason"] for engine in ENGINES] == ["RolledBack"] * 2
        assert shop.passwords() == before
        shop.ask(rotate="after the rollback")
        shop.expect_ready()
        for engine in ENGINES:
            cluster.expect("the old one is discarded", lambda e=engine: "retained" not in cluster.status(e)["rotation"], seconds=60)
            assert not can_log_in(databases[engine], before[engine]["username"], before[engine]["password"])
        shop.expect_logins()
    for engine in ENGINES:
        seen = shop.tally(engine)
        print(f"{engine}: {seen.logins} logins, {seen.failed} failed")
        assert seen.failed == 0, f"{engine}: {seen.failed} of {seen.logins + seen.failed}: {seen.error}"
