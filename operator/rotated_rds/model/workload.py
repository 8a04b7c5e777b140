"""Workloads as rules see them: who reads a Secret, and how far a rollout is."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rotated_rds.model import argo
from rotated_rds.model.argo import Held
from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.resource import GROUP
from rotated_rds.model.spec import LabelSelector

_LABEL_LIMIT = 63


def version_annotation(target: str) -> str:
    """The Pod template's annotation for a target; the part behind the slash has at most 63 characters."""
    name = f"version.{target}"
    if len(name) > _LABEL_LIMIT:
        name = f"{name[:54]}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"
    return f"{GROUP}/{name}"


def secrets_read(pod_spec: Json, *, volumes: bool = True) -> set[str]:
    """Names of the Secrets that a Pod spec reads: env, envFrom, volumes and projected volumes, in every kind of container."""
    containers = [*entries(pod_spec, "containers"), *entries(pod_spec, "initContainers")]
    found = {name for container in containers for name in _from_environment(container)}
    return found | set(_from_volumes(entries(pod_spec, "volumes"))) if volumes else found


def _from_environment(container: Json) -> Iterator[str]:
    for entry in entries(container, "envFrom"):
        if name := text(entry, "secretRef", "name"):
            yield name
    for entry in entries(container, "env"):
        if name := text(entry, "valueFrom", "secretKeyRef", "name"):
            yield name


def _from_volumes(volumes: Iterable[Json]) -> Iterator[str]:
    for volume in volumes:
        if name := text(volume, "secret", "secretName"):
            yield name
        for source in entries(volume, "projected", "sources"):
            if name := text(source, "secret", "name"):
                yield name


@dataclass(frozen=True)
class Workload:
    """One dependent workload.

    complete: the rollout of its present template is through and healthy; stuck: why it never will be; waits: for which pause of
    its own strategy. patched: kind and name of what holds its Pod template, where that is another.
    """

    kind: str
    name: str
    wave: int
    skipped: str | None
    annotated: str | None
    complete: bool
    stuck: str | None
    selector: Mapping[str, str]
    secrets: frozenset[str]
    waits: str | None = None
    patched: tuple[str, str] | None = None

    @property
    def title(self) -> str:
        return f"{self.kind}/{self.name}"

    def owns(self, labels: Mapping[str, str]) -> bool:
        """A Pod of these labels, by the selector's; a selector of expressions alone owns nobody that we know."""
        return bool(self.selector) and all(labels.get(key) == value for key, value in self.selector.items())


def read_workload(one: Held, target: str) -> Workload:
    """A workload with its Pod template → what the rules need of it."""
    body, kind = one.body, one.body["kind"]
    spec, annotations, template = part(body, "spec"), part(body, "metadata", "annotations"), one.template
    rollout = kind == argo.KIND
    return Workload(
        kind=kind,
        name=body["metadata"]["name"],
        wave=_wave(annotations.get(f"{GROUP}/wave", "0")),
        skipped=_skipped(one),
        annotated=text(template, "metadata", "annotations", version_annotation(target)),
        complete=argo.complete(one) if rollout else _complete(body),
        stuck=argo.stuck(one) if rollout else _stuck(body),
        selector=part(spec, "selector", "matchLabels") or part(one.holder, "spec", "selector", "matchLabels"),
        secrets=frozenset(secrets_read(part(template, "spec"))),
        waits=argo.waits(one) if rollout else None,
        patched=(one.holder["kind"], one.holder["metadata"]["name"]) if one.borrowed and one.holder else None,
    )


def _wave(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _skipped(one: Held) -> str | None:
    kind, spec = one.body["kind"], part(one.body, "spec")
    if any(text(body, "metadata", "annotations", f"{GROUP}/restart") == "false" for body in (one.body, one.holder)):
        return f"opted out by {GROUP}/restart"
    if one.holder is None:
        ref = part(spec, "workloadRef")
        return f"workloadRef {ref.get('kind')}/{ref.get('name')}: only the template of a Deployment that is there is annotated"
    if spec.get("paused"):
        return f"paused: resume the {kind} to restart its Pods"
    if text(spec, "updateStrategy", "type") == "OnDelete":
        return "update strategy OnDelete: delete its Pods to restart them"
    if kind != "DaemonSet" and spec.get("replicas", 1) == 0:
        return "0 replicas"
    return None


def _complete(body: Json) -> bool:
    kind, spec, status = body["kind"], part(body, "spec"), part(body, "status")
    if not _observed(body):
        return False
    count: dict[str, int] = {key: int(value) for key, value in status.items() if isinstance(value, int)}
    if kind == "DaemonSet":
        wanted = count.get("desiredNumberScheduled", 0)
        return count.get("updatedNumberScheduled", 0) >= wanted and count.get("numberAvailable", 0) >= wanted
    wanted = int(spec.get("replicas", 1))
    if kind == "Deployment":
        return count.get("updatedReplicas", 0) == wanted == count.get("replicas", 0) and count.get("availableReplicas", 0) == wanted
    partition = int(part(spec, "updateStrategy", "rollingUpdate").get("partition") or 0)
    through = status.get("currentRevision") == status.get("updateRevision") or (
        partition and count.get("updatedReplicas", 0) >= wanted - partition
    )
    return bool(through) and count.get("readyReplicas", 0) == wanted


def _observed(body: Json) -> bool:
    """Its controller has seen what was last written: until then the status speaks of the rollout before."""
    return part(body, "status").get("observedGeneration", 0) >= part(body, "metadata").get("generation", 0)


def _stuck(body: Json) -> str | None:
    for one in entries(body, "status", "conditions"):
        if one.get("type") == "Progressing" and one.get("status") == "False" and one.get("reason") == "ProgressDeadlineExceeded":
            return "its rollout exceeded progressDeadlineSeconds" if _observed(body) else None
    return None


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Kubernetes' own label selector semantics."""
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    for one in selector.match_expressions:
        present, value = one.key in labels, labels.get(one.key)
        holds = {"In": value in one.values, "NotIn": value not in one.values, "Exists": present, "DoesNotExist": not present}
        if not holds[one.operator]:
            return False
    return True


def ordered(workloads: Iterable[Workload]) -> list[Workload]:
    """By wave, then by kind and name, so that "first" means something."""
    return sorted(workloads, key=lambda one: (one.wave, one.kind, one.name))
