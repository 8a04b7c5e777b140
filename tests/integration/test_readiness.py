"""/readyz: this replica would work, or it says what it lacks; who lacks something leaves the Lease to who does not."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import service_account_kubeconfig
from tests.bed.processes import BedError, until
from tests.support.audit import granted
from tests.support.aws import Aws
from tests.support.bare import bare
from tests.support.operators import Operator, running
from tests.support.releases import HOME, install
from tests.support.resources import Cluster, a_resource

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rotatedrdssecrets.rotated-rds.io"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@contextmanager
def started(operator: Operator) -> Generator[Operator]:
    """Started and ended; it need not be ready."""
    operator.start()
    try:
        until(f"{operator.name} serves", lambda: operator.port is not None)
        yield operator
    finally:
        operator.stop()


def expect_missing(operator: Operator, *starts: str) -> None:
    """Wait until it lacks just these."""

    def lacks() -> bool:
        said = operator.missing()
        return len(said) == len(starts) and all(line.startswith(start) for line, start in zip(said, starts, strict=True))

    try:
        until(f"{operator.name} lacks {starts}, and nothing else", lacks)
    except BedError as error:
        raise AssertionError(f"{error}; it lacks {operator.missing()}") from error


def given_a_service_account_without_workloads(api: Api, bed: Bed, name: str) -> Path:
    """All that the operator of a release of that name may do but for workloads."""
    rights = sorted(right for right in granted(name) if right.group != "apps")
    rules = [
        {
            "apiGroups": [right.group],
            "resources": [right.resource],
            "verbs": [right.verb],
            **({"resourceNames": [right.name]} if right.name else {}),
        }
        for right in rights
    ]
    subject = {"kind": "ServiceAccount", "name": name, "namespace": HOME}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    api.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts", {"metadata": {"name": name}})
    api.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    api.call("POST", f"{RBAC}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
    return service_account_kubeconfig(bed, HOME, name)


def test_who_is_unknown_to_aws_says_so_and_leaves_the_lease_to_who_is_not(bed: Bed, api: Api, aws: Facts, namespace: str) -> None:
    install(api)
    stranger = Aws(aws)
    refused = stranger.control.fault("error", "GetCallerIdentity", service="sts", code="InvalidClientTokenId", status=403, count=None)
    with started(Operator(bed, stranger, (namespace,))) as bad:
        with running(Operator(bed, Aws(aws), (namespace,), release=bad.release, starts=10)):
            assert "this replica leads" not in bad.log
            expect_missing(bad, "AWS: ")
            stranger.control.release(refused)
            expect_missing(bad)
        until("it leads when the other is gone", lambda: "this replica leads" in bad.log)


def test_who_may_not_list_what_it_watches_says_what_to_grant(bed: Bed, api: Api, aws: Facts, namespace: str) -> None:
    install(api)
    release = f"half-{secrets.token_hex(4)}"
    kubeconfig = given_a_service_account_without_workloads(api, bed, release)
    with started(Operator(bed, Aws(aws), (namespace,), release=release, kubeconfig=kubeconfig)) as operator:
        expect_missing(operator, f"rights: the API server forbids GET /apis/apps/v1/namespaces/{namespace}/deployments: grant it")


def test_who_starts_before_its_kind_is_served_is_not_ready_and_then_misses_nothing(bed: Bed, api: Api, aws: Facts, tmp_path: Path) -> None:
    assert api
    with bare(bed, tmp_path) as there:
        there.api.call("DELETE", CRD)
        until("the kind is gone", lambda: there.api.get(CRD) is None)
        there.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        with started(Operator(bed, Aws(aws), (), release=HOME, kubeconfig=there.server.kubeconfig)) as operator:
            expect_missing(operator, "resources: not listed yet")
            assert "install its CRD" in operator.log
            install(there.api)
            expect_missing(operator)
            cluster = Cluster(there.api, "shop")
            cluster.given_resource(a_resource("shop", "db", {"engine": "postgres", "port": 1}, "nobody"))
            cluster.expect("what comes now is looked at", lambda: cluster.status("db")["observedGeneration"] == 1)
