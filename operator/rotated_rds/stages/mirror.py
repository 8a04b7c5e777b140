"""Mirrored: a credential that logged in → the Kubernetes Secret holds it."""

from datetime import datetime
from typing import Any

from rotated_rds import metrics
from rotated_rds.acts.view import Pass
from rotated_rds.model import target
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint
from rotated_rds.model.document import Json
from rotated_rds.model.errors import Problem, Reason, Unavailable
from rotated_rds.model.resource import Resource
from rotated_rds.model.spec import Spec
from rotated_rds.model.status import Kind, Result, holds, waits
from rotated_rds.model.verified import Published, Verified


def run(one: Pass, endpoint: Endpoint, verified: Verified, *, remembered: bool) -> Result[Published]:
    """Apply the Secret unless it already stands so. The password is read from AWS only when it has to be written.

    remembered: the version is the one that status tells, and AWS was not asked.
    """
    seen = one.world.kubernetes.secret(one.key.namespace, one.resource.target)
    if remembered and seen is not None and _holds_another(one, seen, verified):
        return waits(f"Secret {one.resource.target} holds another version than status tells: AWS is asked", wake=one.now)
    since = _since(one, endpoint, seen, verified)
    if seen is not None and _quiet(one, seen, verified):
        return _result(one, verified, since)
    if seen is not None and (no := refusal(one.resource, seen)) is not None:
        raise no
    wanted = plan(one.resource, one.spec, endpoint, verified.credential(), seen, since)
    if wanted is not None:
        _write(one, seen, wanted)
        _measure(one, verified)
    return _result(one, verified, since)


def _holds_another(one: Pass, seen: Json, verified: Verified) -> bool:
    """Perhaps a newer one, published by a pass that was killed before its status stood: memory must not put an old one over it."""
    return target.is_ours(seen, one.resource) and target.annotation(seen, target.VERSION_ID) != verified.version


def _since(one: Pass, endpoint: Endpoint, seen: Json | None, verified: Verified) -> datetime:
    """When this version was published: as status knows it; with status lost as our own Secret says; by whoever handed its Secret over."""
    now = one.clock()
    if one.before.version_id == verified.version and one.before.published_at:
        return one.before.published_at
    if seen is None:
        return now
    if target.is_ours(seen, one.resource):
        return published(seen, now) if target.annotation(seen, target.VERSION_ID) == verified.version else now
    if target.is_handed_over(seen, one.resource):
        return target.stands_since(seen, target.content(one.spec, verified.credential(), endpoint), now) or now
    return now


def _quiet(one: Pass, seen: Json, verified: Verified) -> bool:
    """Nothing about the Secret changed; no password is needed to know that."""
    if not one.settled(Kind.MIRRORED) or verified.read or not target.is_ours(seen, one.resource):
        return False
    return target.annotation(seen, target.VERSION_ID) == verified.version and not target.drifted(seen, one.spec)


def refusal(resource: Resource, seen: Json) -> Problem | None:
    """Why a Secret that exists is not written (SAFETY.md G1)."""
    if target.is_ours(seen, resource) or target.is_handed_over(seen, resource):
        return None
    if target.awaits_collection(seen, resource):
        return Unavailable(
            Reason.UNAVAILABLE, f"Secret {resource.target} of this resource's predecessor is being collected; waiting for it"
        )
    return target.conflict(seen, resource)


def plan(
    resource: Resource, spec: Spec, endpoint: Endpoint, credential: Credential, seen: Json | None, since: datetime
) -> dict[str, Any] | None:
    """The Secret to apply, or None if it already stands so. since: when this version was published. Raises Refused(TemplateFailed)."""
    data = target.content(spec, credential, endpoint)
    wanted = target.manifest(resource, spec, data, credential.version, since)
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
    applied = one.world.kubernetes.apply_secret(wanted)
    if (fields := target.without_the_post(applied)) is not None:
        one.world.kubernetes.set_managed_fields(applied, fields)


def published(secret: Json, now: datetime) -> datetime:
    """What the Secret says of its publication, never a time to come; now, where it says nothing."""
    text = target.annotation(secret, target.PUBLISHED_AT)
    try:
        return min(datetime.fromisoformat(text), now) if text else now
    except (ValueError, TypeError):
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
