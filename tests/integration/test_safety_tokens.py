"""SAFETY.md A1: one token a cause, so that nothing can make a second password."""

from datetime import timedelta

import pytest

from rotated_rds.model.secret import CURRENT, PENDING, token
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.resources import a_resource
from tests.support.safety import EVERY_4_HOURS, FIRST, Scene


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws)


def test_A1_the_version_id_is_the_token_of_the_request(scene: Scene) -> None:
    scene.begin()
    scene.rotate("by hand")
    assert scene.expect_one_credential() == scene.token("by hand")


def test_A1_the_same_request_twice_makes_one_version(scene: Scene) -> None:
    scene.begin()
    scene.rotate("once")
    made = scene.versions()
    scene.cluster.annotate("db", rotate=None)
    scene.settle()
    scene.rotate("once")
    assert scene.versions() == made
    scene.expect_one_credential()


def test_A1_a_request_of_a_resource_applied_again_is_done_without_a_new_version(scene: Scene) -> None:
    scene.begin()
    scene.rotate("from git")
    made, body = scene.versions(), scene.cluster.resource("db")
    scene.cluster.delete("db")
    again = a_resource(scene.cluster.namespace, "db", scene.database, scene.user)
    again["metadata"]["annotations"] = body["metadata"]["annotations"]
    scene.cluster.expect_collected("db")
    scene.cluster.given_resource(again)
    assert scene.settle().requests["rotate"].result == "Done"
    assert scene.versions() == made
    scene.expect_one_credential()


def test_A1_a_request_that_was_carried_out_stays_done_when_status_is_lost(scene: Scene) -> None:
    scene.begin()
    scene.rotate("once")
    made = scene.versions()
    scene.forget_status()
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    assert scene.versions() == made
    scene.expect_one_credential()


@pytest.mark.parametrize("lost_at", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_A1_a_rotation_whose_status_is_lost_goes_on_with_the_same_version(scene: Scene, lost_at: str) -> None:
    scene.begin()
    ours = scene.begin_rotation("once")
    scene.aws.control.fault("lost" if lost_at == "PutSecretValue" else "error", lost_at, code="InternalServiceError")
    scene.turn()
    assert scene.label(PENDING) == ours
    made = scene.versions()
    scene.forget_status()
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    assert scene.versions() == made
    assert scene.expect_one_credential() == ours


def test_A1_a_scheduled_rotation_whose_status_is_lost_goes_on_with_the_same_version(scene: Scene) -> None:
    scene.begin(rotation=EVERY_4_HOURS)
    scene.until_due()
    began = scene.turn().rotation.in_progress
    assert began is not None
    scene.aws.control.fault("error", "UpdateSecretVersionStage", code="InternalServiceError")
    scene.turn()
    assert scene.label(PENDING) == began.version_id
    scene.forget_status()
    scene.settle()
    assert scene.expect_one_credential() == began.version_id


def test_A1_the_clocks_cause_is_its_window_and_the_version_before(scene: Scene) -> None:
    scene.begin(rotation=EVERY_4_HOURS)
    first, opens = scene.label(CURRENT), scene.until_due()
    assert scene.settle().version_id == scene.token(f"{opens.isoformat()}\n{first}")
    scene.expect_one_credential()


def test_A1_an_answer_lost_and_a_stale_list_of_labels_make_no_second_password(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("once")
    moment = scene.aws.control.moment()
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    stored = scene.password(ours)
    stale = scene.aws.control.fault("stale", "DescribeSecret", moment=moment, count=None)
    status = scene.turn()
    assert status.rotation.in_progress is not None, "the version is there: nothing has failed"
    scene.aws.control.release(stale)
    assert scene.settle().requests["rotate"].result == "Done"
    assert scene.password(scene.expect_one_credential()) == stored


def test_A1_a_create_whose_answer_is_lost_makes_one_secret(scene: Scene) -> None:
    scene.cluster.given_user(scene.database, scene.user, FIRST)
    scene.cluster.given_resource(a_resource(scene.cluster.namespace, "db", scene.database, scene.user))
    scene.aws.control.fault("lost", "CreateSecret")
    scene.turn()
    status = scene.settle()
    place = f"{scene.aws.account}/{scene.aws.region}/{scene.cluster.namespace}/db"
    assert status.version_id == token(place, "create", 0)
    assert len(scene.versions()) == 1


def test_A1_a_failed_attempt_gives_the_clocks_next_one_the_next_number(scene: Scene) -> None:
    scene.begin(rotation=EVERY_4_HOURS)
    cause = f"{scene.until_due().isoformat()}\n{scene.label(CURRENT)}"
    scene.aws.control.fault("error", "UpdateSecretVersionStage", code="AccessDenied")
    status = scene.settle()
    assert [(line.version_id, line.result) for line in status.history] == [(scene.token(cause, 0), "Failed")]
    assert scene.logs_in(FIRST)
    scene.hand.clock.advance(timedelta(minutes=2))
    assert scene.settle().version_id == scene.token(cause, 1)
    scene.expect_one_credential()
