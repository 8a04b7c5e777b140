"""SAFETY.md A2: what AWSPENDING means, row by row, on a real database."""

from datetime import timedelta

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.secret import CURRENT, PENDING, PREVIOUS
from rotated_rds.model.status import Kind, Status
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import set_password
from tests.support.safety import FIRST, Scene


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws)


def ended_later(scene: Scene) -> None:
    """Let the house's shortest pause between two rotations go by."""
    scene.hand.clock.advance(timedelta(minutes=1))


def at_hand(status: Status, request: str) -> str:
    return status.requests[request].result


def test_A2_on_awscurrent_it_is_taken_off(scene: Scene) -> None:
    scene.begin()
    current = scene.label(CURRENT)
    scene.move(PENDING, current)
    scene.look()
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == current


def test_A2_on_awsprevious_it_is_never_promoted_and_taken_off(scene: Scene) -> None:
    scene.begin()
    current = scene.rotate("next").version_id
    scene.move(PENDING, scene.label(PREVIOUS))
    scene.look()
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == current


def test_A2_on_a_version_that_was_awscurrent_long_ago_it_is_taken_off(scene: Scene) -> None:
    scene.begin()
    first = scene.label(CURRENT)
    scene.rotate("next")
    current = scene.rotate_again("and again").version_id
    assert first not in scene.labels().values()
    scene.move(PENDING, first)
    scene.look()
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == current


def test_A2_on_an_older_version_that_was_never_awscurrent_it_is_taken_off(scene: Scene) -> None:
    scene.begin()
    older = scene.put("Never-used-1", ["somebody"])
    current = scene.rotate("next").version_id
    scene.move(PENDING, older)
    scene.look()
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == current


def test_A2_it_stays_on_an_old_version_while_awscurrent_does_not_log_in(scene: Scene) -> None:
    scene.begin()
    scene.rotate("next")
    old = scene.label(PREVIOUS)
    set_password(scene.database, scene.user, FIRST)
    scene.move(PENDING, old)
    scene.look()
    assert scene.label(PENDING) == old, "it is the one that works"
    assert scene.label(CURRENT) != old


def test_A2_a_version_newer_than_awscurrent_that_was_awscurrent_is_not_promoted(scene: Scene) -> None:
    scene.begin()
    first = scene.label(CURRENT)
    newer = scene.rotate("next").version_id
    assert newer is not None
    set_password(scene.database, scene.user, FIRST)
    scene.move(CURRENT, first)
    scene.look()
    scene.hand.clock.advance(timedelta(seconds=10))
    assert scene.look().version_id == first
    scene.move(PENDING, newer)
    scene.look()
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == first


