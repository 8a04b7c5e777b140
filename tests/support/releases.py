"""A release of the chart on the bed, as far as the API server is concerned: the CRD, and exactly the rights that the chart gives."""

from collections.abc import Sequence
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


def objects(release: str, namespaces: Sequence[str] = (), selector: str = "") -> list[dict[str, Any]]:
    """What the chart renders of these kinds. The first release brings the CRD; namespaces: those of a release of some only."""
    values: dict[str, object] = {"fullnameOverride": release, "crds": {"enabled": release == HOME}}
    values |= {"watch": {"namespaces": list(namespaces), "selector": selector}, "clusterName": "bed" if namespaces else ""}
    return [one for one in render(values, release=release, namespace=HOME) if one["kind"] in _PATHS]


def install(api: Api) -> None:
    """The release that watches all of the cluster; may be repeated."""
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
    return any(one["type"] == "Established" and one["status"] == "True" for one in crd["status"].get("conditions", []))


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
