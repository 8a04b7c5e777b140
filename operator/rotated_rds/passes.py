"""One whole pass over one resource: body in, status, finalizer and Events out; the last synchronous room before the engine."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rotated_rds import metrics
from rotated_rds.acts import cleanup, leave, steady
from rotated_rds.acts.view import Pass
from rotated_rds.clients.apiserver import Conflict, Gone
from rotated_rds.clients.events import Recorder
from rotated_rds.clients.world import World
from rotated_rds.model import handover, holds, rollback, rotation
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.leaving import unfit
from rotated_rds.model.notices import notices
from rotated_rds.model.resource import FINALIZER, Key, Resource, read_resource, spec_in_force
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import Kind, Notice, Status
from rotated_rds.reconcile import Reconciled, leaving, reconcile, refused, untouched

log = logging.getLogger(__name__)
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Hint:
    """What the watch knows about AWS. look: something happened, read AWS; listed: the sweep's entry; moved_at: when the label moved."""

    look: bool = False
    listed: SecretState | None = None
    moved_at: datetime | None = None


@dataclass(frozen=True)
class End:
    """What the engine needs after a pass. body: the resource as we left it, None when it is gone; versions: those that AWS showed.

    pressing: its next pass goes before those of resources with nothing under way.
    """

    body: Body | None
    wake: datetime | None = None
    troubled: bool = False
    versions: frozenset[str] = frozenset()
    pressing: bool = False


