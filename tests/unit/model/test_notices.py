"""Events from comparing a status before and after: each thing once, and nothing that did not change."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rotated_rds.model.notices import notices
from rotated_rds.model.status import Condition, InProgress, Kind, Notice, Rotated, RotationStatus, Status, WorkloadStatus

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def with_condition(reason: str, status: Any = "False", kind: Kind = Kind.CREDENTIAL_VERIFIED, message: str = "why") -> Status:
    return Status(conditions=(Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=NOW),))


def with_workload(state: Any, version: str = "v1") -> Status:
    return Status(workloads=(WorkloadStatus(kind="Deployment", name="a", state=state, version_id=version, since=NOW),))


def rotated(result: Any) -> Status:
    line = Rotated(version_id="version-1", started=NOW, finished=NOW, result=result, seconds=2.5)
    return Status(history=(line,), rotation=RotationStatus(last_error="the reason" if result == "Failed" else None))


def told(before: Status, after: Status) -> list[tuple[bool, str]]:
    return [(notice.warning, notice.reason) for notice in notices(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(Status(), with_condition("LoginFailed"), [(True, "LoginFailed")], id="a fault"),
        pytest.param(with_condition("LoginFailed"), with_condition("LoginFailed", message="other"), [], id="the same fault in other words"),
        pytest.param(with_condition("Unreachable"), with_condition("LoginFailed"), [(True, "LoginFailed")], id="another fault"),
        pytest.param(with_condition("LoginFailed"), with_condition("Succeeded", "True"), [], id="mended"),
        pytest.param(Status(), with_condition("Pending", "Unknown"), [], id="not known yet"),
        pytest.param(Status(), with_condition("Reconciling"), [], id="somebody's rotation under way"),
        pytest.param(Status(), with_condition("Rolling", kind=Kind.WORKLOADS_CURRENT), [], id="rolling"),
        pytest.param(Status(), with_condition("LoginFailed", kind=Kind.READY), [], id="Ready repeats a stage"),
        pytest.param(Status(), rotated("Succeeded"), [(False, "RotationSucceeded")], id="a rotation"),
        pytest.param(Status(), rotated("Failed"), [(True, "RotationFailed")], id="a failed rotation"),
        pytest.param(rotated("Failed"), rotated("Failed"), [], id="told before"),
        pytest.param(Status(), with_workload("Rolling"), [(False, "WorkloadRestarted")], id="a restart"),
        pytest.param(with_workload("Rolling"), with_workload("Ready"), [(False, "WorkloadReady")], id="through"),
        pytest.param(with_workload("Pending"), with_workload("Ready"), [], id="ready without a restart"),
        pytest.param(with_workload("Rolling", "v0"), with_workload("Rolling"), [(False, "WorkloadRestarted")], id="the next version"),
        pytest.param(with_workload("Rolling"), with_workload("Rolling"), [], id="still rolling"),
        pytest.param(Status(), Status(version_id="v1", version="v1", username="app"), [(False, "Mirrored")], id="published"),
        pytest.param(Status(version_id="v1"), Status(version_id="v1"), [], id="published before"),
    ],
)
def test_an_event_is_told_once_a_change(before: Status, after: Status, expected: list[tuple[bool, str]]) -> None:
    assert told(before, after) == expected


def test_a_rotation_s_beginning_is_told_once() -> None:
    began = Status(rotation=RotationStatus(in_progress=InProgress(version_id="version-1", since=NOW, cause="request")))
    assert list(notices(Status(), began)) == [Notice(False, "RotationStarted", "rotating to version version- (request)")]
    assert told(began, began) == []


def test_a_failed_rotation_s_event_says_why() -> None:
    assert [notice.note for notice in notices(Status(), rotated("Failed"))] == ["the reason"]


def test_a_first_look_at_a_whole_status_tells_nothing_that_stood_before() -> None:
    status = Status(version_id="v1", history=rotated("Succeeded").history, workloads=with_workload("Ready").workloads)
    assert told(status, status) == []
