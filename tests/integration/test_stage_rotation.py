"""RotationReady: what it says of rotations and of AWSPENDING, and that it goes on saying it (API.md; SAFETY.md A2, E4)."""

import json
from typing import Any

import pytest

from rotated_rds.model.status import Kind, Status
from tests.support.databases import can_log_in
from tests.support.scene import FIRST, LOOK, Scene, reason, said


def rotation(status: Status) -> str:
    return reason(status, Kind.ROTATION_READY)


def pending_by_hand(scene: Scene, password: str) -> str:
    """Somebody's AWSPENDING."""
    text = json.dumps({**scene.current()[1], "password": password})
    client = scene.by_hand.secretsmanager()
    return str(client.put_secret_value(SecretId=scene.secret_id, SecretString=text, VersionStages=["AWSPENDING"])["VersionId"])


def test_a_rotation_is_told_in_history_status_and_events(scene: Scene) -> None:
    before = scene.given_ready()
    status = scene.rotated()
    (line,) = status.history
    assert (line.result, line.version_id) == ("Succeeded", status.version_id)
    assert line.version_id != before.version_id
    assert status.rotation.last_rotated is not None
    assert status.rotation.in_progress is None
    assert (status.rotation.method, status.rotation.strategy) == ("Operator", "SingleUser")
    for event in ("RotationStarted", "RotationSucceeded"):
        assert len(scene.events(event)) == 1
    assert can_log_in(scene.database, scene.user, scene.password)
    assert not can_log_in(scene.database, scene.user, FIRST)


def test_history_keeps_the_last_ten(scene: Scene) -> None:
    scene.given_ready()
    after = [scene.rotated() for _ in range(11)][-1]
    assert len(after.history) == 10
    assert after.history[0].version_id == after.version_id


@pytest.mark.parametrize("immediately", [None, True])
def test_a_secret_that_we_created_rotates_once_at_the_beginning(scene: Scene, immediately: bool | None) -> None:
    status = scene.given_ready(rotation={"immediately": immediately})
    assert len(status.history) == 1
    assert not can_log_in(scene.database, scene.user, FIRST)
    scene.restarted()
    scene.later(hours=1)
    assert len(scene.settled(LOOK).history) == 1


def test_a_secret_that_was_taken_over_does_not_rotate_at_the_beginning(scene: Scene) -> None:
    scene.given_secret_in_aws(FIRST)
    scene.cluster.given_resource(scene.resource(secret={"adoption": "Always"}, rotation={"immediately": None}))
    assert scene.settled().history == ()
    assert can_log_in(scene.database, scene.user, FIRST)


def test_ready_is_not_true_before_the_first_rotation_has_ended(scene: Scene) -> None:
    scene.given(rotation={"immediately": None})
    seen: list[bool] = []
    status = scene.turn()
    while not status.history:
        seen.append(said(status, Kind.READY).true)
        status = scene.turn()
    assert seen
    assert not any(seen)


def test_A2_somebody_else_s_AWSPENDING_is_said_by_every_look_until_it_is_gone(scene: Scene) -> None:
    scene.given_ready()
    version = pending_by_hand(scene, "foreign-Passw0rd")
    for hint in (LOOK, None):
        status = scene.settle(hint)
        assert rotation(status) == "False PendingForeign"
        assert version[:8] in said(status, Kind.ROTATION_READY).message
        assert said(status, Kind.STALLED).reason == "PendingForeign"
    assert scene.asked(rotate="1").requests["rotate"].result == "Refused"
    assert scene.password == FIRST
    client = scene.by_hand.secretsmanager()
    client.update_secret_version_stage(SecretId=scene.secret_id, VersionStage="AWSPENDING", RemoveFromVersionId=version)
    assert rotation(scene.settled()) == "True"


def test_A2_force_rotate_takes_a_dead_foreign_AWSPENDING_off(scene: Scene) -> None:
    scene.given_ready()
    version = pending_by_hand(scene, "foreign-Passw0rd")
    scene.settle(LOOK)
    status = scene.asked(force_rotate="now")
    assert status.requests["force-rotate"].result == "Done"
    assert status.version_id != version
    assert can_log_in(scene.database, scene.user, scene.password)


def test_E4_a_secret_that_AWS_rotates_is_not_rotated_by_us_and_every_look_says_so(scene: Scene) -> None:
    scene.given_ready()
    arn = scene.by_hand.control.function(scene.by_hand.function_arn(f"f-{scene.cluster.namespace}"), "honest")
    rules: Any = {"ScheduleExpression": "rate(30 days)"}
    client = scene.by_hand.secretsmanager()
    client.rotate_secret(SecretId=scene.secret_id, RotationLambdaARN=arn, RotationRules=rules, RotateImmediately=False)
    scene.by_hand.control.rotations(str(scene.cluster.status(scene.name)["secretArn"]))
    for hint in (LOOK, None):
        assert rotation(scene.settle(hint)) == "False RotationOwnedByAWS"
    assert scene.asked(rotate="1").requests["rotate"].result == "Refused"
    assert scene.password == FIRST
    client.cancel_rotate_secret(SecretId=scene.secret_id)
    assert rotation(scene.settled()) == "True"


def test_a_rotation_that_fails_is_said_until_the_next_success_or_a_sync(scene: Scene) -> None:
    scene.given_ready()
    fault = scene.aws.control.fault("error", "PutSecretValue", code="AccessDeniedException", status=400, count=None)
    status = scene.asked(rotate="1")
    scene.aws.control.release(fault)
    assert status.requests["rotate"].result == "Failed"
    assert [line.result for line in status.history] == ["Failed"]
    assert len(scene.events("RotationFailed")) >= 1
    assert rotation(status).startswith("False")
    assert rotation(scene.settle()) == rotation(status), "it goes on saying so"
    assert scene.password == FIRST
    assert rotation(scene.asked(sync="1")) == "True"
    scene.rotated()