@dataclass(frozen=True)
class Passes:
    """Runs passes. clock: aware UTC."""

    world: World
    recorder: Recorder
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, body: Body, hint: Hint) -> End:
        """One pass over a resource. Raises what the API server's absence raises: Unavailable."""
        resource, before = read_resource(body)
        try:
            with metrics.RECONCILE_SECONDS.time():
                return self._run(body, resource, before, hint)
        except Gone:
            return End(None)
        except Conflict:
            return End(self.world.kubernetes.resource(resource.key), self.clock(), troubled=True)

    def farewell(self, body: Body) -> None:
        """A resource went out of sight: was it deleted while suspended, an Event says what is left in AWS.

        Nothing holds such a resource back, so one that goes while no replica watches goes unheard.
        """
        resource, before = read_resource(body)
        if resource.spec is None or not resource.spec.suspend or before.secret_arn is None:
            return
        if self.world.kubernetes.resource(resource.key) is None:  # else it only left the selector
            self.recorder.record(
                resource, Notice(True, "Suspended", f"deleted while suspended: {before.secret_arn} is left in AWS as it is")
            )

    def _run(self, body: Body, resource: Resource, before: Status, hint: Hint) -> End:
        if resource.deleting and before.rotation.in_progress is None:
            return self._let_go(body, resource, before)
        if cleanup.holds(resource, before) and not resource.held_for_cleanup and not resource.deleting:
            body = self.world.kubernetes.set_finalizers(resource.key, [*resource.finalizers, FINALIZER], resource.resource_version)
            resource, before = read_resource(body)
        done = self._reconcile(resource, before, hint)
        return self._write(body, resource, before, done)

    def _reconcile(self, resource: Resource, before: Status, hint: Hint) -> Reconciled:
        now = self.clock()
        spec = spec_in_force(resource, before)
        if spec is None:
            return refused(before, resource.fault or Refused(Reason.INVALID_SPEC, "spec: missing"), resource.generation, now)
        if (fault := handover.unfit(spec, before) or unfit(spec, before)) is not None:
            return refused(before, fault, resource.generation, now)
        one = leave.begin(Pass(self.world, resource, spec, before, now, listed=hint.listed, clock=self.clock, noticed_at=hint.moved_at))
        if spec.suspend and not under_way(before):
            return untouched(one)
        request = None if spec.suspend or resource.deleting else resource.new_request(before)
        one = replace(one, request=request)
        return reconcile(replace(one, look=hint.look or self._wants_aws(one)))

    def _wants_aws(self, one: Pass) -> bool:
        """Whether anything but an event says that AWS is to be read."""
        before = one.before
        if one.request or before.rotation.in_progress or before.rotation.held_back or before.version_id is None:
            return True
        if one.towards is not None or steady.in_doubt(one) or rollback.failed_rollout(one.spec, before) is not None:
            return True
        if before.rotation.retained and holds.is_over(before, one.spec.rotation.grace_period, one.now):
            return True
        if one.spec.rotated_by_aws and rotation.in_window(one.resource, one.spec, before, one.now):
            return True
        first = one.spec.rotation.immediately is not False and not one.world.ages.known("first", one.key)
        return rotation.due(one.resource, one.spec, before, one.now, created_by_us=first) is not None

    def _write(self, body: Body, resource: Resource, before: Status, done: Reconciled) -> End:
        """Finalizer before the status that begins a rotation, after the status that ends it (SAFETY.md A6)."""
        ours = done.status.rotation.in_progress
        rotates = ours is not None and ours.cause != rotation.AWS
        unread = resource.spec is None and resource.held_for_cleanup and cleanup.may_hold(resource, done.status)
        held = rotates or unread or cleanup.holds(resource, done.status)
        after = body
        if held and not resource.held_for_cleanup and not resource.deleting:
            after = self.world.kubernetes.set_finalizers(resource.key, [*resource.finalizers, FINALIZER], resource.resource_version)
        if done.status.body() != before.body():
            after = self.world.kubernetes.put_status(resource.key, done.status.body())
        for notice in (*done.notices, *notices(before, done.status)):
            self.recorder.record(resource, notice)
        if not held and resource.held_for_cleanup:
            after = self._release(after)
        wake = self.clock() if resource.deleting and held and not rotates else done.wake  # its AWS secret goes next
        return End(after, wake, done.troubled, done.versions, pressing=under_way(done.status))

    def _let_go(self, body: Body, resource: Resource, before: Status) -> End:
        """No rotation is under way: the AWS secret goes first, if it is to go, then the resource."""
        if not resource.held_for_cleanup:
            return End(body)
        if resource.spec is None and before.secret_arn:
            self.recorder.record(
                resource, Notice(True, Reason.INVALID_SPEC, f"deleted with a spec that cannot be read: {before.secret_arn} is left in AWS")
            )
        if resource.spec is None or not cleanup.holds(resource, before):
            return End(self._release(body))
        one = Pass(self.world, resource, resource.spec, before, self.clock(), clock=self.clock)
        left = cleanup.run(one)
        if isinstance(left, cleanup.Waits):
            done = leaving(before, left.kind, left.outcome, resource.generation, one.now, left.wake)
            after = self.world.kubernetes.put_status(resource.key, done.status.body()) if done.status.body() != before.body() else body
            return End(after, done.wake, done.troubled)
        for notice in left.notices:
            self.recorder.record(resource, notice)
        return End(self._release(body))

    def _release(self, body: Body) -> Body:
        place = body["metadata"]
        rest = [one for one in (place.get("finalizers") or ()) if one != FINALIZER]
        return self.world.kubernetes.set_finalizers(Key(place["namespace"], place["name"]), rest, place["resourceVersion"])


def is_pressing(body: Body, now: datetime) -> bool:
    """In mid-rotation or in its window: to be looked at before the others at a start (SAFETY.md A7)."""
    resource, before = read_resource(body)
    if before.rotation.in_progress is not None:
        return True
    try:
        return resource.spec is not None and rotation.in_window(resource, resource.spec, before, now)
    except Refused:
        return False  # a schedule that cannot be read


def under_way(before: Status) -> bool:
    """A rotation, or its restarts, that must be brought to an end even when suspended."""
    if before.rotation.in_progress is not None or any(known.state in ("Pending", "Rolling") for known in before.workloads):
        return True
    newest, mirrored = next(iter(before.history), None), before.condition(Kind.MIRRORED)
    unpublished = newest is not None and newest.result in ("Succeeded", "RolledBack") and newest.version_id != before.version_id
    return unpublished and not (mirrored is not None and mirrored.true)
