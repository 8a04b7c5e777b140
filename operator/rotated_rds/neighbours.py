"""From a Secret's or a workload's event to the resources that care: rules over bodies, no call."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.resource import GROUP, Key
from rotated_rds.model.workload import secrets_read


def resource_of_secret(secret: Json) -> Key | None:
    """Whose mirrored Secret this is."""
    name = text(secret, "metadata", "annotations", f"{GROUP}/resource")
    return Key(secret["metadata"]["namespace"], name) if name else None


@dataclass(frozen=True)
class Ties:
    """What ties a resource to workloads of its namespace. named: workloads' names in its spec or its status."""

    key: Key
    target: str
    named: frozenset[str]
    selects: bool

    @classmethod
    def of(cls, key: Key, body: Json) -> "Ties":
        named = [*entries(body, "spec", "restarts", "workloads"), *entries(body, "status", "workloads")]
        target = text(body, "spec", "target", "name") or key.name
        return cls(key, target, frozenset(str(one.get("name")) for one in named), bool(part(body, "spec", "restarts", "selector")))


def dependents_of(workload: Json, resources: Iterable[Ties]) -> Iterator[Key]:
    """The resources, of the workload's namespace, whose Secret it reads, that name it, select it, or have it in status.

    A Rollout with `workloadRef` reads nothing by itself: it is known by the Deployment, which is in status.
    """
    read = secrets_read(part(workload, "spec", "template", "spec"))
    names = {workload["metadata"]["name"], text(workload, "spec", "workloadRef", "name")}
    for ties in resources:
        if ties.target in read or names & ties.named or ties.selects:
            yield ties.key
