"""From a Secret's or a workload's event to the resources that care: rules over bodies, no call."""

from collections.abc import Iterable, Iterator

from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.resource import GROUP, Key
from rotated_rds.model.workload import secrets_read


def resource_of_secret(secret: Json) -> Key | None:
    """Whose mirrored Secret this is."""
    name = text(secret, "metadata", "annotations", f"{GROUP}/resource")
    return Key(secret["metadata"]["namespace"], name) if name else None


def dependents_of(workload: Json, resources: Iterable[tuple[Key, Json]]) -> Iterator[Key]:
    """The resources, of the workload's namespace, whose Secret it reads, that name it, select it, or have it in status."""
    read = secrets_read(part(workload, "spec", "template", "spec"))
    kind, name = workload.get("kind"), workload["metadata"]["name"]
    for key, body in resources:
        target = text(body, "spec", "target", "name") or key.name
        named = any(ref.get("name") == name for ref in entries(body, "spec", "restarts", "workloads"))
        known = any(one.get("name") == name and kind in (None, one.get("kind")) for one in entries(body, "status", "workloads"))
        if target in read or named or known or part(body, "spec", "restarts", "selector"):
            yield key
