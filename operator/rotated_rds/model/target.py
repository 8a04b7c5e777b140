"""The Kubernetes Secret: whose it is, what it should hold, whether it still does."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint
from rotated_rds.model.document import Json, entries, part, text
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.pods import CLOCK_MARGIN
from rotated_rds.model.resource import GROUP, KIND, MANAGER, VERSION, Resource
from rotated_rds.model.spec import Spec, TargetSpec
from rotated_rds.model.template import DEFAULT_KEYS, secret_data

RESOURCE, VERSION_ID, PUBLISHED_AT, ADOPT = (f"{GROUP}/{name}" for name in ("resource", "version-id", "published-at", "adopt"))
_MANAGED_BY = "app.kubernetes.io/managed-by"


def text_of(secret: Json | None, key: str) -> str | None:
    """One key of a Secret as text; None when it is not there, or is no text."""
    encoded = text(secret, "data", key)
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def fields(credential: Credential, endpoint: Endpoint, target: TargetSpec) -> dict[str, str | int]:
    """What keys and templates may use. The applications' endpoint wins over the database's own."""
    value = credential.value
    host = target.endpoint.host if target.endpoint else endpoint.host
    port = (target.endpoint.port if target.endpoint else None) or endpoint.port
    named: dict[str, str | int] = {
        "username": value.username,
        "password": value.password.get_secret_value(),
        "host": host,
        "port": port,
        "dbname": value.dbname or endpoint.database or "",
        "engine": endpoint.engine.value,
        "reader_host": endpoint.reader_host or "",
        "version_id": credential.version,
    }
    return {key: text for key, text in named.items() if text}


def content(spec: Spec, credential: Credential, endpoint: Endpoint) -> dict[str, bytes]:
    """The Secret's keys and contents. Raises Refused(TemplateFailed)."""
    return secret_data(spec.target.keys or DEFAULT_KEYS, spec.target.template, fields(credential, endpoint, spec.target))


