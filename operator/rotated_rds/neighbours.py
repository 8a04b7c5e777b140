"""From a Secret's or a workload's event to the resources that care: rules over bodies, no call."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rotated_rds.model.resource import GROUP, Key
from rotated_rds.model.workload import secrets_read

Json = Mapping[str, Any]


def resource_of_secret(secret: Json) -> Key | None:
    """Whose mirrored Secret this is."""
    metadata = secret["metadata"]
    name = (metadata.get("annotations") or {}).get(f"{GROUP}/resource")
    return Key(metadata["namespace"], name) if name else None


def dependents_of(workload: Json, resources: Iterable[tuple[Key, Json]]) -> Iterator[Key]:
    """The resources, of the workload's namespace, whose Secret it reads, that name it, select it, or have it in status."""
    template = (workload.get("spec") or {}).get("template") or {}
    read = secrets_read(template.get("spec") or {})
    kind, name = workload.get("kind"), workload["metadata"]["name"]
    for key, body in resources:
        spec = body.get("spec") or {}
        restarts = spec.get("restarts") or {}
        target = (spec.get("target") or {}).get("name") or key.name
        named = any(ref.get("name") == name for ref in restarts.get("workloads") or [])
        known = any(
            one.get("name") == name and kind in (None, one.get("kind")) for one in (body.get("status") or {}).get("workloads") or []
        )
        if target in read or named or known or restarts.get("selector"):
            yield key
