"""The operator's rights in Kubernetes: what it is given is what this version asks for, no more and no less."""

import secrets
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from rotated_rds.passes import Hint
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.audit import Asked, Audited, Right, audited, granted
from tests.support.aws import Aws
from tests.support.operators import Operator, install, running
from tests.support.passes import ByHand
from tests.support.resources import Cluster, a_resource

FIRST = "first-Passw0rd"
# The cluster's own name is asked for where the setting is missing; a CA of the resource's own is read from a ConfigMap.
SETTINGS = {"ROTATED_RDS_CLUSTER": "", "ROTATED_RDS_SWEEP_INTERVAL": "1s"}


@pytest.fixture
def server(bed: Bed, api: Api, tmp_path: Path) -> Generator[Audited]:
    install(api)
    with audited(bed, tmp_path) as one:
        yield one


def given_workloads(cluster: Cluster, secret: str) -> None:
    """One of each kind that is restarted."""
    cluster.given_deployment("web", secret)
    container = {"name": "app", "image": "app", "envFrom": [{"secretRef": {"name": secret}}]}
    for kind, name, more in (("StatefulSet", "store", {"serviceName": "store"}), ("DaemonSet", "agent", {})):
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": labels}, "template": template, **more}
        body = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        cluster.api.call("POST", cluster.path(f"{kind.lower()}s", group="apps/v1"), body)


def given_own_ca(cluster: Cluster, database: Facts) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": Path(str(database["ca"])).read_text()}}
    cluster.api.call("POST", cluster.path("configmaps", group="v1"), body)


def rotated_with_restarts(cluster: Cluster, database: Facts, user: str) -> None:
    cluster.given_user(database, user, FIRST)
    given_own_ca(cluster, database)
    given_workloads(cluster, "db")
    tls = {"tls": {"caConfigMapRef": {"name": "ca", "key": "ca.crt"}}}
    cluster.given_resource(a_resource(cluster.namespace, "db", database, user, database=tls))
    cluster.expect_ready("db")
    cluster.annotate("db", rotate="one")
    assert cluster.expect_request("db", "rotate", "one")["result"] == "Done"
    cluster.expect_ready("db")
    assert {one["kind"] for one in cluster.status("db")["workloads"]} == {"Deployment", "StatefulSet", "DaemonSet"}


def said_twice(cluster: Cluster, database: Facts, user: str) -> None:
    """The same Event again within minutes is a series."""
    cluster.given_resource(a_resource(cluster.namespace, "twice", database, user, secret={"resourcePolicy": "{}"}))
    for policy in ("{}", None, "{}"):
        cluster.change("twice", secret={"resourcePolicy": policy})
        refused = policy is not None
        cluster.expect(
            "the spec is judged", lambda refused=refused: (cluster.condition("twice", "Ready")["reason"] == "InvalidSpec") is refused
        )
    cluster.expect("a series", lambda: any("series" in one for one in cluster.events("twice")))


def seen_too_late(cluster: Cluster, database: Facts, hand: ByHand) -> None:
    """A pass over a body that is out of date by then reads it anew."""
    user = f"u{secrets.token_hex(5)}"
    cluster.given_user(database, user, FIRST, "late")
    cluster.given_resource(a_resource(cluster.namespace, "late", database, user))
    hand.passes.run(cluster.resource("late"), Hint())
    cluster.annotate("late", rotate="one")
    seen = cluster.resource("late")
    cluster.annotate("late", sync="since then")
    assert hand.passes.run(seen, Hint()).body == cluster.resource("late")


def stood_by(operator: Operator, server: Audited) -> None:
    """Another replica waits for the Lease."""
    standby = replace(operator, starts=50).start()
    try:
        until("it follows the Lease", lambda: any(one.right.resource == "leases" and one.right.verb == "watch" for one in server.asked()))
    finally:
        standby.stop()


def expect_a_denial_to_be_seen(server: Audited) -> None:
    """What was looked for above and not found is found when it is there."""
    with pytest.raises(ApiError, match="403"):
        Api(server.kubeconfig).call("GET", "/api/v1/nodes")
    assert server.asked()[-1] == Asked(Right("", "nodes", "list"), allowed=False)


def test_every_right_is_used_and_none_is_missing(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts, server: Audited) -> None:
    cluster, user = Cluster(api, namespace), f"u{secrets.token_hex(5)}"
    operator = Operator(bed, Aws(aws), (namespace,), environment=SETTINGS, kubeconfig=server.kubeconfig)
    with running(operator):
        rotated_with_restarts(cluster, postgres, user)
        said_twice(cluster, postgres, user)
        stood_by(operator, server)
    seen_too_late(cluster, postgres, ByHand.on(bed, Aws(aws), kubeconfig=server.kubeconfig))
    asked = server.asked()
    assert [one.right for one in asked if not one.allowed] == []
    named = {(right.group, right.resource) for right in granted() if right.name}
    used = {one.right if (one.right.group, one.right.resource) in named else replace(one.right, name="") for one in asked}
    assert used == granted()
    expect_a_denial_to_be_seen(server)
