"""Words for tests of restarts: workloads that read a Secret in every way, how far they are, what status says of them."""

from typing import Any

from rotated_rds.model.status import Kind, Status, WorkloadStatus
from tests.support.resources import merged
from tests.support.scene import Scene, reason, said

Json = dict[str, Any]


def home(kind: str) -> str:
    """The API group and version of a workload's kind."""
    return "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1"


def place(scene: Scene, kind: str, name: str = "") -> str:
    return scene.cluster.path(kind.lower() + "s", name, home(kind))


def workload(scene: Scene, kind: str, name: str) -> Json:
    return scene.cluster.api.call("GET", place(scene, kind, name))


def given(scene: Scene, kind: str, name: str, pod: Json, *, labels: Json | None = None, **spec: Any) -> None:
    """A workload with a whole Pod spec of the test's own."""
    template = {"metadata": {"labels": {"app": name}}, "spec": merged({"containers": [{"name": "app", "image": "app"}]}, pod)}
    whole = merged({"selector": {"matchLabels": {"app": name}}, "template": template}, spec)
    if kind == "StatefulSet":
        whole["serviceName"] = name
    body = {"apiVersion": home(kind), "kind": kind, "metadata": {"name": name, "labels": labels or {}}, "spec": whole}
    scene.cluster.api.call("POST", place(scene, kind), body)


def annotated(scene: Scene, name: str, kind: str = "Deployment", target: str | None = None) -> str | None:
    template: Json = workload(scene, kind, name)["spec"]["template"]["metadata"]
    annotations: dict[str, str] = template.get("annotations") or {}
    return annotations.get(f"rotated-rds.io/version.{target or scene.name}")


def break_pods(scene: Scene, name: str, kind: str = "Deployment", *, broken: bool = True) -> None:
    """The pods of the next rollout never get ready; or they do again."""
    template = {"metadata": {"annotations": {"bed/broken": "" if broken else None}}}
    scene.cluster.merge(place(scene, kind, name), {"spec": {"template": template}})


def through(scene: Scene, *names: str) -> None:
    """The cluster has brought these Deployments to their end."""

    def ready() -> bool:
        bodies = [workload(scene, "Deployment", name) for name in names]
        return all(
            body["status"].get("observedGeneration") == body["metadata"]["generation"]
            and body["status"].get("updatedReplicas")
            == body["status"].get("replicas")
            == body["status"].get("availableReplicas")
            == body["spec"]["replicas"]
            for body in bodies
        )

    scene.waits_for(f"{', '.join(names)} ready", ready)


def state(status: Status, name: str) -> str:
    return one(status, name).state


def one(status: Status, name: str) -> WorkloadStatus:
    return next(known for known in status.workloads if known.name == name)


def current(status: Status) -> str:
    return reason(status, Kind.WORKLOADS_CURRENT)


def given_rolled_out(scene: Scene, *names: str, **spec: Any) -> Status:
    """Deployments that run on the first version, long since."""
    for name in names:
        scene.cluster.given_deployment(name, scene.name)
    through(scene, *names)
    scene.given(**spec)
    status = scene.settle()
    while not said(status, Kind.READY).true:
        through(scene, *names)
        status = scene.settle()
    scene.later(minutes=5)
    return status


# who reads a Secret, and how


def container(**more: Any) -> Json:
    return {"name": "app", "image": "app", **more}


def from_env(secret: str) -> Json:
    return {"containers": [container(env=[{"name": "P", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}])]}


def from_env_from(secret: str) -> Json:
    return {"containers": [container(envFrom=[{"secretRef": {"name": secret}}])]}


def from_volume(secret: str) -> Json:
    return {"volumes": [{"name": "v", "secret": {"secretName": secret}}]}


def from_projected(secret: str) -> Json:
    return {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": secret}}]}}]}


def from_init(secret: str) -> Json:
    return {"initContainers": [{"name": "init", "image": "app", "envFrom": [{"secretRef": {"name": secret}}]}]}


def from_sidecar(secret: str) -> Json:
    return {"initContainers": [{"name": "side", "image": "app", "restartPolicy": "Always", "envFrom": [{"secretRef": {"name": secret}}]}]}


READERS = (from_env, from_env_from, from_volume, from_projected, from_init, from_sidecar)
"""Every way to read a Secret: from its name to a Pod spec."""
