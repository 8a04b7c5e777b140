"""Nothing for GitOps tools to put right: what the operator does to a resource or a workload is no difference to its manifest.

Every file of examples/ is applied both ways, the operator works on it, and kubectl and Argo CD's own library look for differences.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotated_rds.model.resource import FINALIZER, MANAGER
from tests.bed import build
from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubectl import Kubectl
from tests.bed.paths import REPO
from tests.gitops.verdicts import argocd_differs, kstatus
from tests.support.aws import Aws
from tests.support.databases import new_user
from tests.support.operators import Operator, running
from tests.support.releases import install
from tests.support.resources import Cluster

Json = dict[str, Any]
FIRST, REGION = "first-Passw0rd", "eu-west-1"  # the examples' RDS instance `orders` is there
KIND = "RotatedRDSSecret"
LONG = 120.0  # seconds: all the examples are worked on at once
RESTARTED = "rotated-rds.io/version.orders-db"


class Way(Enum):
    """How manifests are applied, in kubectl's words: as Argo CD does by default, and as it (ServerSideApply=true) and Flux do."""

    CLIENT = ()
    SERVER = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller")


@dataclass
class Repository:
    """The manifests in one file, and who applies them."""

    cluster: Cluster
    kubectl: Kubectl
    file: Path
    way: Way

    def words(self, verb: str) -> list[str]:
        return [verb, "-n", self.cluster.namespace, *self.way.value, "-f", str(self.file)]

    def apply(self) -> None:
        self.kubectl(*self.words("apply"))

    def manifests(self) -> list[Json]:
        return list(yaml.safe_load_all(self.file.read_text()))

    def live(self) -> list[Json]:
        words = ["get", "-n", self.cluster.namespace, "--show-managed-fields", "-o", "json", "-f", str(self.file)]
        return json.loads(self.kubectl(*words))["items"]

    def predicted(self) -> list[Json]:
        """What a server-side apply would make of them."""
        return json.loads(self.kubectl(*self.words("apply"), "--dry-run=server", "--show-managed-fields", "-o", "json"))["items"]

    def deployment_generations(self) -> dict[str, int]:
        return {one["metadata"]["name"]: one["metadata"]["generation"] for one in self.live() if one["kind"] == "Deployment"}


def examples(user: str) -> list[Json]:
    """All of them; the smallest has this test's own user, the others have users that do not exist."""
    documents = [one for file in sorted((REPO / "examples").glob("*.yaml")) for one in yaml.safe_load_all(file.read_text())]
    for number, one in enumerate(documents):
        if "user" in one.get("spec", {}):
            one["spec"]["user"]["name"] = user if one["metadata"]["name"] == "orders-db" else f"{user}{number}"
    return documents


