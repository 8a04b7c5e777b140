"""AWS rotates by its own clock: expected in its window, followed, and told when a hold of ours would have kept it back."""

import uuid
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from rotated_rds.model.status import Kind
from tests.bed import aws as part
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.stage import FIRST, Stage

SPEC = {"schedule": "rate(10 days)", "window": "3h"}


@pytest.fixture
def stage(bed: Bed, api: Api, namespace: str, postgres: Facts) -> Generator[Stage]:
    """On an AWS of its own, whose clock may be put forward."""
    clock = Bed(f"clock-{uuid.uuid4().hex[:12]}")
    try:
        yield Stage.at(bed, api, namespace, postgres, part.start(clock))
    finally:
        clock.remove()


def opens(stage: Stage) -> datetime:
    """When AWS's next window opens: three hours before its latest moment."""
    return stage.described()["NextRotationDate"] - timedelta(hours=3)


def time_goes_to(stage: Stage, moment: datetime) -> None:
    """For AWS and for the operator alike."""
    span = moment - stage.hand.clock()
    stage.hand.clock.advance(span)
    stage.eye.control.advance(span.total_seconds())


def begun(stage: Stage, kind: str = "ours") -> None:
    """Configured, and that is over for AWS and for us."""
    stage.given_lambda(kind, spec=SPEC)
    stage.aws_has_rotated()
    time_goes_to(stage, stage.hand.clock() + timedelta(minutes=1))
    stage.look()


def given_running_job(stage: Stage) -> None:
    """A Job that reads the Secret and does not end."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app", "envFrom": [{"secretRef": {"name": "db"}}]}]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "report"}, "spec": {"template": {"spec": pod}}}
    api, pods = stage.cluster.api, stage.cluster.path("pods", group="v1")
    api.call("POST", stage.cluster.path("jobs", group="batch/v1"), job)
    stage.cluster.expect("its Pod runs", lambda: [one["status"]["phase"] for one in api.get(pods)["items"]] == ["Running"])


def test_a_rotation_by_aws_is_expected_followed_and_told(stage: Stage) -> None:
    begun(stage)
    window, since = opens(stage), stage.last_call()
    stage.settle()
    assert stage.calls(since) == []
    time_goes_to(stage, window + timedelta(seconds=1))
    stage.settle()
    stage.aws_has_rotated(2)
    status = stage.settle()
    stage.expect_one_credential()
    assert stage.password != FIRST
    line, ended = status.history[0], stage.described()["LastRotatedDate"]
    assert (line.result, abs(line.finished - ended) <= timedelta(seconds=1), status.rotation.last_rotated) == (
        "Succeeded",
        True,
        line.finished,
    )
    assert opens(stage).date() == window.date() + timedelta(days=10)
    assert stage.calls().count("RotateSecret") == 1
    assert (stage.said(Kind.READY), stage.events("NotOurs")) == (("True", "Succeeded"), [])


def test_a_window_without_a_rotation_is_watched_and_then_overdue(stage: Stage) -> None:
    begun(stage)
    window = opens(stage)
    stage.secretsmanager.cancel_rotate_secret(SecretId=stage.arn)
    off = stage.aws.control.fault("error", "RotateSecret", code="AccessDeniedException", count=None)
    time_goes_to(stage, window + timedelta(minutes=1))
    stage.settle()
    assert stage.said(Kind.ROTATION_READY) == ("False", "AccessDenied")
    stage.aws.control.release(off)
    stage.settle()
    stage.aws_has_rotated(2)
    assert (stage.said(Kind.ROTATION_READY)[0], stage.described()["RotationEnabled"]) == ("True", True)
    time_goes_to(stage, window + timedelta(hours=3))
    stage.settle()
    assert stage.said(Kind.ROTATION_READY) == ("False", "RotationOverdue")
    assert stage.password == FIRST


def test_what_our_holds_cannot_keep_back_is_told(stage: Stage) -> None:
    begun(stage, "hang")
    given_running_job(stage)
    time_goes_to(stage, opens(stage) + timedelta(seconds=1))
    status = stage.settle()
    assert status.rotation.in_progress is not None
    assert status.rotation.in_progress.cause == "aws"
    assert any("Job/report" in note for note in stage.events("NotOurs"))
    stage.eye.control.release_function(stage.function)
    stage.aws_has_rotated(2)
    stage.settle()
    stage.expect_one_credential()
    assert datetime.now(UTC) < opens(stage)
