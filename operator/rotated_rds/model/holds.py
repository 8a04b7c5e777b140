"""What holds a due rotation back (API.md "Holds"), and whether the credential before is still in use (SAFETY.md D3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotated_rds.model.errors import Reason
from rotated_rds.model.rotation import Due, Kind
from rotated_rds.model.spec import Spec
from rotated_rds.model.status import HeldBack, Status

JOB_PATIENCE = timedelta(hours=1)  # how long a request waits for Jobs (SAFETY.md F2)
WORKLOADS_BEHIND = "WorkloadsBehind"


@dataclass(frozen=True)
class InUse:
    """Whether the credential before AWSCURRENT is still needed, where a strategy keeps it (SAFETY.md D3).

    behind: who runs on it; until: when its grace is over. unpublished: AWSCURRENT is not what the Kubernetes Secret holds.
    """

    behind: Sequence[str] = ()
    until: datetime | None = None
    unpublished: bool = False

    def why(self, now: datetime) -> str | None:
        """Why the credential before must not be touched now; None when it may end."""
        if self.unpublished:
            return "AWSCURRENT is not published yet: the Kubernetes Secret holds the credential that the next rotation would end"
        if self.behind:
            return f"{', '.join(self.behind[:5])} started before the current version was published; restart or end them"
        if self.until is not None and now < self.until:
            return f"the credential before stays until {self.until:%Y-%m-%dT%H:%M:%SZ} (spec.rotation.gracePeriod)"
        return None


def grace_ends(before: Status, grace: timedelta) -> datetime | None:
    """So long after the last dependent became ready on the published version; without dependents, after its publication."""
    if before.published_at is None:
        return None
    ready = [one.since for one in before.workloads if one.state == "Ready" and one.version_id == before.version_id]
    return max([before.published_at, *ready]) + grace


def is_over(before: Status, grace: timedelta, now: datetime) -> bool:
    """Whether the grace of the credential before is over."""
    ends = grace_ends(before, grace)
    return ends is not None and ends <= now


@dataclass(frozen=True)
class HoldFacts:
    """What may hold a rotation back. rollouts: dependents that are Pending, Rolling or Failed; jobs: running Jobs that it would cut off.

    cut_off: for `force-rotate`, who runs on the credential that ends.
    """

    rollouts: Sequence[str] = ()
    jobs: Sequence[str] = ()
    rotating: int = 0
    cut_off: Sequence[str] = ()
    in_use: InUse = InUse()


def held_back(
    due_now: Due, spec: Spec, facts: HoldFacts, before: Status, now: datetime, *, limit: int, interval: timedelta
) -> HeldBack | None:
    """Why a due rotation waits (API.md "Holds"); None when nothing holds it."""
    if due_now.kind in (Kind.FORCED, Kind.ENDPOINT):
        found = _too_soon(due_now, before, now, interval) if due_now.kind is Kind.FORCED else None
    else:
        found = _held(due_now, spec, facts, before, now, limit, interval)
    if found is None:
        return None
    reason, message = found
    old = before.rotation.held_back
    return HeldBack(reason=reason, message=message, since=old.since if old and old.reason == reason else now)


def _held(
    due_now: Due, spec: Spec, facts: HoldFacts, before: Status, now: datetime, limit: int, interval: timedelta
) -> tuple[str, str] | None:
    if facts.rollouts:
        text = "not ready yet; the rotation starts when they are (annotate rotated-rds.io/force-rotate to go on at once)"
        return "RolloutUnderWay", f"{', '.join(facts.rollouts[:5])}: {text}"
    if (why := facts.in_use.why(now)) is not None:
        return WORKLOADS_BEHIND, f"{why} (or annotate rotated-rds.io/force-rotate)"
    if facts.jobs and spec.rotation.wait_for_jobs:
        return (
            "JobRunning",
            f"{', '.join(facts.jobs[:5])} would be cut off; the rotation starts when they end (or set spec.rotation.waitForJobs: false)",
        )
    if facts.rotating >= limit:
        return "Budget", f"{facts.rotating} rotations are under way; --max-rotations is {limit}"
    return _too_soon(due_now, before, now, interval)


def _too_soon(due_now: Due, before: Status, now: datetime, interval: timedelta) -> tuple[str, str] | None:
    least = interval if due_now.kind in (Kind.REQUEST, Kind.FORCED, Kind.HOME) else timedelta(minutes=1)  # what a person asked for
    last = max((one.finished for one in before.history), default=None)
    if last is None or due_now.kind is Kind.FIRST or now - last >= least:
        return None
    return (
        "Budget",
        f"the last rotation ended {int((now - last).total_seconds())} s ago; the next may start {int(least.total_seconds())} s after it",
    )


def job_gave_up(due_now: Due, hold: HeldBack, now: datetime) -> Reason | None:
    """A request waits for Jobs one hour, then ends (SAFETY.md F2)."""
    waited = due_now.kind is Kind.REQUEST and hold.reason == "JobRunning" and now - hold.since >= JOB_PATIENCE
    return Reason.ROTATION_FAILED if waited else None


def next_look(hold: HeldBack, facts: HoldFacts, now: datetime, often: timedelta) -> datetime:
    """When a held rotation is looked at again: soon, but for a grace period, which only time ends."""
    use = facts.in_use
    waits_for_time = hold.reason == WORKLOADS_BEHIND and not use.behind and not use.unpublished and use.until is not None
    return max(now, use.until) if waits_for_time and use.until else now + often
