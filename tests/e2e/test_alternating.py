"""Two users take turns and become one, by the operator as a process: an application that logs in all the time is never refused."""

import secrets
from collections.abc import Generator

import pytest

from tests.bed import kubelet
from tests.bed.api import Api
from tests.bed.application import Tally, tallies
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.alternating import admin_value, is_locked
from tests.support.applications import beside_pods
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.logins import ENGINES
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource

ROTATIONS = 3  # to the clone, back, and to the clone
REPLICAS = 2


@pytest.fixture
def cluster(bed: Bed, api: Api, namespace: str) -> Generator[Cluster]:
    """A namespace whose Pods have simulated applications: kwok's run no container."""
    with beside_pods(bed, namespace):
        yield Cluster(api, namespace)


def tally(bed: Bed, namespace: str, engine: str) -> Tally:
    """All logins of an engine's Pods so far, also of those that are gone."""
    return Tally.together(one for pod, one in tallies(kubelet.folder(bed, namespace)).items() if pod.startswith(engine))


def given(bed: Bed, cluster: Cluster, aws: Aws, engine: str) -> str:
    """A user, its resource and its application; the user's name."""
    database, user = bed.facts()[engine], f"u{secrets.token_hex(4)}"
    admin = f"{cluster.namespace}/admin-{engine}"
    aws.secretsmanager().create_secret(Name=admin, SecretString=admin_value(database))
    cluster.given_user(database, user, "first-Passw0rd", engine)
    rotation = {"strategy": "AlternatingUsers", "gracePeriod": "0s"}
    cluster.given_resource(a_resource(cluster.namespace, engine, database, user, user={"adminSecretId": admin}, rotation=rotation))
    cluster.expect_ready(engine)
    cluster.given_deployment(engine, engine, replicas=REPLICAS)
    return user


def leave(bed: Bed, cluster: Cluster, users: dict[str, str]) -> None:
    """From the clone home, and the clone is locked, while the applications go on."""
    before = {engine: cluster.content(engine) for engine in users}
    for engine in users:
        cluster.change(engine, rotation={"strategy": "SingleUser"})
    for engine, user in users.items():
        until(f"{engine} has one user", lambda engine=engine: cluster.status(engine)["rotation"]["strategy"] == "SingleUser", seconds=60)
        cluster.expect_ready(engine, seconds=60)
        assert (before[engine]["username"], cluster.content(engine)["username"]) == (f"{user}_clone", user)
        assert is_locked(bed.facts()[engine], before[engine]["username"], before[engine]["password"])
    enough = {engine: tally(bed, cluster.namespace, engine).logins + 5 for engine in users}
    until("all log in with one user", lambda: all(tally(bed, cluster.namespace, engine).logins > enough[engine] for engine in users))


def test_D1_D3_E4_an_application_that_logs_in_all_the_time_is_never_refused_on_any_engine(
    bed: Bed, cluster: Cluster, aws: Facts, postgres: Facts, mariadb: Facts, mysql: Facts
) -> None:
    space, databases = cluster.namespace, {"postgres": postgres, "mariadb": mariadb, "mysql": mysql}
    with running(Operator(bed, Aws(aws), (space,))):
        users = {engine: given(bed, cluster, Aws(aws), engine) for engine in ENGINES}
        names = {engine: {user, f"{user}_clone"} for engine, user in users.items()}
        until("all applications log in", lambda: all(tally(bed, space, engine).logins > 0 for engine in ENGINES))
        for number in range(ROTATIONS):
            before = {engine: cluster.content(engine) for engine in ENGINES}
            enough = {engine: tally(bed, space, engine).logins + 5 for engine in ENGINES}
            for engine in ENGINES:
                cluster.annotate(engine, rotate=f"number {number}")
            for engine in ENGINES:
                assert cluster.expect_request(engine, "rotate", f"number {number}", seconds=60)["result"] == "Done"
                cluster.expect_ready(engine, seconds=60)
                after = cluster.content(engine)
                assert {before[engine]["username"], after["username"]} == names[engine]
                assert can_log_in(databases[engine], before[engine]["username"], before[engine]["password"])
            until("all log in again", lambda enough=enough: all(tally(bed, space, engine).logins > enough[engine] for engine in ENGINES))
        leave(bed, cluster, users)
    for engine in ENGINES:
        seen = tally(bed, space, engine)
        assert seen.failed == 0, f"{engine}: {seen.failed} of {seen.logins + seen.failed}: {seen.error}"
