"""Rotation functions that lie, hang, stop half-way, fail or are not there: the last good Secret stays, and status says what to do."""

import pytest

from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.stage import CURRENT, FIRST, PENDING, PREVIOUS, Stage

SCHEDULE = {"schedule": "rate(10 days)"}


@pytest.fixture
def stage(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Stage:
    return Stage.at(bed, api, namespace, postgres, aws)


def test_a_liar_moves_the_label_and_the_secret_stays(stage: Stage) -> None:
    stage.given_lambda("liar")
    stage.ask("rotate", "one")
    stage.follow()
    labels = stage.labels()
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "LoginFailed")
    assert f"version {labels[PREVIOUS][:8]} logs in" in stage.message(Kind.CREDENTIAL_VERIFIED)
    assert (stage.password, stage.status().version_id) == (FIRST, labels[PREVIOUS])
    assert stage.logs_in(FIRST)
    assert stage.events("LoginFailed")


def test_a_hanging_function_is_named_after_two_minutes_and_given_up_after_fifteen(stage: Stage) -> None:
    stage.given_lambda("hang")
    stage.ask("rotate", "one")
    stage.later(minutes=1)
    assert stage.said(Kind.ROTATION_READY) == ("Unknown", "Pending")
    stage.later(minutes=2)
    assert stage.said(Kind.ROTATION_READY) == ("False", "RotationFailed")
    mend = stage.message(Kind.ROTATION_READY)
    assert all(word in mend for word in (stage.labels()[PENDING][:8], stage.function, "see its log", "take AWSPENDING off"))
    assert "rotate" not in stage.status().requests
    stage.later(minutes=15)
    assert stage.answer("rotate") == ("Failed", mend[:300])
    assert [line.result for line in stage.status().history] == ["Failed"]
    assert stage.cluster.resource("db")["metadata"].get("finalizers") is None
    assert (stage.said(Kind.CREDENTIAL_VERIFIED), stage.password) == (("True", "Succeeded"), FIRST)


def test_a_stuck_label_refuses_the_next_request_and_asks_aws_nothing(stage: Stage) -> None:
    stage.given_lambda("hang")
    stage.ask("rotate", "one")
    stage.later(minutes=3)
    asked = stage.calls().count("RotateSecret")
    stage.ask("rotate", "two")
    result, why = stage.answer("rotate")
    assert (result, stage.labels()[PENDING][:8] in why) == ("Refused", True)
    stage.later(minutes=15)
    stage.ask("rotate", "three")
    assert stage.answer("rotate")[0] == "Refused"
    assert stage.calls().count("RotateSecret") == asked
    assert len(stage.status().history) == 1


def test_a_hanging_function_that_goes_on_at_last_is_followed(stage: Stage) -> None:
    stage.given_lambda("hang")
    stage.ask("rotate", "one")
    stage.later(minutes=20)
    stage.eye.control.release_function(stage.function)
    stage.aws_has_rotated()
    stage.look()
    stage.expect_one_credential()
    assert stage.status().version_id == stage.labels()[CURRENT]


def test_B5_half_a_rotation_is_reconciling_for_fifteen_minutes(stage: Stage) -> None:
    stage.given_lambda("half")
    stage.ask("rotate", "one")
    stage.aws_has_rotated()
    pending = stage.labels()[PENDING]
    assert (stage.logs_in(FIRST), stage.logs_in(stage.value(pending)["password"])) == (False, True)
    stage.later(minutes=3)
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "Reconciling")
    assert not stage.events("LoginFailed")
    stage.later(minutes=6)
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "Reconciling")


def test_E3_after_fifteen_minutes_the_version_that_works_is_named(stage: Stage) -> None:
    stage.given_lambda("half")
    stage.ask("rotate", "one")
    stage.aws_has_rotated()
    stage.later(minutes=3)
    stage.later(minutes=15)
    pending = stage.labels()[PENDING]
    assert stage.said(Kind.CREDENTIAL_VERIFIED) == ("False", "LoginFailed")
    assert f"version {pending[:8]} logs in" in stage.message(Kind.CREDENTIAL_VERIFIED)
    assert (stage.password, stage.writes()[-1]) == (FIRST, "RotateSecret")
    stage.secretsmanager.update_secret_version_stage(
        SecretId=stage.arn, VersionStage=CURRENT, MoveToVersionId=pending, RemoveFromVersionId=stage.labels()[CURRENT]
    )
    stage.look()
    assert (stage.said(Kind.CREDENTIAL_VERIFIED), stage.password) == (("True", "Succeeded"), stage.value(pending)["password"])