def manifest(resource: Resource, spec: Spec, data: Mapping[str, bytes], version: str, published: datetime) -> dict[str, Any]:
    """The Secret to apply."""
    target = spec.target
    metadata: dict[str, Any] = {
        "name": resource.target,
        "namespace": resource.key.namespace,
        "labels": {**target.labels, _MANAGED_BY: MANAGER},
        "annotations": {
            **target.annotations,
            RESOURCE: resource.key.name,
            VERSION_ID: version,
            PUBLISHED_AT: published.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
    if target.deletion_policy == "Delete":
        metadata["ownerReferences"] = [
            {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": resource.key.name,
                "uid": resource.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    encoded = {key: base64.b64encode(held).decode() for key, held in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": target.type, "metadata": metadata, "data": encoded}


def controller(secret: Json) -> Json | None:
    return next((one for one in entries(secret, "metadata", "ownerReferences") if one.get("controller")), None)


def annotation(secret: Json, name: str) -> str | None:
    return text(secret, "metadata", "annotations", name)


def is_ours(secret: Json, resource: Resource) -> bool:
    """SAFETY.md G1: our uid controls it; or nobody does, and both our label and our annotation are on it."""
    owner = controller(secret)
    if owner is not None:
        return owner.get("uid") == resource.uid
    labelled = text(secret, "metadata", "labels", _MANAGED_BY) == MANAGER
    return labelled and annotation(secret, RESOURCE) == resource.key.name


def is_handed_over(secret: Json, resource: Resource) -> bool:
    """Somebody annotated it for us, and no other controller holds it."""
    return controller(secret) is None and annotation(secret, ADOPT) == resource.key.name


def awaits_collection(secret: Json, resource: Resource) -> bool:
    """It belongs to a namesake of this resource that is gone: the garbage collector will take it."""
    owner = controller(secret)
    return owner is not None and owner.get("kind") == KIND and owner.get("name") == resource.key.name and owner.get("uid") != resource.uid


def stands_since(secret: Json, data: Mapping[str, bytes], now: datetime) -> datetime | None:
    """When somebody else's Secret last got what we would write into it; None where a key would change, or nothing tells.

    Told by managedFields: the last write of whoever owns one of these keys, and a margin more if the Secret is older than that, as what it
    held before may have been read meanwhile (SAFETY.md G3). Never a time to come.
    """
    there = part(secret, "data")
    same = {key for key in data if key in there}
    if any(there[key] != base64.b64encode(data[key]).decode() for key in same):
        return None
    owners = [one for one in entries(secret, "metadata", "managedFields") if same & _keys(part(one, "fieldsV1", "f:data"))]
    times = [datetime.fromisoformat(moment) for one in owners if (moment := text(one, "time"))]
    if not times:
        return None
    made = datetime.fromisoformat(secret["metadata"]["creationTimestamp"])
    return min(max(times) + (CLOCK_MARGIN if max(times) > made else timedelta()), now)


def _keys(owned: Json) -> set[str]:
    return {key.removeprefix("f:") for key in owned}


def conflict(secret: Json, resource: Resource) -> Refused:
    owner = controller(secret)
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "somebody else"
    return Refused(
        Reason.TARGET_CONFLICT,
        f"Secret {resource.target} belongs to {whose}: annotate it {ADOPT}={resource.key.name} once it has no other "
        "controller, or recreate this resource with another spec.target.name",
    )


def drifted(secret: Json, spec: Spec) -> bool:
    """Whether somebody changed what our field manager wrote: a key, a label or an annotation that we no longer own, or that is gone.

    Read from managedFields, so that a quiet pass needs no password.
    """
    owned = _owned(secret)
    keys = set(part(secret, "data"))
    ours = _keys(owned.get("f:data", {}))
    metadata = owned.get("f:metadata", {})
    annotations = {f"f:{name}" for name in (*spec.target.annotations, RESOURCE, VERSION_ID, PUBLISHED_AT)}
    labels = {f"f:{name}" for name in (*spec.target.labels, _MANAGED_BY)}
    return (
        not ours
        or not ours <= keys
        or not expected_keys(spec) <= ours
        or any(key in keys and key not in ours for key in spec.target.keys or DEFAULT_KEYS)
        or not annotations <= set(metadata.get("f:annotations", {}))
        or not labels <= set(metadata.get("f:labels", {}))
    )


def without_the_post(secret: Json) -> list[Json] | None:
    """Who owns which field, without what our first POST left, which would keep keys no longer wanted; None where it left nothing."""
    fields = entries(secret, "metadata", "managedFields")
    rest = [one for one in fields if not (one.get("manager") == MANAGER and one.get("operation") == "Update")]
    return rest if len(rest) < len(fields) else None


def expected_keys(spec: Spec) -> set[str]:
    """The keys that are always written; those without a value may be missing (dbname, reader_host)."""
    certain = {"username", "password", "host", "port", "engine"}
    return {key for key in spec.target.keys or DEFAULT_KEYS if key in certain} | set(spec.target.template)


def _owned(secret: Json) -> dict[str, Any]:
    applied = [
        one for one in entries(secret, "metadata", "managedFields") if one.get("manager") == MANAGER and one.get("operation") == "Apply"
    ]
    return cast("dict[str, Any]", applied[0].get("fieldsV1", {})) if applied else {}


def holds_content(secret: Json, wanted: Json) -> bool:
    """Whether a Secret stands as the manifest says, its publication time aside."""
    there = secret["metadata"]
    want = wanted["metadata"]

    def covers(have: Json, need: Mapping[str, str]) -> bool:
        return all(have.get(key) == value for key, value in need.items() if key != PUBLISHED_AT)

    owners = json.dumps(entries(there, "ownerReferences")), json.dumps(entries(want, "ownerReferences"))
    return (
        part(secret, "data") == wanted["data"]
        and secret.get("type") == wanted["type"]
        and covers(part(there, "labels"), want["labels"])
        and covers(part(there, "annotations"), want["annotations"])
        and (owners[0] == owners[1] or ("ownerReferences" in want) == (controller(secret) is not None))
    )
