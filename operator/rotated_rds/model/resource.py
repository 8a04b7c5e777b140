"""A RotatedRDSSecret as one value: who it is, what it wants, what was asked of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from rotated_rds.model.document import part, text
from rotated_rds.model.errors import Refused
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import Status

GROUP, VERSION, KIND, PLURAL = "rotated-rds.io", "v1alpha1", "RotatedRDSSecret", "rotatedrdssecrets"
MANAGER = "rotated-rds-operator"
FINALIZER = f"{GROUP}/cleanup"
REQUESTS = ("rollback", "take-rotation", "force-rotate", "rotate", "resume", "sync")
REQUEST_LIMIT = 128


class Key(NamedTuple):
    """Which resource. Never a string, so that namespace and name cannot change places."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Resource:
    """One resource as last read. spec: None when it cannot be understood; `fault` says why then."""

    key: Key
    uid: str
    generation: int
    created: datetime
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    finalizers: tuple[str, ...]
    deleting: bool
    resource_version: str
    spec: Spec | None
    fault: Refused | None
    raw_spec: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def target(self) -> str:
        """The Kubernetes Secret's name."""
        return text(self.raw_spec, "target", "name") or self.key.name

    @property
    def requests(self) -> Mapping[str, str]:
        """The requests that stand on the resource, done or not: name → text."""
        named = {name: self.annotations.get(f"{GROUP}/{name}", "") for name in REQUESTS}
        return {name: text[: REQUEST_LIMIT + 1] for name, text in named.items() if text}

    @property
    def held_for_cleanup(self) -> bool:
        return FINALIZER in self.finalizers

    def new_request(self, before: Status) -> tuple[str, str] | None:
        """The one request to carry out in this pass: (name, text), in the contract's order."""
        done = before.requests
        return next(
            ((name, text) for name, text in self.requests.items() if name not in done or done[name].text != text[:REQUEST_LIMIT]), None
        )


def read_resource(body: Mapping[str, Any]) -> tuple[Resource, Status]:
    """A body from the API → the resource and the status that it carries."""
    place = body["metadata"]
    raw = part(body, "spec")
    try:
        spec, fault = parse_spec(raw), None
    except Refused as refused:
        spec, fault = None, refused
    resource = Resource(
        key=Key(place["namespace"], place["name"]),
        uid=place["uid"],
        generation=place.get("generation", 0),
        created=datetime.fromisoformat(place["creationTimestamp"]),
        annotations=part(place, "annotations"),
        labels=part(place, "labels"),
        finalizers=tuple(place.get("finalizers") or ()),
        deleting="deletionTimestamp" in place,
        resource_version=place["resourceVersion"],
        spec=spec,
        fault=fault,
        raw_spec=raw,
    )
    return resource, Status.model_validate(part(body, "status"))


def spec_text(resource: Resource) -> str:
    """The spec as a started rotation keeps it (SAFETY.md A6)."""
    return json.dumps(resource.raw_spec, sort_keys=True, separators=(",", ":"))
