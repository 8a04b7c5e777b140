"""Status as it stands in the resource: what is written is read again, and nothing is written for what is not there."""

from datetime import UTC, datetime

from rotated_rds.model.document import text
from rotated_rds.model.resource import read_status
from rotated_rds.model.status import InProgress, Kind, RotationStatus, Status

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def test_what_is_absent_is_not_written() -> None:
    assert Status(observed_generation=3).body() == {"observedGeneration": 3}


def test_status_survives_being_written_and_read() -> None:
    progress = InProgress(version_id="v1", since=NOW, cause="request", request="a", spec='{"a":1}')
    status = Status(secret_arn="arn", version_id="v1", published_at=NOW, rotation=RotationStatus(method="Operator", in_progress=progress))
    assert read_status({"status": status.body()}) == status


def test_moments_are_written_in_UTC_to_the_second_and_finer_where_it_matters() -> None:
    rotation = RotationStatus(last_rotated=NOW, in_progress=InProgress(version_id="v", since=NOW, cause="first"))
    body = Status(rotation=rotation, published_at=NOW).body()
    assert text(body, "publishedAt") == "2026-11-24T12:00:00.123456Z"
    assert text(body, "rotation", "lastRotated") == "2026-11-24T12:00:00Z"
    assert text(body, "rotation", "inProgress", "since") == "2026-11-24T12:00:00.123456Z"


def test_a_status_of_a_newer_version_loses_only_what_is_unknown() -> None:
    assert read_status({"status": {"versionId": "v1", "fromTheFuture": {"a": 1}}}) == Status(version_id="v1")


def test_a_status_that_cannot_be_understood_is_lost_whole() -> None:
    assert read_status({"status": {"versionId": "v1", "workloads": [{"kind": 1}]}}) == Status()
    assert read_status({}) == Status()


def test_a_spec_that_a_rotation_began_with_may_be_unreadable() -> None:
    progress = InProgress(version_id="v", since=NOW, cause="first")
    assert progress.spec_document() is None
    assert progress.model_copy(update={"spec": "{broken"}).spec_document() is None
    assert progress.model_copy(update={"spec": '{"suspend": true}'}).spec_document() == {"suspend": True}


def test_a_condition_that_is_not_there_is_none() -> None:
    assert Status().condition(Kind.READY) is None
