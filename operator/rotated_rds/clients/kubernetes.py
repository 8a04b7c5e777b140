"""The API server in raw JSON: get, list, apply, patch; V1 models would print a Secret's content in their errors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from rotated_rds.clients.memory import Echoes, Lists
from rotated_rds.model.document import Json, text
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.resource import GROUP, MANAGER, PLURAL, VERSION, Key

_CONNECT_SECONDS, _READ_SECONDS = 1.0, 30.0
WRITE_SECONDS = 3.0  # all of a write, its connection too (SAFETY.md A4)
_OURS = f"/apis/{GROUP}/{VERSION}"


class Gone(Exception):
    """404. The status of a resource that is gone has no reader: its caller drops the resource."""


class Conflict(Problem):
    """409: somebody was faster; look again."""


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


def connect(threads: int) -> client.ApiClient:
    """A client from the pod's ServiceAccount, else from the kubeconfig. threads: how many will call at once."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    except ConfigException:
        config.load_kube_config(client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    configuration.connection_pool_maxsize = threads
    return once(configuration)


def once(configuration: client.Configuration) -> client.ApiClient:
    """A client that sends each request once: urllib3 by itself would repeat some, past their time (SAFETY.md A4)."""
    configuration.retries = urllib3.Retry(0, redirect=0)
    return client.ApiClient(configuration)


def kubeconfig_namespace() -> str | None:
    """The namespace of the kubeconfig's current context."""
    try:
        _, context = config.list_kube_config_contexts()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped there
    except ConfigException:
        return None
    return text(cast("Json", context), "context", "namespace")


class Kubernetes:
    """What the operator asks of the API server.

    fence: called before every write; raises when the Lease will not last. lists: lists that may be shared, where a watch spoils them.
    """

    def __init__(self, api: client.ApiClient, fence: Callable[[float], None], lists: Lists | None = None) -> None:
        self._api = api
        self._fence = fence
        self._lists = lists
        self.secrets_written = Echoes()

    # reads

    def get(self, path: str) -> Json | None:
        """One object; None when there is none. Raises Refused(Forbidden), Unavailable."""
        try:
            return self.call("GET", path)
        except Gone:
            return None

    def items(self, path: str, *, label_selector: str | None = None) -> Sequence[Json]:
        """A whole list in pages of 500; empty when the kind does not exist."""
        found: list[Json] = []
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            try:
                page = self.call("GET", path, query=query)
            except Gone:
                return found
            found += page["items"]
            if not (more := page.get("metadata", {}).get("continue")):
                return found
            query = {**query, "continue": more}

    def secret(self, namespace: str, name: str) -> Json | None:
        return self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def config_map(self, namespace: str, name: str) -> Json | None:
        return self.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")

    def pods(self, namespace: str) -> Sequence[Json]:
        return self.items(f"/api/v1/namespaces/{namespace}/pods")

    def resource(self, key: Key) -> Json | None:
        return self.get(resource_path(key))

    def resources(self, namespace: str | None = None, selector: str | None = None) -> Sequence[Json]:
        return self.items(f"{_OURS}/namespaces/{namespace}/{PLURAL}" if namespace else f"{_OURS}/{PLURAL}", label_selector=selector)

    def workloads(self, namespace: str) -> Sequence[Json]:
        """All Deployments, StatefulSets and DaemonSets of a namespace, each with its `kind`."""
        return self._lists.get(namespace, lambda: self._workloads(namespace)) if self._lists else self._workloads(namespace)

    def workloads_moved(self, namespace: str) -> None:
        """A workload there is other than it was."""
        if self._lists:
            self._lists.moved(namespace)

    def _workloads(self, namespace: str) -> Sequence[Json]:
        return [
            {**item, "kind": where.kind}
            for where in WORKLOADS
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
        where = next(one for one in WORKLOADS if one.kind == kind)
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

    # the one way in

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Json | Sequence[Json] | None = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Json:
        """One request. Raises Gone (404), Conflict (409), Refused(Forbidden, Rejected), Unavailable."""
        where = quote(path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": content}
        patience = _READ_SECONDS if method == "GET" else WRITE_SECONDS - _CONNECT_SECONDS
        api: Any = self._api  # the generated client is untyped
        try:
            prepared = api.param_serialize(method, where, header_params=headers, body=body, auth_settings=["BearerToken"])
            answer = api.call_api(*prepared, _request_timeout=(_CONNECT_SECONDS, patience))
            raw = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(Reason.UNAVAILABLE, f"the API server did not answer ({type(error).__name__}); tried again") from None
        return _read(int(answer.status), raw, method, path)


def _read(status: int, raw: bytes | None, method: str, path: str) -> Json:
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return cast("Json", json.loads(raw or b"{}"))
    if status == HTTPStatus.NOT_FOUND:
        raise Gone(path)
    said = _message(raw, path)
    if status == HTTPStatus.CONFLICT:
        raise Conflict(Reason.UNAVAILABLE, f"{method} {path}: {said}")
    if status in (401, 403):
        raise Refused(Reason.FORBIDDEN, f"the API server forbids {method} {path}: grant it to the operator's ServiceAccount")
    if status in (400, 413, 415, 422):
        raise Refused(Reason.REJECTED, f"the API server rejects {method} {path} ({status}): {said}")
    raise Unavailable(Reason.UNAVAILABLE, f"the API server failed at {method} {path} ({status}); tried again")


def _message(raw: bytes | None, path: str) -> str:
    """The server's sentence; never for a Secret, whose validation errors may quote what was sent."""
    if "/secrets" in path:
        return "its content is not shown"
    try:
        return str(json.loads(raw or b"{}").get("message", ""))[:300]
    except ValueError:
        return ""


def resource_path(key: Key) -> str:
    return f"{_OURS}/namespaces/{key.namespace}/{PLURAL}/{key.name}"
