"""Method Lambda, pass by pass: configured once, asked for, followed; what AWS or somebody does besides is seen."""

from datetime import UTC, datetime, timedelta

import pytest

from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.stage import CURRENT, FIRST, PENDING, Stage

SCHEDULE = {"schedule": "rate(10 days)", "window": "3h"}
RULES = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}


@pytest.fixture
def stage(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Stage:
    return Stage.at(bed, api, namespace, postgres, aws)


def test_function_schedule_and_window_are_written_once_and_nothing_rotates(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    shown = stage.described()
    assert (shown["RotationEnabled"], shown["RotationLambdaARN"], shown["RotationRules"]) == (True, stage.function, RULES)
    stage.look()
    stage.later(hours=7)
    assert stage.calls().count("RotateSecret") == 1
    assert stage.aws_has_rotated()["result"] == "tested"
    assert (stage.password, stage.said(Kind.READY)) == (FIRST, ("True", "Succeeded"))
    assert len(stage.events("RotationConfigured")) == 1
    assert not stage.events("RotationStarted")


def test_a_secret_that_rotates_immediately_is_configured_by_the_same_call(stage: Stage) -> None:
    stage.given_lambda(spec={**SCHEDULE, "immediately": True})
    assert stage.aws_has_rotated()["result"] == "succeeded"
    stage.follow()
    assert stage.described()["RotationRules"].items() >= RULES.items()
    assert stage.calls().count("RotateSecret") == 1
    stage.expect_one_credential()
    stage.later(hours=7)
    assert stage.calls().count("RotateSecret") == 1


def test_a_request_is_done_when_the_new_password_has_logged_in(stage: Stage) -> None:
    stage.given_lambda("hang", spec=SCHEDULE)
    stage.aws_has_rotated()
    began = datetime.now(UTC)
    status = stage.ask("rotate", "one")
    assert status.rotation.in_progress is not None
    assert (status.rotation.in_progress.cause, stage.cluster.resource("db")["metadata"]["finalizers"]) == (
        "request",
        ["rotated-rds.io/cleanup"],
    )
    stage.eye.control.release_function(stage.function)
    status = stage.follow()
    stage.expect_one_credential()
    assert stage.answer("rotate")[0] == "Done"
    assert stage.cluster.resource("db")["metadata"].get("finalizers") is None
    ended = stage.described()["LastRotatedDate"]
    assert status.rotation.last_rotated is not None
    assert abs(status.rotation.last_rotated - ended) <= timedelta(seconds=1)
    assert status.rotation.last_rotated >= began - timedelta(seconds=1)


def test_a_request_beside_a_changed_schedule_waits_for_nothing(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.cluster.change("db", rotation={"schedule": "rate(20 days)"})
    stage.ask("rotate", "one")
    stage.follow()
    assert stage.described()["RotationRules"]["ScheduleExpression"] == "rate(20 days)"
    assert stage.calls().count("RotateSecret") == 2
    stage.expect_one_credential()


def test_a_request_waits_while_aws_tries_a_configuration(stage: Stage) -> None:
    stage.given_lambda("hang", spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn)  # as long as that of a configuration, for us to see
    status = stage.ask("rotate", "one")
    assert (status.requests, stage.said(Kind.ROTATION_READY)) == ({}, ("True", "Succeeded"))
    stage.eye.control.release_function(stage.function)
    stage.aws_has_rotated(2)
    stage.look()
    stage.later(seconds=6)
    stage.follow()
    assert stage.answer("rotate")[0] == "Done"
    assert len(stage.eye.control.rotations(stage.arn, count=3)) == 3
    stage.expect_one_credential()


def test_a_schedule_changed_by_hand_is_repaired_without_a_rotation(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn, RotationRules={"ScheduleExpression": "rate(90 days)"}, RotateImmediately=False)
    stage.aws_has_rotated(2)
    stage.look()
    assert stage.described()["RotationRules"] == RULES
    assert [run["result"] for run in stage.eye.control.rotations(stage.arn, count=3)] == ["tested"] * 3
    assert (stage.calls().count("RotateSecret"), stage.password) == (2, FIRST)


def test_a_sweep_that_shows_another_schedule_is_reason_to_look(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.later(minutes=1)
    since = stage.last_call()
    stage.swept()
    assert stage.calls(since) == []
    stage.secretsmanager.rotate_secret(SecretId=stage.arn, RotationRules={"ScheduleExpression": "rate(90 days)"}, RotateImmediately=False)
    stage.aws_has_rotated(2)
    stage.swept()
    assert stage.calls(since) == ["DescribeSecret", "RotateSecret"]
    assert stage.described()["RotationRules"] == RULES


def test_a_rotation_that_somebody_else_began_is_followed_without_a_finalizer(stage: Stage) -> None:
    stage.given_lambda("hang", spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn)
    status = stage.later(minutes=1)
    assert status.rotation.in_progress is not None
    assert status.rotation.in_progress.cause == "aws"
    assert status.rotation.in_progress.version_id == stage.labels()[PENDING]
    assert stage.cluster.resource("db")["metadata"].get("finalizers") is None
    stage.eye.control.release_function(stage.function)
    stage.follow()
    stage.expect_one_credential()
    assert stage.status().history[0].result == "Succeeded"


def test_a_rotation_between_two_looks_is_told_with_its_own_times(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn)
    stage.aws_has_rotated(2)
    status = stage.look()
    stage.expect_one_credential()
    line, ended = status.history[0], stage.described()["LastRotatedDate"]
    assert (line.version_id, line.result) == (stage.labels()[CURRENT], "Succeeded")
    assert abs(line.finished - ended) <= timedelta(seconds=1)
    assert len(stage.events("RotationSucceeded")) == 1


def test_a_request_that_meets_a_finished_rotation_is_not_forgotten(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn)
    stage.aws_has_rotated(2)
    stage.ask("rotate", "one")
    wake = stage.hand.ends[-1].wake
    assert wake is not None
    assert wake - stage.hand.clock() <= timedelta(seconds=10)
    stage.later(seconds=10)
    stage.follow()
    assert (stage.answer("rotate")[0], len(stage.status().history)) == ("Done", 2)


def test_the_next_rotation_is_said_as_the_window_that_aws_opens(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.aws_has_rotated()
    closes = stage.described()["NextRotationDate"]
    assert stage.look().rotation.next == (closes - timedelta(hours=3)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_password_stored_by_hand_is_followed_and_is_no_rotation(stage: Stage) -> None:
    stage.given_lambda(spec=SCHEDULE)
    stage.ask("rotate", "one")
    stage.follow()
    password = "by-hand-Passw0rd"
    stage.put(password)
    assert stage.look().condition(Kind.CREDENTIAL_VERIFIED) is not None
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "LoginFailed")
    assert len(stage.status().history) == 1
