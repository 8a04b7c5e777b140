"""What holds a due rotation back, and whether the credential before is still in use (API.md "Holds"; SAFETY.md D3, F2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.model import holds
from rotated_rds.model.holds import HoldFacts, InUse
from rotated_rds.model.rotation import Due, Kind
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import HeldBack, Rotated, RotationStatus, Status, WorkloadStatus
from tests.support.resources import merged

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
LEAST = {"database": {"host": "db", "engine": "postgres"}, "user": {"name": "app"}}


def a_spec(**more: Any) -> Spec:
    return parse_spec(merged(LEAST, more))


def published(**rotated: Any) -> Status:
    return Status(version_id="v1", rotation=RotationStatus(**rotated))


REQUEST, SCHEDULED = Due(Kind.REQUEST, "a"), Due(Kind.SCHEDULE, "w")


def held(
    due_now: Due, facts: HoldFacts | None = None, before: Status | None = None, now: datetime = NOW, spec: dict[str, Any] | None = None
) -> HeldBack | None:
    known = before or published()
    interval = timedelta(seconds=5)
    return holds.held_back(due_now, a_spec(**(spec or {})), facts or HoldFacts(), known, now, limit=10, interval=interval)


def reason(found: HeldBack | None) -> str | None:
    return found.reason if found else None


@pytest.mark.parametrize(
    ("facts", "spec", "expected"),
    [
        (HoldFacts(), None, None),
        (HoldFacts(rollouts=["Deployment/a (Rolling)"]), None, "RolloutUnderWay"),
        (HoldFacts(jobs=["Job/a"]), None, "JobRunning"),
        (HoldFacts(jobs=["Job/a"]), {"rotation": {"waitForJobs": False}}, None),
        (HoldFacts(rotating=9), None, None),
        (HoldFacts(rotating=10), None, "Budget"),
    ],
)
@pytest.mark.parametrize("due_now", [REQUEST, SCHEDULED, Due(Kind.FIRST, "f")])
def test_what_would_destroy_a_credential_in_use_holds_a_rotation_back(
    due_now: Due, facts: HoldFacts, spec: dict[str, Any] | None, expected: str | None
) -> None:
    assert reason(held(due_now, facts, spec=spec)) == expected


@pytest.mark.parametrize("kind", [Kind.FORCED, Kind.ENDPOINT])
def test_a_forced_rotation_and_a_new_endpoint_wait_for_nobody(kind: Kind) -> None:
    assert held(Due(kind, "x"), HoldFacts(["Deployment/a"], ["Job/a"], 99)) is None


@pytest.mark.parametrize(
    ("kind", "seconds", "expected"),
    [
        (Kind.REQUEST, 4, "Budget"),
        (Kind.REQUEST, 5, None),
        (Kind.FORCED, 4, "Budget"),
        (Kind.FORCED, 5, None),
        (Kind.SCHEDULE, 59, "Budget"),
        (Kind.SCHEDULE, 60, None),
        (Kind.HOME, 4, "Budget"),
        (Kind.HOME, 5, None),
        (Kind.FIRST, 1, None),
        (Kind.ENDPOINT, 1, None),
    ],
)
def test_F2_rotations_of_one_resource_keep_a_distance(kind: Kind, seconds: int, expected: str | None) -> None:
    line = Rotated(version_id="v", started=NOW, finished=NOW, result="Failed", seconds=1)
    before = Status(version_id="v1", history=(line,))
    assert reason(held(Due(kind, "x"), before=before, now=NOW + timedelta(seconds=seconds))) == expected


def test_since_when_it_is_held_back_counts_from_the_first_time_for_the_same_reason() -> None:
    before = published(held_back=HeldBack(reason="JobRunning", message="", since=YESTERDAY))
    jobs, rollout = held(REQUEST, HoldFacts(jobs=["Job/a"]), before), held(REQUEST, HoldFacts(rollouts=["a"]), before)
    assert jobs is not None
    assert rollout is not None
    assert (jobs.since, rollout.since) == (YESTERDAY, NOW)


@pytest.mark.parametrize(
    ("due_now", "reason", "minutes", "expected"),
    [
        (REQUEST, "JobRunning", 60, True),
        (REQUEST, "JobRunning", 59, False),
        (REQUEST, "Budget", 600, False),
        (SCHEDULED, "JobRunning", 600, False),
    ],
)
def test_F2_only_a_request_gives_up_on_jobs_and_only_after_an_hour(due_now: Due, reason: str, minutes: int, expected: bool) -> None:
    hold = HeldBack(reason=reason, message="", since=NOW - timedelta(minutes=minutes))
    assert bool(holds.job_gave_up(due_now, hold, NOW)) is expected


# the credential before is in use


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


@pytest.mark.parametrize(
    ("use", "at", "expected"),
    [
        (InUse(), 0, None),
        (InUse(["Job/report"]), 0, "WorkloadsBehind"),
        (InUse(until=minutes(10)), 9.9, "WorkloadsBehind"),
        (InUse(until=minutes(10)), 10, None),
        (InUse(unpublished=True), 0, "WorkloadsBehind"),
    ],
)
def test_D3_a_credential_in_use_or_in_its_grace_holds_the_next_rotation_back(use: InUse, at: float, expected: str | None) -> None:
    facts = HoldFacts(in_use=use)
    assert reason(held(REQUEST, facts, now=minutes(at))) == expected
    assert reason(held(SCHEDULED, facts, now=minutes(at))) == expected
    assert held(Due(Kind.FORCED, "x"), facts, now=minutes(at)) is None


def a_workload(state: Any, version: str, since: datetime) -> WorkloadStatus:
    return WorkloadStatus(kind="Deployment", name=f"{state}-{version}-{since.minute}", state=state, version_id=version, since=since)


@pytest.mark.parametrize(
    ("workloads", "ends"),
    [
        ([], 10),
        ([a_workload("Ready", "v1", minutes(3)), a_workload("Ready", "v1", minutes(5))], 15),
        ([a_workload("Ready", "v1", minutes(-60))], 10),
        ([a_workload("Ready", "v0", minutes(5)), a_workload("Skipped", "v1", minutes(7))], 10),
    ],
)
def test_D3_the_grace_counts_from_the_last_dependent_that_became_ready(workloads: list[WorkloadStatus], ends: float) -> None:
    before = Status(version_id="v1", published_at=NOW, workloads=tuple(workloads))
    assert holds.grace_ends(before, timedelta(minutes=10)) == minutes(ends)


def test_D3_only_a_grace_is_waited_for_by_the_clock() -> None:
    often = timedelta(seconds=5)
    grace, pods = HoldFacts(in_use=InUse(until=minutes(10))), HoldFacts(in_use=InUse(["Job/a"], minutes(10)))
    for facts, expected in ((grace, minutes(10)), (pods, NOW + often)):
        found = held(REQUEST, facts)
        assert found is not None
        assert holds.next_look(found, facts, NOW, often) == expected
