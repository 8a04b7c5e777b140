"""Workloads as rules see them: who reads a Secret, how far a rollout is, who may start next."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.resource import GROUP
from rotated_rds.model.spec import LabelSelector
from rotated_rds.model.status import WorkloadStatus

State = Literal["Pending", "Rolling", "Ready", "Failed", "Skipped"]
CLOCK_MARGIN = timedelta(seconds=60)  # other clocks, and the kubelet's cache (SAFETY.md G3)
STARTED_SINCE = "its Pods started after the publication"
TAKEN_AWAY = "the annotation was taken away; restarted once more"
REVERTED = "the annotation was taken away again: let whoever writes the Pod template keep rotated-rds.io/version annotations"
ELSEWHERE = "rolls for another rotated Secret; restarted after that"
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

    def owns(self, pod: "PodSeen") -> bool:
        """By the selector's labels; a selector of expressions alone owns nobody that we know."""
        return bool(self.selector) and all(pod.labels.get(key) == value for key, value in self.selector.items())


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


# Pods


@dataclass(frozen=True)
class PodSeen:
    """A Pod that is not over. started: its earliest running container; None while none runs. job: its Job's name."""

    name: str
    labels: Mapping[str, str]
    started: datetime | None
    job: str | None
    secrets: frozenset[str]


def read_pod(body: Json) -> PodSeen | None:
    """None for a Pod that is over."""
    status, metadata = part(body, "status"), part(body, "metadata")
    if status.get("phase") in ("Succeeded", "Failed"):
        return None
    began = [text(one, "state", "running", "startedAt") for one in entries(status, "containerStatuses")]
    if any(began):  # what an init container has read may live on in a file; a sidecar is an init container too
        inits = entries(status, "initContainerStatuses")
        began += [text(one, "state", name, "startedAt") for one in inits for name in ("running", "terminated")]
    started = min((datetime.fromisoformat(moment) for moment in began if moment), default=None)
    owner = next((one for one in entries(metadata, "ownerReferences") if one.get("controller")), None)
    job = text(owner, "name") if text(owner, "kind") == "Job" else None
    return PodSeen(metadata["name"], part(metadata, "labels"), started, job, frozenset(secrets_read(body["spec"])))


def started_since(workload: Workload, pods: Sequence[PodSeen], published: datetime, margin: timedelta) -> bool:
    """All Pods of a workload started after the publication: it is current without a restart (SAFETY.md D3, G3)."""
    mine = [pod for pod in pods if workload.owns(pod)]
    return bool(mine) and all(pod.started is None or pod.started > published + margin for pod in mine) and any(pod.started for pod in mine)


# the plan


@dataclass(frozen=True)
class Terms:
    """What the spec says of restarts. concurrent: None for a whole wave at once; room: what the release's budget leaves."""

    concurrent: int | None
    ready_timeout: timedelta
    halts: bool
    resumed: datetime | None
    room: int


@dataclass(frozen=True)
class Plan:
    """restart: who is patched now. states: what status says of each."""

    restart: tuple[Workload, ...]
    states: tuple[WorkloadStatus, ...]
    halted: bool


def plan_restarts(
    workloads: Sequence[Workload],
    current: Mapping[str, bool],
    before: Mapping[str, WorkloadStatus],
    version: str,
    now: datetime,
    terms: Terms,
    elsewhere: Collection[str] = (),
) -> Plan:
    """Who is where, and who starts now: waves in order, so many at once, stopped by a failure where the spec says so.

    current: by title, whether its Pods started after the publication. before: status.workloads by title.
    elsewhere: titles that roll for another rotated Secret: one rollout at a time (SAFETY.md G2).
    """
    states = {one.title: _state(one, current.get(one.title, False), before.get(one.title), version, now, terms) for one in workloads}
    failed = [one for one in states.values() if one.state == "Failed" and not (terms.resumed and one.since <= terms.resumed)]
    halted = bool(failed) and terms.halts
    for one in workloads:
        if one.title in elsewhere and states[one.title].state == "Pending" and states[one.title].message != TAKEN_AWAY:
            states[one.title] = _at("Pending", one, before.get(one.title), version, now, ELSEWHERE)
    start = [] if halted else [one for one in _starters(workloads, states, terms) if one.title not in elsewhere]
    for one in start:
        again = states[one.title].message == TAKEN_AWAY
        states[one.title] = _at("Rolling", one, before.get(one.title), version, now, TAKEN_AWAY if again else None)
    return Plan(
        tuple(start), tuple(states[one.title] for one in workloads), halted and any(one.state == "Pending" for one in states.values())
    )


def _starters(workloads: Sequence[Workload], states: Mapping[str, WorkloadStatus], terms: Terms) -> list[Workload]:
    """The workloads of the first wave that is not through yet, as many as there is room for."""
    open_waves = [one.wave for one in workloads if states[one.title].state in ("Pending", "Rolling")]
    if not open_waves:
        return []
    wave = min(open_waves)
    rolling = sum(1 for one in states.values() if one.state == "Rolling")
    waiting = [one for one in workloads if one.wave == wave and states[one.title].state == "Pending"]
    room = terms.room if terms.concurrent is None else min(terms.room, terms.concurrent - rolling)
    return waiting[: max(0, room)]


def _state(one: Workload, current: bool, old: WorkloadStatus | None, version: str, now: datetime, terms: Terms) -> WorkloadStatus:
    known = old if old and old.version_id == version else None
    if one.annotated == version:
        return _rolling(one, known, version, now, terms)
    if one.skipped:
        return _at("Skipped", one, known, version, now, one.skipped)
    if current or (known and known.state == "Ready" and known.message == STARTED_SINCE):
        return _at("Ready", one, known, version, now, STARTED_SINCE)
    if known and known.state in ("Rolling", "Ready"):
        if known.message == TAKEN_AWAY:
            return _at("Failed", one, known, version, now, REVERTED)
        return _at("Pending", one, known, version, now, TAKEN_AWAY)
    if known and known.message == REVERTED:
        return known
    return _at("Pending", one, known, version, now, known.message if known and known.message == TAKEN_AWAY else None)


def _rolling(one: Workload, known: WorkloadStatus | None, version: str, now: datetime, terms: Terms) -> WorkloadStatus:
    """Annotated with this version: through, on its way, or not coming up."""
    note = TAKEN_AWAY if known and known.message == TAKEN_AWAY else None
    if one.complete:
        return _at("Ready", one, known, version, now, note)
    if known and known.state == "Failed":
        return known
    since = known.since if known and known.state == "Rolling" else now
    if one.stuck:
        return _at("Failed", one, known, version, now, one.stuck)
    if now - since >= terms.ready_timeout:
        return _at("Failed", one, known, version, now, f"not ready after {int(terms.ready_timeout.total_seconds())} s; see its Pods")
    return _at("Rolling", one, known, version, now, note)


def _at(state: State, one: Workload, known: WorkloadStatus | None, version: str, now: datetime, message: str | None) -> WorkloadStatus:
    since = known.since if known and known.state == state else now
    return WorkloadStatus(kind=one.kind, name=one.name, state=state, version_id=version, since=since, message=message)


def ordered(workloads: Iterable[Workload]) -> list[Workload]:
    """By wave, then by kind and name, so that "first" means something."""
    return sorted(workloads, key=lambda one: (one.wave, one.kind, one.name))
