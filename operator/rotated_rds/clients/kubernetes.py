"""What the operator asks of Kubernetes: its resources, Secrets, workloads, Events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kubernetes import client

from rotated_rds.clients.apiserver import WRITE_SECONDS, ApiServer, Gone
from rotated_rds.clients.argo import serves_rollouts
from rotated_rds.clients.memory import Echoes, Lists
from rotated_rds.model import argo
from rotated_rds.model.document import Json
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.resource import GROUP, MANAGER, PLURAL, VERSION, Key

_OURS = f"/apis/{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Workloads:
    """Where a workload kind lives in the API."""

    kind: str
    prefix: str
    plural: str


WORKLOADS = (
    Workloads("Deployment", "/apis/apps/v1", "deployments"),
    Workloads("StatefulSet", "/apis/apps/v1", "statefulsets"),
    Workloads("DaemonSet", "/apis/apps/v1", "daemonsets"),
)
ROLLOUTS = Workloads(argo.KIND, f"/apis/{argo.GROUP}/{argo.VERSION}", argo.PLURAL)

SECRETS = f"app.kubernetes.io/managed-by={MANAGER}"  # those that are ours


class Kubernetes(ApiServer):
    """What the operator asks of the API server.

    fence: called before every write; raises when the Lease will not last. lists: lists that may be shared, where a watch spoils them.
    """

    def __init__(self, api: client.ApiClient, fence: Callable[[float], None], lists: Lists | None = None) -> None:
        super().__init__(api)
        self._fence = fence
        self._lists = lists
        self._rollouts = True  # until it is known that there are none
        self.secrets_written = Echoes()

    # reads

    def items(self, path: str, *, label_selector: str | None = None) -> Sequence[Json]:
        """A whole list in pages of 500; empty when the kind does not exist."""
        try:
            return self.pages(path, label_selector)
        except Gone:
            return []

    def secret(self, namespace: str, name: str) -> Json | None:
        return self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def config_map(self, namespace: str, name: str) -> Json | None:
        return self.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")

    def pods(self, namespace: str) -> Sequence[Json]:
        return self.items(f"/api/v1/namespaces/{namespace}/pods")

    def resource(self, key: Key) -> Json | None:
        return self.get(resource_path(key))

    def resources(self, namespace: str | None = None, selector: str | None = None) -> Sequence[Json]:
        """All of them. Raises Refused(Forbidden), and Unavailable where the kind is not served: then nothing is known of what is there."""
        path = f"{_OURS}/namespaces/{namespace}/{PLURAL}" if namespace else f"{_OURS}/{PLURAL}"
        try:
            return self.pages(path, selector)
        except Gone:
            raise Unavailable(Reason.UNAVAILABLE, f"the API server does not serve {PLURAL}.{GROUP}/{VERSION}: install its CRD") from None

    def check_watched(self, namespace: str | None) -> None:
        """Whether all that is watched, and is served, may be listed. Raises Refused(Forbidden), Unavailable."""
        place = f"/namespaces/{namespace}" if namespace else ""
        self.check_list(f"/api/v1{place}/secrets", SECRETS)
        for where in WORKLOADS:
            self.check_list(f"{where.prefix}{place}/{where.plural}")

    def workloads(self, namespace: str) -> Sequence[Json]:
        """All Deployments, StatefulSets, DaemonSets and Argo Rollouts of a namespace, each with its `kind`."""
        return self._lists.get(namespace, lambda: self._workloads(namespace)) if self._lists else self._workloads(namespace)

    def workloads_moved(self, namespace: str) -> None:
        """A workload there is other than it was."""
        if self._lists:
            self._lists.moved(namespace)

    def look_for_rollouts(self) -> bool:
        """Whether the API server serves Argo Rollouts, from now on; False too where it does not answer."""
        try:
            self._rollouts = serves_rollouts(self)
        except Unavailable:
            return False
        return self._rollouts

    def _workloads(self, namespace: str) -> Sequence[Json]:
        return [
            {**item, "kind": where.kind}
            for where in (*WORKLOADS, *([ROLLOUTS] if self._rollouts else []))
            for item in self.items(f"{where.prefix}/namespaces/{namespace}/{where.plural}")
        ]

    # writes

    def create_secret(self, manifest: Json) -> Json:
        """The first write of a Secret: a POST, so that somebody else's of that name is never touched. Raises Conflict."""
        namespace = manifest["metadata"]["namespace"]
        return self._noted(self.write("POST", f"/api/v1/namespaces/{namespace}/secrets", manifest, query={"fieldManager": MANAGER}))

    def set_managed_fields(self, secret: Json, fields: Sequence[Json]) -> Json:
        """Say anew who owns which field of a Secret, if it still is as it was read."""
        place = secret["metadata"]
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": place["resourceVersion"]},
            {"op": "replace", "path": "/metadata/managedFields", "value": list(fields)},
        ]
        path = f"/api/v1/namespaces/{place['namespace']}/secrets/{place['name']}"
        return self._noted(self.write("PATCH", path, patch, query={"fieldManager": MANAGER}, content="application/json-patch+json"))

    def apply_secret(self, manifest: Json) -> Json:
        """Server-side apply; with metadata.uid it never creates and never hits a namesake that came since."""
        place = manifest["metadata"]
        path = f"/api/v1/namespaces/{place['namespace']}/secrets/{place['name']}"
        query = {"fieldManager": MANAGER, "force": "true"}
        return self._noted(self.write("PATCH", path, manifest, query=query, content="application/apply-patch+yaml"))

    def _noted(self, secret: Json) -> Json:
        self.secrets_written.note(secret)
        return secret

    def annotate_template(self, namespace: str, kind: str, name: str, annotations: Mapping[str, str]) -> None:
        """Restart a workload: a merge patch of its template's annotations (SAFETY.md G2: never an apply)."""
        where = next(one for one in (*WORKLOADS, ROLLOUTS) if one.kind == kind)
        body = {"spec": {"template": {"metadata": {"annotations": dict(annotations)}}}}
        self.merge(f"{where.prefix}/namespaces/{namespace}/{where.plural}/{name}", body)
        self.workloads_moved(namespace)

    def put_status(self, key: Key, status: Json) -> Json:
        """Replace the status, which is ours alone; returns the resource as it stands then. Raises Gone, Refused, Unavailable."""
        patch = [{"op": "add", "path": "/status", "value": status}]
        return self.write(
            "PATCH", f"{resource_path(key)}/status", patch, query={"fieldManager": MANAGER}, content="application/json-patch+json"
        )

    def set_finalizers(self, key: Key, finalizers: Sequence[str], resource_version: str) -> Json:
        """Raises Gone, and Conflict when the resource changed since `resource_version`."""
        return self.merge(resource_path(key), {"metadata": {"finalizers": list(finalizers), "resourceVersion": resource_version}})

    def create_event(self, namespace: str, event: Json) -> None:
        self.write("POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", event)

    def merge(self, path: str, body: Json) -> Json:
        return self.write("PATCH", path, body, query={"fieldManager": MANAGER}, content="application/merge-patch+json")

    def write(
        self,
        method: str,
        path: str,
        body: Json | Sequence[Json],
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Json:
        self._fence(WRITE_SECONDS)
        return self.call(method, path, body=body, query=query, content=content)


def resource_path(key: Key) -> str:
    return f"{_OURS}/namespaces/{key.namespace}/{PLURAL}/{key.name}"
