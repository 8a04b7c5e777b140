"""Argo Rollouts for tests: what a person does with kubectl argo rollouts, and who says how far one is.

`Argo` waits for their own controller. `SimulatedArgo` stands in for it: its Rollouts carry another controller's instance id, it writes
what the controller would say of them, and a ReplicaSet runs their Pods. The same tests run with both.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tests.bed.api import ApiError
from tests.support.scene import Scene
from tests.support.workloads import Json, given, place, workload

KIND = "Rollout"
AT_ONCE: Json = {"canary": {}}
STEPS: Json = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
"""Half of the Pods, then a pause until a person promotes it."""


@dataclass(frozen=True)
class Argo:
    """One namespace's Rollouts under their own controller."""

    scene: Scene

    @property
    def labels(self) -> Json:
        return {}

    # a person

    def given(self, name: str, pod: Json, *, strategy: Json | None = None, labels: Json | None = None, replicas: int = 2) -> None:
        both = {**(labels or {}), **self.labels}
        given(self.scene, KIND, name, pod, labels=both, strategy=strategy or AT_ONCE, replicas=replicas)

    def given_borrower(self, name: str, deployment: str) -> None:
        """A Rollout that runs a Deployment's Pod template."""
        ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
        spec = {"replicas": 2, "strategy": AT_ONCE, "workloadRef": ref}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": KIND, "metadata": {"name": name, "labels": self.labels}, "spec": spec}
        self.scene.cluster.api.call("POST", place(self.scene, KIND), body)

    def edit(self, name: str, change: Json) -> None:
        self.scene.cluster.merge(place(self.scene, KIND, name), change)

    def promote(self, name: str) -> None:
        """As `kubectl argo rollouts promote` writes it, out of one pause; abort and retry alike."""
        self.say(name, pauseConditions=None)

    def abort(self, name: str) -> None:
        self.say(name, abort=True)

    def retry(self, name: str) -> None:
        self.say(name, abort=False)

    def say(self, name: str, **status: Any) -> None:
        self.scene.cluster.merge(f"{place(self.scene, KIND, name)}/status", {"status": status})

    # its controller

    def comes_to(self, name: str, phase: str) -> None:
        self.scene.waits_for(f"Rollout {name} is {phase}", lambda: self.phase(name) == phase)

    def healthy(self, *names: str) -> None:
        """Through to the end, promoted out of every pause on the way."""
        for name in names:
            self.scene.waits_for(f"Rollout {name} is through", lambda name=name: self._through(name))

    def phase(self, name: str) -> str | None:
        """What its controller says of what was written last; None until it has seen that."""
        body = workload(self.scene, KIND, name)
        seen, ref = body.get("status", {}), body["spec"].get("workloadRef")
        lent = str(workload(self.scene, "Deployment", ref["name"])["metadata"]["generation"]) if ref else None
        known = seen.get("observedGeneration") == str(body["metadata"]["generation"]) and seen.get("workloadObservedGeneration") == lent
        return seen.get("phase") if known else None

    def _through(self, name: str) -> bool:
        if self.phase(name) == "Paused":
            self.promote(name)
        return self.phase(name) == "Healthy"

    def versions(self) -> set[str | None]:
        """On which version of the scene's credential the namespace's living Pods were made."""
        pods = self.scene.cluster.api.call("GET", self.scene.cluster.path("pods", group="v1"))["items"]
        key = f"rotated-rds.io/version.{self.scene.name}"
        return {pod["metadata"].get("annotations", {}).get(key) for pod in pods if "deletionTimestamp" not in pod["metadata"]}


class SimulatedArgo(Argo):
    """The test says by itself what the controller would."""

    @property
    def labels(self) -> Json:
        return {"argo-rollouts.argoproj.io/controller-instance-id": "simulated"}

    def comes_to(self, name: str, phase: str) -> None:
        body = workload(self.scene, KIND, name)
        self.say(name, phase=phase, **_seen(body), **_paused(body, phase), conditions=_conditions(body, phase), updatedReplicas=1)
        ref = body["spec"].get("workloadRef")
        if ref:
            self.say(name, workloadObservedGeneration=str(workload(self.scene, "Deployment", ref["name"])["metadata"]["generation"]))

    def healthy(self, *names: str) -> None:
        for name in names:
            replicas: int = workload(self.scene, KIND, name)["spec"]["replicas"]
            self._run_pods(name, replicas)
            self.comes_to(name, "Healthy")
            self.say(name, updatedReplicas=replicas, availableReplicas=replicas)

    def _run_pods(self, name: str, replicas: int) -> None:
        """A ReplicaSet of the present template, and none of another."""
        body = workload(self.scene, KIND, name)
        ref = body["spec"].get("workloadRef")
        template = (workload(self.scene, "Deployment", ref["name"]) if ref else body)["spec"]["template"]
        mark = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
        sets = self.scene.cluster.path("replicasets", group="apps/v1")
        self._make(sets, _replica_set(template, f"{name}-{mark}", mark, replicas))
        self.scene.waits_for("its Pods run", lambda: self._available(f"{sets}/{name}-{mark}") == replicas)
        for one in self.scene.cluster.api.call("GET", sets)["items"]:
            if one["metadata"]["name"].rpartition("-")[0] == name and one["metadata"]["name"] != f"{name}-{mark}":
                self.scene.cluster.api.call("DELETE", f"{sets}/{one['metadata']['name']}")
        self.scene.waits_for("the others are gone", lambda: len(self._pods(name)) == replicas)

    def _make(self, sets: str, body: Json) -> None:
        try:
            self.scene.cluster.api.call("POST", sets, body)
        except ApiError as error:
            if error.code != 409:
                raise

    def _available(self, path: str) -> int:
        return self.scene.cluster.api.call("GET", path)["status"].get("availableReplicas", 0)

    def _pods(self, name: str) -> list[Json]:
        pods = self.scene.cluster.api.call("GET", self.scene.cluster.path("pods", group="v1"))["items"]
        return [pod for pod in pods if pod["metadata"]["name"].startswith(f"{name}-")]


def _replica_set(template: Json, name: str, mark: str, replicas: int) -> Json:
    labels = {**template["metadata"]["labels"], "rollouts-pod-template-hash": mark}
    marked = {**template, "metadata": {**template["metadata"], "labels": labels}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": marked}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name}, "spec": spec}


def _seen(body: Json) -> Json:
    return {"observedGeneration": str(body["metadata"]["generation"])}


def _paused(body: Json, phase: str) -> Json:
    reason = "BlueGreenPause" if "blueGreen" in body["spec"]["strategy"] else "CanaryPauseStep"
    pause = {"reason": reason, "startTime": "2026-11-25T12:00:00Z"}
    return {"pauseConditions": [pause] if phase == "Paused" else None, "controllerPause": phase == "Paused"}


def _conditions(body: Json, phase: str) -> list[Json]:
    if phase != "Degraded":
        return []
    reason = "RolloutAborted" if body["status"].get("abort") else "ProgressDeadlineExceeded"
    return [{"type": "Progressing", "status": "False", "reason": reason, "message": "simulated"} | _TIMES]


_TIMES = {"lastTransitionTime": "2026-11-25T12:00:00Z", "lastUpdateTime": "2026-11-25T12:00:00Z"}
