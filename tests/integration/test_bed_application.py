"""The simulated application of the bed: one process a running pod, with the credential of its start, ended with it."""

import json
import os
import secrets
import signal
from collections.abc import Generator

import pytest

from tests.bed import kubelet
from tests.bed.api import Api
from tests.bed.application import Tally, tallies, total
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.applications import applications, beside_pods
from tests.support.databases import new_user, set_password
from tests.support.resources import Cluster


@pytest.fixture
def cluster(bed: Bed, api: Api, namespace: str) -> Generator[Cluster]:
    """A namespace whose pods have processes."""
    with beside_pods(bed, namespace, "app=orders"):
        yield Cluster(api, namespace)


def given_application(cluster: Cluster, database: Facts, user: str, password: str, replicas: int = 1) -> None:
    reach = {"host": "localhost", "port": str(database["port"]), "dbname": "app", "engine": str(database["engine"])}
    cluster.given_secret("db", {"username": user, "password": password, **reach})
    cluster.given_deployment("orders", "db", replicas=replicas)


@pytest.mark.parametrize("engine", ["postgres", "mariadb", "mysql"])
def test_the_application_of_a_pod_logs_in_over_and_over(engine: str, bed: Bed, cluster: Cluster, request: pytest.FixtureRequest) -> None:
    database: Facts = request.getfixturevalue(engine)
    user = f"u{secrets.token_hex(4)}"
    new_user(database, user, "first-Passw0rd")
    given_application(cluster, database, user, "first-Passw0rd")
    until("ten logins", lambda: total(kubelet.folder(bed, cluster.namespace)).logins >= 10)
    assert total(kubelet.folder(bed, cluster.namespace)).failed == 0


def test_a_running_application_keeps_the_password_it_was_started_with(bed: Bed, cluster: Cluster, postgres: Facts) -> None:
    place, user = kubelet.folder(bed, cluster.namespace), f"u{secrets.token_hex(4)}"
    new_user(postgres, user, "first-Passw0rd")
    given_application(cluster, postgres, user, "first-Passw0rd")
    until("a login", lambda: total(place).logins > 0)
    set_password(postgres, user, "second-Passw0rd")
    cluster.merge(cluster.path("secrets", "db", "v1"), {"stringData": {"password": "second-Passw0rd"}})
    until("failures of the old password", lambda: total(place).failed >= 3)
    assert "password authentication failed" in total(place).error
    assert "Passw0rd" not in json.dumps([vars(one) for one in tallies(place).values()])


def test_a_replaced_pod_has_a_new_process_with_the_new_password(bed: Bed, cluster: Cluster, postgres: Facts) -> None:
    place, user = kubelet.folder(bed, cluster.namespace), f"u{secrets.token_hex(4)}"
    new_user(postgres, user, "first-Passw0rd")
    given_application(cluster, postgres, user, "first-Passw0rd", replicas=2)
    until("two that log in", lambda: [one.logins > 0 for one in tallies(place).values()] == [True, True])
    old = applications(bed, cluster.namespace)
    set_password(postgres, user, "second-Passw0rd")
    cluster.merge(cluster.path("secrets", "db", "v1"), {"stringData": {"password": "second-Passw0rd"}})
    again = {"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}}
    cluster.merge(cluster.path("deployments", "orders", "apps/v1"), again)
    until("the old ones have ended", lambda: not any(one.alive for one in old))
    replaced = {one.name for one in old}
    until(
        "two new ones log in, and only log in",
        lambda: [one.failed == 0 < one.logins for name, one in tallies(place).items() if name not in replaced] == [True, True],
    )


def test_a_deleted_pod_is_there_until_its_process_has_ended(bed: Bed, cluster: Cluster, postgres: Facts) -> None:
    place, user = kubelet.folder(bed, cluster.namespace), f"u{secrets.token_hex(4)}"
    new_user(postgres, user, "first-Passw0rd")
    given_application(cluster, postgres, user, "first-Passw0rd")
    until("a login", lambda: total(place).logins > 0)
    [process] = applications(bed, cluster.namespace)
    pod = cluster.path("pods", process.name, "v1")
    os.kill(process.pid, signal.SIGSTOP)  # it does not hear SIGTERM, and is killed after its patience
    cluster.api.call("DELETE", pod)
    alive_when_gone: list[bool] = []

    def gone() -> bool:
        if cluster.api.get(pod) is not None:
            return False
        alive_when_gone.append(process.alive)
        return True

    until("the Pod is gone", gone)
    assert alive_when_gone == [False]


def test_tallies_add_up_and_tell_the_failures_since_a_moment() -> None:
    both = Tally.together([Tally(3, 1, [20.0], "no"), Tally(5, 2, [10.0, 30.0])])
    assert (both.logins, both.failed, both.error) == (8, 3, "no")
    assert both.since(15.0) == [20.0, 30.0]
