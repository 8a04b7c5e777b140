"""What the operator asks of the API server, and what the chart grants it: `python -m tests.support.rights` prints the difference."""

import secrets
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rotated_rds.passes import Hint
from tests.bed import parts
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts, exists, held
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.processes import until
from tests.bed.progress import say
from tests.bed.rollouts import install_kinds
from tests.support.audit import Asked, Audited, Right, audited, granted
from tests.support.aws import Aws
from tests.support.operators import Operator, running
from tests.support.passes import ByHand
from tests.support.releases import install
from tests.support.resources import Cluster, a_resource

PARTS = ("kubernetes", "postgres", "aws")
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
_FIRST = "first-Passw0rd"


@dataclass(frozen=True)
class Report:
    """granted: by the chart; asked: in a whole journey of one release."""

    granted: frozenset[Right]
    asked: Sequence[Asked]

    @property
    def unused(self) -> list[Right]:
        return sorted(right for right in self.granted if not any(right.covers(one.right) for one in self.asked))

    @property
    def missing(self) -> list[Right]:
        """Denied, or allowed by somebody else's role."""
        return sorted({one.right for one in self.asked if not one.allowed or not any(right.covers(one.right) for right in self.granted)})

    def text(self) -> str:
        calls = Counter(next((right for right in self.granted if right.covers(one.right)), one.right) for one in self.asked)
        rows = [f"{calls[right]:>7}  {_spelled(right)}" for right in sorted({*self.granted, *calls})]
        ends = [f"granted, never asked for: {_list(self.unused)}", f"asked for, not granted: {_list(self.missing)}"]
        return "\n".join(["  calls  right", *rows, f"{sum(calls.values()):>7}  in all; {len(self.granted)} rights granted", *ends])


def _spelled(right: Right) -> str:
    kind = f"{right.resource}{'.' if right.group else ''}{right.group}{f' {right.name}' if right.name else ''}"
    return f"{right.verb:<7}{kind:<52}{f'in {right.namespace}' if right.namespace else 'everywhere'}"


def _list(rights: Sequence[Right]) -> str:
    return "; ".join(_spelled(right) for right in rights) or "none"


def journey(bed: Bed, namespace: str, folder: Path, *, everywhere: bool) -> Report:
    """Everything that asks the API server for something, by a release of the chart with just its rights.

    everywhere: a release that watches all of the cluster (and carries out what has this test's label), else one of that namespace.
    """
    api, release = Api(admin_kubeconfig(bed)), f"rights-{secrets.token_hex(4)}"
    install(api)
    install_kinds(api)  # no controller of theirs is needed: what it says is written by hand
    watched = () if everywhere else (namespace,)
    selector = f"rights={release}"
    with audited(bed, folder, release, watched, selector) as server:
        # Where it may read the namespace kube-system its uid is the cluster's name; it is told else.
        told = {"ROTATED_RDS_SWEEP_INTERVAL": "1s", "ROTATED_RDS_SELECTOR": selector, **({"ROTATED_RDS_CLUSTER": ""} if everywhere else {})}
        operator = Operator(bed, Aws(bed.facts()["aws"]), watched, release=release, environment=told, kubeconfig=server.kubeconfig)
        _walk(Journey(bed, Cluster(api, namespace), bed.facts()["postgres"], {"rights": release}), operator, server)
        return Report(frozenset(granted(release, watched, selector)), server.asked())


@dataclass(frozen=True)
class Journey:
    """labels: what the release carries out."""

    bed: Bed
    cluster: Cluster
    database: Facts
    labels: dict[str, str]

    def given(self, name: str, user: str, **spec: Any) -> None:
        body = a_resource(self.cluster.namespace, name, self.database, user, **spec)
        body["metadata"]["labels"] = self.labels
        self.cluster.given_resource(body)


def _walk(one: Journey, operator: Operator, server: Audited) -> None:
    user = f"u{secrets.token_hex(5)}"
    with running(operator):
        _rotated_with_restarts(one, user)
        _said_twice(one, user)
        _stood_by(operator, server)
    _seen_too_late(one, ByHand.on(one.bed, operator.aws, kubeconfig=server.kubeconfig))


