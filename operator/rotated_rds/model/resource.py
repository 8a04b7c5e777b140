"""A RotatedRDSSecret as one value: who it is, what it wants, what was asked of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

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
    return resource, read_status(body)


def read_status(body: Mapping[str, Any]) -> Status:
    """What a resource says of itself; nothing of it is believed that cannot be understood (SAFETY.md G4): then status is lost."""
    try:
        return Status.model_validate(part(body, "status"))
    except ValidationError:
        return Status()


# What a rotation is finished with; the rest is the present spec's own.
_KEPT = ("aws", "database", "user", "rotation")


def spec_text(resource: Resource) -> str:
    """The spec as far as a started rotation must keep it (SAFETY.md A6)."""
    kept = {block: resource.raw_spec[block] for block in _KEPT if block in resource.raw_spec}
    name = text(resource.raw_spec, "secret", "name")
    return json.dumps(kept | ({"secret": {"name": name}} if name else {}), sort_keys=True, separators=(",", ":"))


def spec_in_force(resource: Resource, before: Status) -> Spec | None:
    """The spec that this pass goes by: a rotation under way is finished with what it began with (SAFETY.md A6)."""
    began = before.rotation.in_progress
    kept = began.spec_document() if began else None
    if not isinstance(kept, dict):
        return resource.spec
    began_with = cast("dict[str, Any]", kept)
    now = {block: content for block, content in resource.raw_spec.items() if block not in _KEPT}
    for whole in ({**now, **began_with}, began_with):
        try:
            return parse_spec(whole)
        except Refused:
            continue
    return resource.spec  # written by another version of the operator
