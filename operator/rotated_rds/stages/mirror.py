"""Mirrored: a credential that logged in → the Kubernetes Secret holds it."""

from datetime import datetime
from typing import Any

from rotated_rds import metrics
from rotated_rds.acts.view import Pass
from rotated_rds.clients.kubernetes import Json
from rotated_rds.model import target
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.resource import Resource
from rotated_rds.model.spec import Spec
from rotated_rds.model.status import Result, holds
from rotated_rds.model.verified import Published, Verified


def run(one: Pass, endpoint: Endpoint, verified: Verified) -> Result[Published]:
    """Apply the Secret unless it already stands so. The password is read from AWS only when it has to be written."""
    seen = one.world.kubernetes.secret(one.key.namespace, one.resource.target)
    if seen is not None and (done := _quiet(one, seen, verified)) is not None:
        return _result(one, verified, done)
    wanted = plan(one.resource, one.spec, endpoint, verified.credential(), seen, one.clock())
    if wanted is None:
        return _result(one, verified, _published(seen, one.now))
    _write(one, seen, wanted)
    _measure(one, verified)
    return _result(one, verified, _published(wanted, one.now))


def _quiet(one: Pass, seen: Json, verified: Verified) -> datetime | None:
    """Since when the Secret has held this version, if nothing about it changed; no password is needed to know that."""
    if one.changed or verified.read or not target.is_ours(seen, one.resource):
        return None
    if target.annotation(seen, target.VERSION_ID) != verified.version or target.drifted(seen, one.spec):
        return None
    return _published(seen, one.now)


def plan(
    resource: Resource, spec: Spec, endpoint: Endpoint, credential: Credential, seen: Json | None, now: datetime
) -> dict[str, Any] | None:
    """The Secret to apply, or None if it already stands so. Raises Refused(TargetConflict, TemplateFailed), Unavailable."""
    if seen is not None and not target.is_ours(seen, resource) and not target.is_handed_over(seen, resource):
        if target.awaits_collection(seen, resource):
            raise Unavailable(
                Reason.UNAVAILABLE, f"Secret {resource.target} of this resource's predecessor is being collected; waiting for it"
            )
        raise target.conflict(seen, resource)
    data = target.content(spec, credential, endpoint)
    same_version = seen is not None and target.annotation(seen, target.VERSION_ID) == credential.version
    published = _published(seen, now) if same_version else now
    wanted = target.manifest(resource, spec, data, credential.version, published)
    if seen is not None:
        if target.is_ours(seen, resource) and target.holds_content(seen, wanted) and not target.drifted(seen, spec):
            return None
        wanted["metadata"]["uid"] = seen["metadata"]["uid"]
    return wanted


def _write(one: Pass, seen: Json | None, wanted: dict[str, Any]) -> None:
    """The first write is a POST (a namesake is never touched), and is then applied, so that the fields are owned by an apply."""
    if seen is None:
        created = one.world.kubernetes.create_secret(wanted)
        wanted["metadata"]["uid"] = created["metadata"]["uid"]
    one.world.kubernetes.apply_secret(wanted)


def _published(secret: Json | None, now: datetime) -> datetime:
    text = target.annotation(secret, target.PUBLISHED_AT) if secret else None
    try:
        return datetime.fromisoformat(text) if text else now
    except ValueError:
        return now


def _measure(one: Pass, verified: Verified) -> None:
    if verified.changed_at is not None and verified.version != one.before.version_id:
        metrics.PROPAGATION_SECONDS.observe(max(0.0, (one.clock() - verified.changed_at).total_seconds()))


def _result(one: Pass, verified: Verified, at: datetime) -> Result[Published]:
    before = one.before
    previous = before.version_id if before.version_id != verified.version else before.previous_version_id
    return holds(
        Published(verified.version, at, replaced=previous is not None),
        f"Secret {one.resource.target} holds version {verified.version[:8]}",
        version_id=verified.version,
        version=verified.version[:8],
        previous_version_id=previous,
        username=verified.username or before.username,
        published_at=at,
    )
