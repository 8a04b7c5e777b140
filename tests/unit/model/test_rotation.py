"""When a rotation is due, what holds it back, and whose AWSPENDING that is (SAFETY.md A2, D4, F1, F2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.model import rotation
from rotated_rds.model.resource import Resource, read_resource
from rotated_rds.model.rotation import Due, Kind
from rotated_rds.model.schedule import Window
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import RequestStatus, Rotated, RotationStatus, Status
from rotated_rds.model.steps import PendingIs
from tests.support.resources import merged

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LEAST = {"database": {"host": "db", "engine": "postgres"}, "user": {"name": "app"}}


def a_spec(**more: Any) -> Spec:
    return parse_spec(merged(LEAST, more))


def a_resource(spec: dict[str, Any] | None = None, *, deleting: bool = False, **requests: str) -> Resource:
    metadata: dict[str, Any] = {
        "namespace": "shop",
        "name": "db",
        "uid": "uid-1",
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "annotations": {f"rotated-rds.io/{name.replace('_', '-')}": text for name, text in requests.items()},
    }
    if deleting:
        metadata["deletionTimestamp"] = "2026-11-24T00:00:00Z"
    return read_resource({"metadata": metadata, "spec": merged(LEAST, spec or {})})[0]


def published(**rotated: Any) -> Status:
    return Status(version_id="v1", rotation=RotationStatus(**rotated))


def due(spec: dict[str, Any] | None = None, before: Status | None = None, now: datetime = NOW, **asked: Any) -> Due | None:
    created = asked.pop("created_by_us", False)
    return rotation.due(a_resource(spec, **asked), a_spec(**(spec or {})), before or published(), now, created_by_us=created)


DAILY = {"rotation": {"schedule": "rate(1 day)", "window": "4h", "immediately": False}}
YESTERDAY = datetime(2026, 11, 23, 1, tzinfo=UTC)


# due


def test_nothing_is_due_without_schedule_or_request() -> None:
    assert due() is None


def test_a_request_is_due_at_once_and_comes_before_the_clock() -> None:
    later = NOW.replace(hour=3)
    assert due(DAILY, published(last_rotated=YESTERDAY), later, rotate="release 7") == Due(Kind.REQUEST, "release 7")
    assert due(DAILY, published(last_rotated=YESTERDAY), later, force_rotate="now") == Due(Kind.FORCED, "now")


def test_a_request_that_is_answered_is_not_due_again() -> None:
    done = Status(version_id="v1", requests={"rotate": RequestStatus(text="a", time=NOW, result="Done")})
    assert due(None, done, rotate="a") is None
    assert due(None, done, rotate="b") == Due(Kind.REQUEST, "b")


def test_a_request_whose_text_is_too_long_is_never_due() -> None:
    assert due(rotate="x" * 128) is not None
    assert due(rotate="x" * 129) is None


@pytest.mark.parametrize("spec", [{"suspend": True}, {"rotation": {"method": "External"}, "user": None, "secret": {"name": "s"}}])
def test_nothing_is_due_while_suspended_or_where_another_rotates(spec: dict[str, Any]) -> None:
    assert due(spec, rotate="a") is None


def test_nothing_is_due_for_a_resource_that_goes() -> None:
    assert due(deleting=True, rotate="a") is None


def test_F1_a_schedule_is_due_in_its_window_with_a_cause_that_names_window_and_version() -> None:
    found = due(DAILY, published(last_rotated=YESTERDAY), NOW.replace(hour=2))
    assert found is not None
    assert found.kind is Kind.SCHEDULE
    assert found.cause == "2026-11-24T00:00:00+00:00\nv1"


def test_F1_a_schedule_is_not_due_again_in_a_window_that_was_used() -> None:
    assert due(DAILY, published(last_rotated=NOW.replace(hour=1)), NOW.replace(hour=2)) is None


def test_F1_a_schedule_waits_for_something_published() -> None:
    assert due(DAILY, Status(), NOW.replace(hour=2)) is None


def test_after_a_failure_a_schedule_waits_out_its_pause_and_a_request_does_not() -> None:
    failed = published(last_rotated=YESTERDAY, not_before=NOW.replace(hour=3))
    assert due(DAILY, failed, NOW.replace(hour=2)) is None
    assert due(DAILY, failed, NOW.replace(hour=3)) is not None
    assert due(DAILY, failed, NOW.replace(hour=2), rotate="a") is not None


@pytest.mark.parametrize(
    ("immediately", "created", "last", "expected"),
    [
        (None, True, None, True),
        (None, False, None, False),
        (True, False, None, True),
        (False, True, None, False),
        (None, True, NOW, False),
    ],
)
def test_a_secret_rotates_once_when_it_comes_under_the_resource(
    immediately: bool | None, created: bool, last: datetime | None, expected: bool
) -> None:
    found = due({"rotation": {"immediately": immediately}}, published(last_rotated=last), created_by_us=created)
    assert (found is not None) is expected
    if found:
        assert found == Due(Kind.FIRST, "immediately\nuid-1")


def test_a_first_rotation_that_succeeded_is_not_repeated_although_the_time_of_it_was_lost() -> None:
    line = Rotated(version_id="v1", started=NOW, finished=NOW, result="Succeeded", seconds=1)
    before = Status(version_id="v1", history=(line,))
    assert due({"rotation": {"immediately": True}}, before) is None


# too late to start


@pytest.mark.parametrize(
    ("timeout", "left", "expected"),
    [
        ("10m", timedelta(minutes=9), True),
        ("10m", timedelta(minutes=10), False),
        ("5h", timedelta(minutes=119), True),
        ("5h", timedelta(hours=2), False),
    ],
)
def test_D4_nothing_starts_with_less_than_the_smaller_of_time_out_and_half_the_window(
    timeout: str, left: timedelta, expected: bool
) -> None:
    window = Window(NOW, NOW + timedelta(hours=4))
    assert rotation.too_late(window, a_spec(restarts={"readyTimeout": timeout}), window.end - left) is expected


def test_D4_what_is_too_late_for_this_window_is_due_in_the_next_and_that_is_the_next_moment() -> None:
    before, late = published(last_rotated=YESTERDAY), NOW.replace(hour=3, minute=55)
    assert due(DAILY, before, late) is None
    moment = rotation.next_moment(a_resource(DAILY), a_spec(**DAILY), before, late)
    assert moment is not None
    assert moment.date().isoformat() == "2026-11-25"
    assert due(DAILY, before, moment) is not None


def test_the_next_moment_is_always_one_at_which_a_rotation_is_due() -> None:
    before = published(last_rotated=YESTERDAY)
    for minutes in range(0, 48 * 60, 7):
        now = NOW + timedelta(minutes=minutes)
        moment = rotation.next_moment(a_resource(DAILY), a_spec(**DAILY), before, now)
        assert moment is not None
        assert moment >= now
        assert due(DAILY, before, moment) is not None, f"{minutes} min: {moment}"


def test_the_pause_after_failures_doubles_up_to_an_hour() -> None:
    assert [rotation.pause(attempt) / timedelta(minutes=1) for attempt in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


# whose AWSPENDING


def secret(pending: str | None, *, also: str = "", on: bool = False) -> SecretState:
    versions = {"current": frozenset({"AWSCURRENT"}), "old": frozenset({"AWSPREVIOUS"})}
    if pending:
        versions[pending] = versions.get(pending, frozenset()) | {"AWSPENDING"} | ({also} if also else set())
    return SecretState("arn", "name", versions, rotation_enabled=on)


@pytest.mark.parametrize(
    ("state", "ours", "has_value", "older", "expected"),
    [
        (secret(None), None, False, False, PendingIs.ABSENT),
        (secret("current"), "current", True, False, PendingIs.ON_CURRENT),
        (secret("old"), None, True, False, PendingIs.OLD),
        (secret("new"), "new", True, True, PendingIs.OLD),
        (secret("new"), "new", True, False, PendingIs.OURS),
        (secret("new"), "new", False, False, PendingIs.OURS_EMPTY),
        (secret("new"), "other", True, False, PendingIs.FOREIGN),
        (secret("new", on=True), None, True, False, PendingIs.FOREIGN_ROTATING),
    ],
)
def test_A2_what_AWSPENDING_means(state: SecretState, ours: str | None, has_value: bool, older: bool, expected: PendingIs) -> None:
    assert rotation.classify(state, ours, has_value=has_value, older=older) is expected
