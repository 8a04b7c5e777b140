"""Words for tests of Argo Rollouts: what a person does with kubectl argo rollouts, and what its controller says of it."""

from typing import Any

from tests.support.scene import Scene
from tests.support.workloads import Json, given, place, workload

KIND = "Rollout"
AT_ONCE: Json = {"canary": {}}
STEPS: Json = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
"""Half of the Pods, then a pause until a person promotes it."""


def given_rollout(scene: Scene, name: str, pod: Json, *, strategy: Json | None = None, replicas: int = 2, **more: Any) -> None:
    given(scene, KIND, name, pod, strategy=strategy or AT_ONCE, replicas=replicas, **more)


def given_borrower(scene: Scene, name: str, deployment: str, *, replicas: int = 2) -> None:
    """A Rollout that runs a Deployment's Pod template."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
    spec = {"replicas": replicas, "strategy": AT_ONCE, "workloadRef": ref}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": KIND, "metadata": {"name": name}, "spec": spec}
    scene.cluster.api.call("POST", place(scene, KIND), body)


def phase(scene: Scene, name: str) -> str | None:
    """What its controller says of what was written last; None until it has seen that."""
    body = workload(scene, KIND, name)
    seen = body.get("status", {})
    return seen.get("phase") if seen.get("observedGeneration") == str(body["metadata"]["generation"]) else None


def comes_to(scene: Scene, name: str, expected: str) -> None:
    scene.waits_for(f"Rollout {name} is {expected}", lambda: phase(scene, name) == expected)


def healthy(scene: Scene, *names: str) -> None:
    for name in names:
        comes_to(scene, name, "Healthy")


def promote(scene: Scene, name: str) -> None:
    """As `kubectl argo rollouts promote` writes it, out of one pause."""
    say(scene, name, pauseConditions=None)


def abort(scene: Scene, name: str) -> None:
    say(scene, name, abort=True)


def retry(scene: Scene, name: str) -> None:
    say(scene, name, abort=False)


def say(scene: Scene, name: str, **status: Any) -> None:
    scene.cluster.merge(f"{place(scene, KIND, name)}/status", {"status": status})
