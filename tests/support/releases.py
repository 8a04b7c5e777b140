"""A release of the chart on the bed, as far as the API server is concerned: the CRD, and exactly the rights that the chart gives."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig, service_account_kubeconfig
from tests.bed.processes import until
from tests.support.chart import NAME, render

HOME = NAME  # the namespace of all releases of the bed, and the name of the one that watches all of the cluster
_PATHS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}


_ANY = "name-to-be-filled-in"
_INSTALLED: set[str] = set()  # servers, by address


def objects(release: str, namespaces: Sequence[str] = (), selector: str = "") -> list[dict[str, Any]]:
    """What the chart renders of these kinds. The first release brings the CRD; namespaces: those of a release of some only.

    Helm runs once for all releases that differ in their names alone.
    """
    places = [f"{_ANY}-{number}" for number in range(len(namespaces))]
    text = _rendered(release == HOME, tuple(places), selector)
    for placeholder, name in ((f"release-{_ANY}", release), *zip(places, namespaces, strict=True)):
        text = text.replace(placeholder, name)
    return json.loads(text)


@cache
def _rendered(first: bool, namespaces: tuple[str, ...], selector: str) -> str:
    release = HOME if first else f"release-{_ANY}"
    values: dict[str, object] = {"fullnameOverride": release, "crds": {"enabled": first}}
    values |= {"watch": {"namespaces": list(namespaces), "selector": selector}, "clusterName": "bed" if namespaces else ""}
    return json.dumps([one for one in render(values, release=release, namespace=HOME) if one["kind"] in _PATHS])


def install(api: Api) -> None:
    """The release that watches all of the cluster, on the bed's server: it stays, so once a process is enough."""
    if api.server not in _INSTALLED:
        install_anew(api)
        _INSTALLED.add(api.server)


def install_anew(api: Api) -> None:
    """The same on a server that is a test's own, or after somebody took it away."""
    _apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    for one in objects(HOME):
        _apply(api, one)
    until("the CRD is established", lambda: _established(api))
    _granted(api, HOME, ())


def identity(bed: Bed, release: str, namespaces: Sequence[str] = (), selector: str = "") -> Path:
    """The kubeconfig of a release's ServiceAccount, with the rights of that release; may be repeated."""
    api = Api(admin_kubeconfig(bed))
    for one in objects(release, namespaces, selector):
        _apply(api, one)
    _granted(api, release, namespaces)
    return service_account_kubeconfig(bed, HOME, release)


def _apply(api: Api, one: dict[str, Any]) -> None:
    place = _PATHS[one["kind"]].format(namespace=one["metadata"].get("namespace"))
    api.call("PATCH", f"{place}/{one['metadata']['name']}?fieldManager=bed&force=true", one, content="application/apply-patch+yaml")


def _established(api: Api) -> bool:
    crd = api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rotatedrdssecrets.rotated-rds.io")
    conditions: list[dict[str, str]] = crd["status"].get("conditions") or []  # null at first
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _granted(api: Api, release: str, namespaces: Sequence[str]) -> None:
    """The API server learns of new roles within moments."""
    lease = {"group": "coordination.k8s.io", "resource": "leases", "verb": "create", "namespace": HOME}
    status = {"group": "rotated-rds.io", "resource": "rotatedrdssecrets", "subresource": "status", "verb": "patch"}
    for asked in (lease, *({**status, "namespace": namespace} for namespace in namespaces or ("",))):
        until(f"{release} has its rights", lambda asked=asked: _allowed(api, release, asked))


def _allowed(api: Api, release: str, asked: dict[str, str]) -> bool:
    spec = {"user": f"system:serviceaccount:{HOME}:{release}", "resourceAttributes": asked}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]
