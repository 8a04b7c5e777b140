"""Events, told from comparing a status before and after, never from the branch that did the work."""

from collections.abc import Iterator

from rotated_rds.model.errors import Reason
from rotated_rds.model.status import STAGES, Notice, Status

# A rollback has its own, as a line of history.
_ONLY_STATES = frozenset({Reason.PENDING, Reason.ROLLING, Reason.RECONCILING, Reason.ROLLED_BACK})


def notices(before: Status, after: Status) -> Iterator[Notice]:
    """What is worth an Event: each fault once a change, each step of a rotation, each workload that moved."""
    yield from _faults(before, after)
    yield from _rotation(before, after)
    if after.version_id and after.version_id != before.version_id:
        yield Notice(False, "Mirrored", f"version {after.version} of {after.username} is in the Kubernetes Secret")
    yield from _workloads(before, after)


def _faults(before: Status, after: Status) -> Iterator[Notice]:
    for kind in STAGES:
        old, new = before.condition(kind), after.condition(kind)
        if new is None or new.status != "False" or new.reason in _ONLY_STATES:
            continue
        if old is None or (old.status, old.reason) != (new.status, new.reason):
            yield Notice(True, new.reason, new.message)


def _rotation(before: Status, after: Status) -> Iterator[Notice]:
    began = after.rotation.in_progress
    if began and (before.rotation.in_progress is None or before.rotation.in_progress.version_id != began.version_id):
        yield Notice(False, "RotationStarted", f"rotating to version {began.version_id[:8]} ({began.cause})")
    known = {(line.version_id, line.result) for line in before.history}
    for line in after.history:
        if (line.version_id, line.result) in known:
            continue
        if line.result == "Succeeded":
            yield Notice(False, "RotationSucceeded", f"version {line.version_id[:8]} after {line.seconds} s")
        elif line.result == "Failed":
            yield Notice(True, "RotationFailed", after.rotation.last_error or f"version {line.version_id[:8]}")
        else:
            yield Notice(False, Reason.ROLLED_BACK, after.rotation.last_error or f"to version {line.version_id[:8]}")


def _workloads(before: Status, after: Status) -> Iterator[Notice]:
    old = {(known.kind, known.name): known for known in before.workloads}
    for known in after.workloads:
        was = old.get((known.kind, known.name))
        if was and (was.state, was.version_id) == (known.state, known.version_id):
            continue
        if known.state == "Rolling":
            yield Notice(False, "WorkloadRestarted", f"{known.kind}/{known.name} rolls to version {(known.version_id or '')[:8]}")
        elif known.state == "Ready" and was and was.state == "Rolling":
            yield Notice(False, "WorkloadReady", f"{known.kind}/{known.name} runs on version {(known.version_id or '')[:8]}")