@pytest.fixture(params=list(Way), ids=lambda way: way.name.lower())
def repository(
    request: pytest.FixtureRequest, bed: Bed, api: Api, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> Iterator[Repository]:
    aws, postgres = (request.getfixturevalue(part) for part in ("aws", "postgres"))
    ours, user = Aws({**aws, "region": REGION}), f"u{secrets.token_hex(4)}"
    ours.control.place(instance="orders", engine="postgres", host="localhost", port=postgres["port"], region=REGION)
    new_user(postgres, user, FIRST)
    cluster = Cluster(api, namespace)
    cluster.given_secret("orders-first-password", {"password": FIRST})
    file = tmp_path / "repository.yaml"
    file.write_text(yaml.safe_dump_all(examples(user)))
    with running(Operator(bed, ours, (namespace,))):
        yield Repository(cluster, kubectl, file, request.param)


def has_looked(resource: Json) -> bool:
    status: Json = resource.get("status") or {}
    return bool(status.get("conditions")) and status["observedGeneration"] == resource["metadata"]["generation"]


def worked_on(repository: Repository) -> None:
    """Every resource was looked at; one came to be Ready, was rotated, and restarted its workload."""
    cluster = repository.cluster
    repository.apply()
    cluster.expect_ready("orders-db", LONG)
    repository.kubectl("annotate", "-n", cluster.namespace, KIND, "orders-db", "rotated-rds.io/rotate=from a person")
    assert cluster.expect_request("orders-db", "rotate", "from a person", LONG)["result"] == "Done"
    cluster.expect_ready("orders-db", LONG)
    cluster.expect("all were looked at", lambda: all(has_looked(one) for one in repository.live() if one["kind"] == KIND), LONG)
    assert RESTARTED in cluster.deployment("orders")["spec"]["template"]["metadata"]["annotations"]


def test_the_operator_s_work_is_no_difference_and_applying_again_undoes_none_of_it(repository: Repository) -> None:
    worked_on(repository)
    assert repository.kubectl(*repository.words("diff")) == ""
    expect_only_status_is_the_operator_s([one for one in repository.live() if one["kind"] == KIND])
    expect_applying_again_to_change_nothing(repository)


@pytest.mark.skipif(bool(build.missing(["argodiff"])), reason="Argo CD's own library is not built: python -m tests.bed.build argodiff")
def test_argo_cd_s_own_library_sees_no_difference_either(repository: Repository) -> None:
    """In the manner that goes with the way: by the last applied configuration, or by a dry run of a server-side apply."""
    worked_on(repository)
    asked = compared(repository, repository.manifests())
    assert argocd_differs(asked) == []
    assert len(argocd_differs(compared(repository, [_spoiled(one) for one in repository.manifests()]))) == len(asked), "a change is seen"


def compared(repository: Repository, manifests: Sequence[Json]) -> list[Json]:
    pairs = [{"config": config, "live": live} for config, live in zip(manifests, repository.live(), strict=True)]
    if repository.way is Way.CLIENT:
        return pairs
    repository.file.write_text(yaml.safe_dump_all(manifests))
    return [{**pair, "predicted": after} for pair, after in zip(pairs, repository.predicted(), strict=True)]


def _spoiled(manifest: Json) -> Json:
    return {**manifest, "metadata": {**manifest["metadata"], "labels": {"changed": "in-git"}}}


def expect_only_status_is_the_operator_s(resources: Sequence[Json]) -> None:
    """And the finalizer of those with whom something in AWS goes."""
    for one in resources:
        name, goes = one["metadata"]["name"], _takes_along(one["spec"])
        owned = [entry for entry in one["metadata"]["managedFields"] if entry["manager"] == MANAGER]
        beside = [entry["fieldsV1"] for entry in owned if entry.get("subresource") != "status"]
        assert all(goes and list(fields) == ["f:metadata"] and list(fields["f:metadata"]) == ["f:finalizers"] for fields in beside), name
        assert set(one["metadata"].get("finalizers", ())) <= ({FINALIZER} if goes else set()), name


def _takes_along(spec: Json) -> bool:
    return spec.get("secret", {}).get("deletionPolicy") == "Delete" or "hostedLambda" in spec.get("rotation", {})


def expect_applying_again_to_change_nothing(repository: Repository) -> None:
    """Neither the restart nor the request is taken back; no workload rolls, nothing is asked for anew."""
    before, generations = repository.cluster.status("orders-db"), repository.deployment_generations()
    repository.apply()
    assert repository.deployment_generations() == generations
    assert RESTARTED in repository.cluster.deployment("orders")["spec"]["template"]["metadata"]["annotations"]
    assert repository.cluster.resource("orders-db")["metadata"]["annotations"]["rotated-rds.io/rotate"] == "from a person"
    repository.cluster.annotate("orders-db", sync="since then")
    repository.cluster.expect_request("orders-db", "sync", "since then", LONG)
    after = repository.cluster.expect_ready("orders-db", LONG)
    assert (after["versionId"], after["history"]) == (before["versionId"], before["history"])


def test_what_is_applied_while_the_operator_is_down_is_not_current(api: Api, kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    install(api)
    file = tmp_path / "repository.yaml"
    file.write_text(yaml.safe_dump_all(one for one in examples("app") if one["kind"] == KIND))
    repository = Repository(Cluster(api, namespace), kubectl, file, Way.SERVER)
    repository.apply()
    assert set(kstatus(repository.live())) == {"InProgress"}
    assert repository.kubectl(*repository.words("diff")) == ""


def test_the_repository_of_the_examples_is_taken_by_the_api_server(api: Api, kubectl: Kubectl, namespace: str) -> None:
    install(api)
    words = ["apply", "-n", namespace, "--dry-run=server", "-R", "-f", str(REPO / "examples" / "gitops" / "shop")]
    assert sorted(kubectl(*words).splitlines()) == [
        "deployment.apps/orders created (server dry run)",
        "rotatedrdssecret.rotated-rds.io/orders-db created (server dry run)",
    ]
