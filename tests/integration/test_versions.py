"""The CRD of another version: changing it leaves resources alone, and the operator works with the one before."""

import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rotated_rds import __version__
from tests.bed.bed import Bed, Facts
from tests.bed.paths import REPO
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.bare import Bare, bare
from tests.support.crd import FILE
from tests.support.databases import can_log_in
from tests.support.operators import Operator
from tests.support.releases import HOME
from tests.support.resources import Cluster, Json, a_resource

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rotatedrdssecrets.rotated-rds.io"
FIRST, LONG = "first-Passw0rd", 120.0
# What the operator keeps in status for itself alone: a version before may not have had it.
OWN = ("publishedAt", "previousVersionId")


def today() -> Json:
    return yaml.safe_load(FILE.read_text())


def status_of(crd: Json) -> dict[str, Json]:
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]


def without_what_is_new() -> Json:
    """A model of an older CRD, as there is no real one yet."""
    crd = today()
    del crd["spec"]["versions"][0]["additionalPrinterColumns"]
    for name in OWN:
        del status_of(crd)[name]
    return crd


def released_before() -> Json:
    """The CRD of the newest earlier minor that was tagged."""
    told = subprocess.run(["git", "tag", "--list", "v*"], cwd=REPO, capture_output=True, text=True, check=False).stdout.split()
    numbers = {tuple(map(int, match.groups())): tag for tag in told if (match := re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", tag))}
    minor = tuple(map(int, __version__.split(".")[:2]))
    earlier = [number for number in numbers if number[:2] < minor]
    if not earlier:
        pytest.skip("no earlier minor has been released: there is no CRD of one")
    shown = subprocess.run(
        ["git", "show", f"{numbers[max(earlier)]}:crds/{FILE.name}"], cwd=REPO, capture_output=True, text=True, check=True
    )
    return yaml.safe_load(shown.stdout)


@pytest.fixture
def there(bed: Bed, kubernetes: Facts, tmp_path: Path) -> Iterator[Bare]:
    assert kubernetes
    with bare(bed, tmp_path) as one:
        yield one


def install(there: Bare, crd: Json) -> None:
    """As `kubectl apply --server-side` does; what the manager before said and this CRD does not is gone."""
    there.api.call("PATCH", f"{CRD}?fieldManager=bed&force=true", crd, content="application/apply-patch+yaml")


def rotated(bed: Bed, there: Bare, aws: Facts, postgres: Facts) -> Cluster:
    """A resource `db` of a namespace and a user of its own comes to be Ready, is rotated, and is Ready again; then the operator ends."""
    name = f"t-{secrets.token_hex(4)}"
    there.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    cluster, user = Cluster(there.api, name), name.replace("-", "_")
    cluster.given_user(postgres, user, FIRST)
    operator = Operator(bed, Aws(aws), (), release=HOME, kubeconfig=there.server.kubeconfig).start()
    try:
        cluster.given_resource(a_resource(name, "db", postgres, user))
        cluster.expect_ready("db", LONG)
        first = cluster.content("db")["password"]
        cluster.annotate("db", rotate="once")
        assert cluster.expect_request("db", "rotate", "once", LONG)["result"] == "Done"
        cluster.expect_ready("db", LONG)
        cluster.expect("its finalizer is gone", lambda: not cluster.resource("db")["metadata"].get("finalizers"), LONG)
    finally:
        operator.stop()
    password = cluster.content("db")["password"]
    assert password != first
    assert can_log_in(postgres, user, password)
    return cluster


def test_a_changed_crd_leaves_resources_as_they_are(bed: Bed, there: Bare, aws: Facts, postgres: Facts) -> None:
    cluster = rotated(bed, there, aws, postgres)
    before, path = cluster.resource("db"), cluster.path("rotatedrdssecrets", "db")
    changed = today()
    status_of(changed)["ofTheNextVersion"] = {"type": "string"}
    install(there, changed)
    news = {"status": {"ofTheNextVersion": "known"}}

    def served() -> bool:
        tried = there.api.call("PATCH", f"{path}/status?dryRun=All", news, content="application/merge-patch+json")
        return tried["status"].get("ofTheNextVersion") == "known"

    until("the changed CRD is served", served)
    assert cluster.resource("db") == before


def test_on_a_crd_without_what_is_new_it_works_all_the_same(bed: Bed, there: Bare, aws: Facts, postgres: Facts) -> None:
    install(there, without_what_is_new())
    status = rotated(bed, there, aws, postgres).status("db")
    assert set(OWN) & set(status) == set()


def test_on_the_crd_of_the_minor_before_it_works_all_the_same(
    request: pytest.FixtureRequest, bed: Bed, aws: Facts, postgres: Facts
) -> None:
    older = released_before()
    there: Bare = request.getfixturevalue("there")
    install(there, older)
    rotated(bed, there, aws, postgres)