def test_A2_ours_without_a_value_is_put(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("next")
    placeholder(scene, ours)
    assert scene.label(PENDING) == ours
    assert ours not in scene.versions()
    assert at_hand(scene.settle(), "rotate") == "Done"
    assert scene.expect_one_credential() == ours


def placeholder(scene: Scene, version: str) -> None:
    """AWSPENDING on a version without a value: what AWS's own RotateSecret leaves before the function's first step."""
    arn = scene.aws.control.function(scene.aws.function_arn(f"fails-{scene.user}"), "fail", step="createSecret", attempts=1)
    scene.secretsmanager.rotate_secret(SecretId=scene.arn, ClientRequestToken=version, RotationLambdaARN=arn, RotateImmediately=True)
    scene.aws.control.rotations(scene.arn, count=1)
    scene.secretsmanager.cancel_rotate_secret(SecretId=scene.arn)


def test_A2_ours_with_a_value_that_is_refused_is_set(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    assert scene.label(PENDING) == ours
    assert scene.logs_in(FIRST), "nothing is set before the version was read back"
    password = scene.password(ours)
    scene.settle()
    assert scene.expect_one_credential() == ours
    assert scene.password(ours) == password


def test_A2_ours_with_a_value_that_logs_in_is_finished_without_another_change(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("error", "UpdateSecretVersionStage", code="InternalServiceError")
    scene.turn()
    assert scene.logs_in(scene.password(ours)), "set, and AWSCURRENT has not moved"
    assert scene.label(CURRENT) != ours
    scene.settle()
    assert scene.expect_one_credential() == ours


def test_A2_ours_is_given_up_when_somebody_moves_awscurrent_past_it(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    set_password(scene.database, scene.user, "By-hand-1")
    by_hand = scene.put("By-hand-1", [CURRENT])
    status = scene.settle()
    assert at_hand(status, "rotate") == "Failed"
    assert ours not in scene.labels().values()
    assert scene.expect_one_credential() == by_hand


def test_A2_foreign_while_awss_rotation_is_on_is_left_alone(scene: Scene) -> None:
    scene.begin()
    arn = scene.aws.control.function(scene.aws.function_arn(f"hangs-{scene.user}"), "hang")
    theirs = scene.secretsmanager.rotate_secret(SecretId=scene.arn, RotationLambdaARN=arn, RotateImmediately=True)["VersionId"]
    status = scene.rotate("ours")
    assert scene.reason(Kind.ROTATION_READY) == Reason.ROTATION_OWNED_BY_AWS
    assert at_hand(status, "rotate") == "Refused"
    assert scene.label(PENDING) == theirs
    scene.aws.control.release_function(arn)


def test_A2_foreign_without_a_rotation_of_awss_is_said_and_tried(scene: Scene) -> None:
    scene.begin()
    theirs = scene.put("Theirs-Passw0rd", [PENDING])
    status = scene.rotate("ours")
    assert scene.reason(Kind.ROTATION_READY) == Reason.PENDING_FOREIGN
    assert "refused" in (message(status) or "")
    assert at_hand(status, "rotate") == "Refused"
    assert scene.label(PENDING) == theirs
    assert scene.cluster.content("db")["password"] == FIRST, "what works stays published"


def message(status: Status) -> str | None:
    found = status.condition(Kind.ROTATION_READY)
    return found.message if found else None


def test_A2_foreign_that_logs_in_is_said_to_and_not_even_force_rotate_takes_it_off(scene: Scene) -> None:
    scene.begin()
    set_password(scene.database, scene.user, "Theirs-Passw0rd")
    theirs = scene.put("Theirs-Passw0rd", [PENDING])
    scene.cluster.annotate("db", force_rotate="now")
    status = scene.settle()
    assert "it logs in" in (message(status) or "")
    assert at_hand(status, "force-rotate") == "Refused"
    assert scene.label(PENDING) == theirs


def test_A2_force_rotate_takes_a_dead_foreign_one_off_and_rotates(scene: Scene) -> None:
    scene.begin()
    theirs = scene.put("Theirs-Passw0rd", [PENDING])
    scene.look()
    scene.cluster.annotate("db", force_rotate="now")
    assert at_hand(scene.settle(), "force-rotate") == "Done"
    assert scene.expect_one_credential() == scene.token("now") != theirs


def test_A2_a_foreign_one_that_comes_during_our_rotation_ends_it(scene: Scene) -> None:
    scene.begin()
    scene.begin_rotation("next")
    theirs = scene.put("Theirs-Passw0rd", [PENDING])
    status = scene.settle()
    assert at_hand(status, "rotate") == "Failed"
    assert scene.label(PENDING) == theirs
    assert scene.logs_in(FIRST)


def test_A2_ours_that_failed_is_not_foreign_and_does_not_come_back(scene: Scene) -> None:
    scene.begin()
    scene.aws.control.fault("error", "UpdateSecretVersionStage", code="AccessDenied", count=2)
    status = scene.rotate("next")
    assert at_hand(status, "rotate") == "Failed"
    failed = status.history[0].version_id
    ended_later(scene)
    scene.look()
    assert failed not in scene.labels().values()
    assert scene.expect_one_credential() != failed
