"""Pods as rules see them: since when one runs, what it reads, whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.workload import Workload, secrets_read, version_annotation

CLOCK_MARGIN = timedelta(seconds=60)  # other clocks, and the kubelet's cache (SAFETY.md G3)


@dataclass(frozen=True)
class PodSeen:
    """A Pod that is not over. started: its earliest running container; None while none runs. job: its Job's name.

    at_start: those of `secrets` that it reads only when a container starts.
    """

    name: str
    labels: Mapping[str, str]
    started: datetime | None
    job: str | None
    secrets: frozenset[str]
    at_start: frozenset[str] = frozenset()
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


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
    read, at_start = (frozenset(secrets_read(body["spec"], volumes=volumes)) for volumes in (True, False))
    return PodSeen(metadata["name"], part(metadata, "labels"), started, job, read, at_start, part(metadata, "annotations"))


def started_since(workload: Workload, pods: Sequence[PodSeen], published: datetime, margin: timedelta) -> bool:
    """All Pods of a workload started after the publication: it is current without a restart (SAFETY.md D3, G3)."""
    mine = [pod for pod in pods if workload.owns(pod.labels)]
    return bool(mine) and all(pod.started is None or pod.started > published + margin for pod in mine) and any(pod.started for pod in mine)


def is_behind(pod: PodSeen, target: str, version: str, published: datetime, *, volumes: bool) -> bool:
    """A Pod still runs on a version before this one, which was published then, with a margin for clocks (SAFETY.md D3, G3).

    volumes: whether a Pod that only mounts the Secret keeps what it read.
    """
    if pod.started is None or target not in (pod.secrets if volumes else pod.at_start):
        return False
    return pod.annotations.get(version_annotation(target)) != version and pod.started <= published