@pytest.mark.parametrize("step", ["createSecret", "setSecret"])
def test_a_function_that_fails_leaves_a_working_credential_and_can_be_mended(stage: Stage, step: str) -> None:
    stage.given_lambda("fail", step=step)
    stage.ask("rotate", "one")
    assert stage.aws_has_rotated()["result"] == "failed"
    stage.later(minutes=3)
    assert (stage.said(Kind.ROTATION_READY), stage.said(Kind.CREDENTIAL_VERIFIED)) == (("False", "RotationFailed"), ("True", "Succeeded"))
    assert stage.logs_in(stage.password)
    stage.take_off_pending()
    stage.look()
    assert stage.answer("rotate")[0] == "Failed"
    stage.given_function()
    stage.hand.clock.advance(stage.hand.world.house.min_rotation_interval)
    stage.ask("rotate", "two")
    stage.follow()
    assert (stage.answer("rotate")[0], stage.said(Kind.ROTATION_READY)) == ("Done", ("True", "Succeeded"))
    stage.expect_one_credential()


def test_a_function_that_is_not_there_is_said_and_the_credential_is_published(stage: Stage) -> None:
    stage.given_resource(method="Lambda", functionArn=stage.function, **SCHEDULE)
    assert stage.said(Kind.ROTATION_READY) == ("False", "FunctionNotFound")
    assert "spec.rotation.functionArn" in stage.message(Kind.ROTATION_READY)
    assert (stage.said(Kind.MIRRORED)[0], stage.password) == ("True", FIRST)
    stage.given_function()
    stage.look()
    assert (stage.said(Kind.ROTATION_READY), len(stage.events("RotationConfigured"))) == (("True", "Succeeded"), 1)


def test_a_request_to_a_function_that_is_not_there_fails(stage: Stage) -> None:
    stage.given_resource(method="Lambda", functionArn=stage.function)
    stage.ask("rotate", "one")
    assert (stage.answer("rotate")[0], stage.said(Kind.ROTATION_READY)) == ("Failed", ("False", "FunctionNotFound"))
    assert PENDING not in stage.labels()


def test_aws_that_denies_the_rotation_is_said_and_the_credential_is_published(stage: Stage) -> None:
    denial = stage.aws.control.fault("error", "RotateSecret", code="AccessDeniedException", count=None)
    stage.given_lambda(spec=SCHEDULE)
    assert (stage.said(Kind.ROTATION_READY), stage.said(Kind.MIRRORED)[0]) == (("False", "AccessDenied"), "True")
    stage.aws.control.release(denial)
    stage.look()
    assert stage.said(Kind.ROTATION_READY) == ("True", "Succeeded")


def test_an_answer_of_aws_that_is_lost_makes_no_second_rotation(stage: Stage) -> None:
    stage.given_lambda()
    stage.aws.control.fault("lost", "RotateSecret")
    stage.ask("rotate", "one")
    stage.follow()
    assert len(stage.eye.control.rotations(stage.arn, seconds=30)) == 1
    assert stage.answer("rotate")[0] == "Done"
    stage.expect_one_credential()


def test_E4_operator_refuses_a_secret_that_aws_rotates(stage: Stage) -> None:
    stage.given_resource()
    stage.given_function()
    stage.secretsmanager.rotate_secret(SecretId=stage.arn, RotationLambdaARN=stage.function, RotateImmediately=False)
    stage.aws_has_rotated()
    described, since = stage.described(), stage.last_call()
    stage.ask("rotate", "one")
    assert stage.said(Kind.ROTATION_READY) == ("False", "RotationOwnedByAWS")
    assert stage.answer("rotate")[0] == "Refused"
    after = stage.described()
    unchanged = ("RotationEnabled", "RotationLambdaARN", "VersionIdsToStages", "LastChangedDate")
    assert {key: after[key] for key in unchanged} == {key: described[key] for key in unchanged}
    assert (stage.writes(since), stage.password, stage.said(Kind.MIRRORED)[0]) == ([], FIRST, "True")
