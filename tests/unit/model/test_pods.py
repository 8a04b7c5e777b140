"""Since when a Pod runs, and whose it is (SAFETY.md D3, G3)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.model.pods import CLOCK_MARGIN, PodSeen, is_behind, read_pod, started_since
from rotated_rds.model.workload import Workload

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_workload(**selector: str) -> Workload:
    return Workload("Deployment", "a", 0, None, "v1", True, None, selector, frozenset({"db"}))


def pod(seconds: float | None, app: str = "a") -> PodSeen:
    return PodSeen("p", {"app": app}, None if seconds is None else NOW + timedelta(seconds=seconds), None, frozenset({"db"}))


@pytest.mark.parametrize(
    ("pods", "margin", "expected"),
    [
        ([pod(1)], 0, True),
        ([pod(0)], 0, False),
        ([pod(1), pod(-1)], 0, False),
        ([pod(59)], 60, False),
        ([pod(61)], 60, True),
        ([pod(61), pod(None)], 60, True),
        ([pod(None)], 60, False),
        ([], 60, False),
        ([pod(99, "other")], 60, False),
        ([pod(99), pod(-99, "other")], 60, True),
    ],
)
def test_G3_a_workload_is_current_when_all_its_pods_started_since_with_a_minute_to_spare(
    pods: list[PodSeen], margin: int, expected: bool
) -> None:
    assert started_since(a_workload(app="a"), pods, NOW, timedelta(seconds=margin)) is expected
    assert timedelta(minutes=1) == CLOCK_MARGIN


def test_a_workload_that_selects_by_expressions_alone_is_never_taken_for_current() -> None:
    assert not started_since(a_workload(), [pod(99)], NOW, timedelta())


def running(at: str) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": at}}}


def a_pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": {"app": "a"}}, "spec": {"containers": []}, "status": status}


def test_D3_a_pod_counts_from_its_earliest_running_container() -> None:
    statuses: list[Any] = [running("2026-11-24T12:00:05Z"), running("2026-11-24T12:00:01Z"), {"state": {"waiting": {}}}]
    found = read_pod(a_pod(phase="Running", containerStatuses=statuses))
    assert found is not None
    assert found.started == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("state", ["running", "terminated"])
def test_D3_an_init_container_counts_too_for_what_it_read_may_live_on(state: str) -> None:
    init = {"state": {state: {"startedAt": "2026-11-24T12:00:00Z"}}}
    found = read_pod(a_pod(phase="Running", containerStatuses=[running("2026-11-24T12:00:05Z")], initContainerStatuses=[init]))
    assert found is not None
    assert found.started == NOW


def test_a_pod_whose_containers_wait_has_not_started() -> None:
    init = {"state": {"terminated": {"startedAt": "2026-11-24T12:00:00Z"}}}
    found = read_pod(a_pod(phase="Pending", containerStatuses=[{"state": {"waiting": {}}}], initContainerStatuses=[init]))
    assert found is not None
    assert found.started is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_is_no_user(phase: str) -> None:
    assert read_pod(a_pod(phase=phase)) is None


def test_a_pod_names_its_job_and_only_that() -> None:
    body = a_pod(phase="Running")
    body["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "report", "controller": True}]
    found = read_pod(body)
    assert found is not None
    assert (found.job, found.started) == ("report", None)
    body["metadata"]["ownerReferences"][0]["kind"] = "ReplicaSet"
    again = read_pod(body)
    assert again is not None
    assert again.job is None


def reading(at: str, *, env: bool, annotation: str | None = None) -> PodSeen:
    """A running Pod that reads the Secret `db`, by its environment or from a volume."""
    by_env = {"containers": [{"name": "a", "envFrom": [{"secretRef": {"name": "db"}}]}]}
    by_volume = {"containers": [{"name": "a"}], "volumes": [{"name": "v", "secret": {"secretName": "db"}}]}
    metadata = {"name": "p", "annotations": {"rotated-rds.io/version.db": annotation} if annotation else {}}
    status = {"phase": "Running", "containerStatuses": [running(at)]}
    found = read_pod({"metadata": metadata, "spec": by_env if env else by_volume, "status": status})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pod", "volumes", "expected"),
    [
        (reading("2026-11-24T11:59:00Z", env=True), True, True),
        (reading("2026-11-24T12:00:01Z", env=True), True, False),
        (reading("2026-11-24T11:59:00Z", env=True, annotation="v1"), True, False),
        (reading("2026-11-24T11:59:00Z", env=True, annotation="v0"), True, True),
        (reading("2026-11-24T11:59:00Z", env=False), True, True),
        (reading("2026-11-24T11:59:00Z", env=False), False, False),
        (reading("2026-11-24T11:59:00Z", env=True), False, True),
    ],
)
def test_D3_a_pod_is_behind_that_started_before_the_publication(pod: PodSeen, volumes: bool, expected: bool) -> None:
    assert is_behind(pod, "db", "v1", NOW, volumes=volumes) is expected
    assert not is_behind(pod, "other", "v1", NOW, volumes=volumes)