def _given_workloads(cluster: Cluster, secret: str) -> None:
    """One of each kind that is restarted."""
    container = {"name": "app", "image": "app", "envFrom": [{"secretRef": {"name": secret}}]}
    more: dict[str, dict[str, Any]] = {"StatefulSet": {"serviceName": "x"}, "Rollout": {"strategy": {"canary": {}}}}
    for kind in KINDS:
        labels = {"app": kind.lower()}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": labels}, "template": template, **more.get(kind, {})}
        body = {"apiVersion": _group(kind), "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}
        cluster.api.call("POST", _place(cluster, kind), body)


def _group(kind: str) -> str:
    return "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1"


def _place(cluster: Cluster, kind: str, name: str = "") -> str:
    return cluster.path(f"{kind.lower()}s", name, _group(kind))


def _given_own_ca(cluster: Cluster, database: Facts) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": Path(str(database["ca"])).read_text()}}
    cluster.api.call("POST", cluster.path("configmaps", group="v1"), body)


def _rotated_with_restarts(one: Journey, user: str) -> None:
    cluster = one.cluster
    cluster.given_user(one.database, user, _FIRST)
    _given_own_ca(cluster, one.database)
    _given_workloads(cluster, "db")
    one.given("db", user, database={"tls": {"caConfigMapRef": {"name": "ca", "key": "ca.crt"}}})
    cluster.expect("all are restarted", lambda: all(_runs(cluster, kind, cluster.status("db")["versionId"]) for kind in KINDS))
    _say_healthy(cluster)
    version = cluster.expect_ready("db")["versionId"]
    cluster.annotate("db", rotate="one")
    cluster.expect_request("db", "rotate", "one")
    cluster.expect("a new version", lambda: cluster.status("db")["versionId"] != version)
    cluster.expect("all are restarted", lambda: all(_runs(cluster, kind, cluster.status("db")["versionId"]) for kind in KINDS))


def _say_healthy(cluster: Cluster) -> None:
    """What the Rollout's controller says at the end of its update."""
    generation = cluster.api.call("GET", _place(cluster, "Rollout", "rollout"))["metadata"]["generation"]
    done = {"observedGeneration": str(generation), "phase": "Healthy", "updatedReplicas": 1, "availableReplicas": 1}
    cluster.merge(_place(cluster, "Rollout", "rollout/status"), {"status": done})


def _runs(cluster: Cluster, kind: str, version: str) -> bool:
    template = cluster.api.call("GET", _place(cluster, kind, kind.lower()))["spec"]["template"]
    return template["metadata"].get("annotations", {}).get("rotated-rds.io/version.db") == version


def _said_twice(one: Journey, user: str) -> None:
    """The same Event again within minutes is a series."""
    cluster = one.cluster
    one.given("twice", user, secret={"resourcePolicy": "{}"})
    for policy in ("{}", None, "{}"):
        cluster.change("twice", secret={"resourcePolicy": policy})
        refused = policy is not None
        cluster.expect(
            "the spec is judged", lambda refused=refused: (cluster.condition("twice", "Ready")["reason"] == "InvalidSpec") is refused
        )
    cluster.expect("a series", lambda: any("series" in event for event in cluster.events("twice")))


def _stood_by(operator: Operator, server: Audited) -> None:
    """Another replica waits for the Lease."""
    standby = replace(operator, starts=50).start()
    try:
        until("it follows the Lease", lambda: any(one.right.resource == "leases" and one.right.verb == "watch" for one in server.asked()))
    finally:
        standby.stop()


def _seen_too_late(one: Journey, hand: ByHand) -> None:
    """A pass over a body that is out of date by then reads it anew."""
    cluster, user = one.cluster, f"u{secrets.token_hex(5)}"
    cluster.given_user(one.database, user, _FIRST, "late")
    one.given("late", user)
    hand.passes.run(cluster.resource("late"), Hint())
    cluster.annotate("late", rotate="one")
    seen = cluster.resource("late")
    cluster.annotate("late", sync="since then")
    hand.passes.run(seen, Hint())


def main() -> int:
    with held("rights"):
        if exists("rights"):
            Bed("rights").remove()
        bed, well = Bed("rights"), True
        try:
            parts.bring_up(bed, PARTS)
            api = Api(admin_kubeconfig(bed))
            for namespace, everywhere in (("journey-a", True), ("journey-b", False)):
                api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
                with TemporaryDirectory() as folder:
                    report = journey(bed, namespace, Path(folder), everywhere=everywhere)
                say(
                    f"\n{'All of the cluster (no watch.namespaces)' if everywhere else f'watch.namespaces: [{namespace}]'}\n{report.text()}"
                )
                well = well and not (report.unused or report.missing)
        finally:
            bed.remove()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
