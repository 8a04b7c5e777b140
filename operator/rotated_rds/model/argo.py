"""Argo Rollouts as rules see them: whose Pod template one runs, and what its controller says of its update.

Source: Argo Rollouts' own reading of a Rollout (kubectl argo rollouts status), from 1.0 on, where status has a phase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rotated_rds.model.document import Json, entries, part, text

GROUP, VERSION, PLURAL, KIND = "argoproj.io", "v1alpha1", "rollouts", "Rollout"


@dataclass(frozen=True)
class Held:
    """A workload, and the body that holds its Pod template: its own, or the Deployment that a Rollout's `workloadRef` names.

    holder: None where that is not there, or is of a kind that the operator does not patch.
    """

    body: Json
    holder: Json | None

    @property
    def template(self) -> Json:
        return part(self.holder, "spec", "template")

    @property
    def borrowed(self) -> bool:
        return self.holder is not self.body


def held(bodies: Sequence[Json]) -> list[Held]:
    """The workloads of one namespace, each with the body that holds its Pod template."""
    deployments = {str(body["metadata"]["name"]): body for body in bodies if body["kind"] == "Deployment"}
    return [Held(body, _holder(body, deployments)) for body in bodies]


def _holder(body: Json, deployments: Mapping[str, Json]) -> Json | None:
    ref = part(body, "spec", "workloadRef")
    if body["kind"] != KIND or not ref:
        return body
    return deployments.get(str(ref.get("name"))) if ref.get("kind") == "Deployment" else None


def without_stand_ins(found: Sequence[Held]) -> list[Held]:
    """Without Deployments at 0 replicas whose template one of these Rollouts runs: nothing of theirs is left to restart."""
    lent = {id(one.holder) for one in found if one.borrowed}
    return [one for one in found if id(one.body) not in lent or part(one.body, "spec").get("replicas", 1) != 0]


def observed(one: Held) -> bool:
    """Whether its controller has seen what was last written; generations are texts in a Rollout's status."""
    status = part(one.body, "status")
    if status.get("observedGeneration") != str(part(one.body, "metadata").get("generation")):
        return False
    if not one.borrowed:
        return True
    return status.get("workloadObservedGeneration") == str(part(one.holder, "metadata").get("generation"))


def complete(one: Held) -> bool:
    """Its update is through: every step is done and its Pods are available."""
    status = part(one.body, "status")
    wanted = int(part(one.body, "spec").get("replicas", 1))
    return (
        observed(one)
        and status.get("phase") == "Healthy"
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
    )


def stuck(one: Held) -> str | None:
    """Why its update will not go on by itself."""
    status = part(one.body, "status")
    if not observed(one):
        return None
    if status.get("abort"):
        return "its update was aborted, and its Pods run what they ran before: kubectl argo rollouts retry"
    if status.get("phase") != "Degraded":
        return None
    reasons = {text(condition, "reason") for condition in entries(status, "conditions")}
    if "ProgressDeadlineExceeded" in reasons:
        return "its update exceeded progressDeadlineSeconds"
    return "it is Degraded: see its status.message"


def waits(one: Held) -> str | None:
    """The reason of a pause that its strategy asked for (CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun)."""
    if not observed(one):
        return None
    return next((str(text(pause, "reason")) for pause in entries(one.body, "status", "pauseConditions")), None)
