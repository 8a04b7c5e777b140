"""Workloads as rules see them: who reads a Secret, and how far a rollout is."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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
    """One dependent workload. complete: the rollout of its present template is through and healthy; stuck: why it never will be."""

    kind: str
    name: str
    wave: int
    skipped: str | None
    annotated: str | None
    complete: bool
    stuck: str | None
    selector: Mapping[str, str]
    secrets: frozenset[str]

    @property
    def title(self) -> str:
        return f"{self.kind}/{self.name}"

    def owns(self, labels: Mapping[str, str]) -> bool:
        """A Pod of these labels, by the selector's; a selector of expressions alone owns nobody that we know."""
        return bool(self.selector) and all(labels.get(key) == value for key, value in self.selector.items())


def read_workload(body: Json, target: str) -> Workload:
    """A Deployment, StatefulSet or DaemonSet → what the rules need of it."""
    spec, status, metadata = part(body, "spec"), part(body, "status"), part(body, "metadata")
    template = spec["template"]
    annotations = part(metadata, "annotations")
    return Workload(
        kind=body["kind"],
        name=metadata["name"],
        wave=_wave(annotations.get(f"{GROUP}/wave", "0")),
        skipped=_skipped(body["kind"], spec, annotations),
        annotated=text(template, "metadata", "annotations", version_annotation(target)),
        complete=_complete(body["kind"], spec, status, metadata.get("generation", 0)),
        stuck=_stuck(status),
        selector=part(spec, "selector", "matchLabels"),
        secrets=frozenset(secrets_read(template["spec"])),
    )


def _wave(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _skipped(kind: str, spec: Json, annotations: Mapping[str, str]) -> str | None:
    if annotations.get(f"{GROUP}/restart") == "false":
        return f"opted out by {GROUP}/restart"
    if spec.get("paused"):
        return "paused: resume the Deployment to restart its Pods"
    if text(spec, "updateStrategy", "type") == "OnDelete":
        return "update strategy OnDelete: delete its Pods to restart them"
    if kind != "DaemonSet" and spec.get("replicas", 1) == 0:
        return "0 replicas"
    return None


def _complete(kind: str, spec: Json, status: Json, generation: int) -> bool:
    if status.get("observedGeneration", 0) < generation:
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


def _stuck(status: Json) -> str | None:
    for one in entries(status, "conditions"):
        if one.get("type") == "Progressing" and one.get("status") == "False" and one.get("reason") == "ProgressDeadlineExceeded":
            return "its rollout exceeded progressDeadlineSeconds"
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
