"""The words that tests speak: given_… makes what a user would have, expect_… waits for what a user would see."""

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from rotated_rds.model import document
from rotated_rds.model.document import entries, part
from tests.bed.api import Api, ApiError
from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support.databases import new_user

Json = dict[str, Any]
PATIENCE = 60.0  # seconds that an expectation waits at the most
# The garbage collector learns of a new kind when it reads the API server's kinds the next time, every 30 s; what it could not look up
# before it tries again after twice the pause before (pkg/controller/garbagecollector of Kubernetes: Sync, attemptToDelete).
COLLECTED = 90.0


def a_resource(namespace: str, name: str, database: Facts, user: str, /, **spec: Any) -> Json:
    """The smallest resource for a user of a bed's database; spec: blocks that are merged into it (rotation={…}, target={…})."""
    whole: Json = {
        "database": {"host": "localhost", "engine": database["engine"], "port": database["port"], "name": "app"},
        "user": {"name": user, "passwordSecretRef": {"name": f"{name}-first", "key": "password"}},
        "rotation": {"immediately": False},
    }
    return {
        "apiVersion": "rotated-rds.io/v1alpha1",
        "kind": "RotatedRDSSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": merged(whole, spec),
    }


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> Json:
    """Maps are merged, anything else replaces; None removes."""
    whole = copy.deepcopy(dict(base))
    for key, value in more.items():
        if value is None:
            whole.pop(key, None)
        elif isinstance(value, dict) and isinstance(whole.get(key), dict):
            whole[key] = merged(cast("Json", whole[key]), cast("Json", value))
        else:
            whole[key] = value
    return whole


@dataclass(frozen=True)
class Cluster:
    """One namespace of the bed's API server, as its administrator sees it."""

    api: Api
    namespace: str

    def path(self, plural: str, name: str = "", group: str = "rotated-rds.io/v1alpha1") -> str:
        base = "/api/v1" if group == "v1" else f"/apis/{group}"
        return f"{base}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    # given

    def given_user(self, database: Facts, user: str, password: str, name: str = "db") -> None:
        """A database user, and its first password in a Secret."""
        new_user(database, user, password)
        self.given_secret(f"{name}-first", {"password": password})

    def given_secret(self, name: str, content: Mapping[str, str], **metadata: Any) -> None:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **metadata}, "stringData": dict(content)}
        self.api.call("POST", self.path("secrets", group="v1"), body)

    def given_resource(self, resource: Json) -> None:
        self.api.call("POST", self.path("rotatedrdssecrets"), resource)

    def given_deployment(
        self, name: str, secret: str | None, *, replicas: int = 1, annotations: Mapping[str, str] | None = None, **pod: Any
    ) -> None:
        """A Deployment on kwok's simulated nodes that reads a Secret by envFrom."""
        container: Json = {"name": "app", "image": "app"} | ({"envFrom": [{"secretRef": {"name": secret}}]} if secret else {})
        labels = {"app": name}
        metadata = {"labels": labels, "annotations": pod.pop("pod_annotations", {})}
        template = {"metadata": metadata, "spec": merged({"containers": [container]}, pod)}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": name, "annotations": dict(annotations or {})}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        self.api.call("POST", self.path("deployments", group="apps/v1"), body)

    def merge(self, path: str, body: Json) -> Json:
        return self.api.call("PATCH", path, body, content="application/merge-patch+json")

    def annotate(self, name: str, **requests: str | None) -> None:
        """Requests on the resource; underscores stand for hyphens."""
        annotations = {f"rotated-rds.io/{key.replace('_', '-')}": text for key, text in requests.items()}
        self.merge(self.path("rotatedrdssecrets", name), {"metadata": {"annotations": annotations}})

    def change(self, name: str, **spec: Any) -> None:
        self.merge(self.path("rotatedrdssecrets", name), {"spec": spec})

    def forget_status(self, name: str) -> None:
        """As after a restore of the cluster that left status out."""
        path = f"{self.path('rotatedrdssecrets', name)}/status"
        patch: list[dict[str, object]] = [{"op": "replace", "path": "/status", "value": {}}]
        self.api.call("PATCH", path, patch, content="application/json-patch+json")

    def delete(self, name: str) -> None:
        self.api.call("DELETE", self.path("rotatedrdssecrets", name))

    # seen

    def resource(self, name: str) -> Json:
        return self.api.call("GET", self.path("rotatedrdssecrets", name))

    def status(self, name: str) -> Json:
        return self.resource(name).get("status") or {}

    def condition(self, name: str, kind: str) -> Json:
        return next((dict(one) for one in entries(self.status(name), "conditions") if one["type"] == kind), Json())

    def secret(self, name: str) -> Json | None:
        return self.api.get(self.path("secrets", name, "v1"))

    def content(self, name: str) -> dict[str, str]:
        """A Secret's keys as texts; empty when there is none."""
        return {key: base64.b64decode(value).decode() for key, value in part(self.secret(name), "data").items()}

    def deployment(self, name: str) -> Json:
        return self.api.call("GET", self.path("deployments", name, "apps/v1"))

    def events(self, name: str) -> list[Json]:
        found = self.api.call("GET", self.path("events", group="events.k8s.io/v1"))["items"]
        return [one for one in found if one["regarding"]["name"] == name]

    # expected

    def expect(self, what: str, check: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """A condition that comes true in time; the message tells the last status."""
        until(what, lambda: _holds(check), seconds=seconds, every=0.1)

    def expect_collected(self, name: str) -> None:
        """Wait for kube-controller-manager to collect a Secret whose owner is gone."""
        self.expect(f"Secret {name} is collected", lambda: self.secret(name) is None, COLLECTED)

    def expect_condition(self, name: str, kind: str, status: str, reason: str | None = None, seconds: float = PATIENCE) -> Json:
        """Wait for a condition of the present generation; returns it."""

        def there() -> bool:
            seen = self.resource(name)
            found = next((one for one in entries(seen, "status", "conditions") if one["type"] == kind), Json())
            fresh: bool = found.get("observedGeneration") == seen["metadata"]["generation"]
            return fresh and found["status"] == status and reason in (None, found["reason"])

        try:
            self.expect(f"{kind} {status} {reason or ''}", there, seconds)
        except Exception as error:
            raise AssertionError(f"{error}; status: {self.status(name)}") from error
        return self.condition(name, kind)

    def expect_ready(self, name: str, seconds: float = PATIENCE) -> Json:
        self.expect_condition(name, "Ready", "True", seconds=seconds)
        return self.status(name)

    def expect_request(self, name: str, request: str, text: str, seconds: float = PATIENCE) -> Json:
        """Wait for the answer to a request; returns it."""

        def answered() -> bool:
            return document.text(self.status(name), "requests", request, "text") == text

        try:
            self.expect(f"an answer to {request} {text!r}", answered, seconds)
        except Exception as error:
            raise AssertionError(f"{error}; status: {self.status(name)}") from error
        return self.status(name)["requests"][request]


def _holds(check: Callable[[], bool]) -> bool:
    """What is not there yet does not hold."""
    try:
        return check()
    except (ApiError, KeyError):
        return False
