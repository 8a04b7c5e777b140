"""Another method on a live resource, and `take-rotation`: the rotation changes its owner without a gap (SAFETY.md E4)."""

import json
from typing import Any

import pytest

from rotated_rds.model.status import Kind, Status
from tests.support.databases import can_log_in
from tests.support.scene import FIRST, LOOK, Scene, reason, said

SCHEDULE = {"schedule": "rate(10 days)", "window": "3h"}
RULES = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}
TO_OPERATOR = {"method": None, "functionArn": None}


def function(scene: Scene, kind: str = "honest", **more: object) -> str:
    arn = scene.by_hand.function_arn(scene.user)
    return scene.by_hand.control.function(arn, kind, **{"pause": 0, "attempts": 1, **more})


def by_lambda(scene: Scene, kind: str = "honest", **more: object) -> str:
    """A resource of method Lambda, mirrored and at rest; its function."""
    arn = function(scene, kind, **more)
    scene.given_ready(rotation={"functionArn": arn, **SCHEDULE})
    aws_has_rotated(scene)
    return arn


def described(scene: Scene) -> dict[str, Any]:
    return {**scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)}


def labels(scene: Scene) -> dict[str, str]:
    return {label: version for version, held in described(scene)["VersionIdsToStages"].items() for label in held}


def aws_has_rotated(scene: Scene, count: int = 1) -> list[str]:
    runs = scene.by_hand.control.rotations(described(scene)["ARN"], seconds=60, count=count)
    return [run["result"] for run in runs]


def rotation(status: Status) -> str:
    return reason(status, Kind.ROTATION_READY)


def expect_ours(scene: Scene) -> None:
    """The rotation is the operator's: it rotates, and the password before is dead."""
    before = scene.password
    assert not described(scene).get("RotationEnabled")
    status = scene.rotated()
    assert (status.rotation.method, rotation(status)) == ("Operator", "True")
    assert (can_log_in(scene.database, scene.user, scene.password), can_log_in(scene.database, scene.user, before)) == (True, False)


def test_E4_a_rotation_under_way_ends_first_then_it_is_cancelled_and_a_function_s_time_passes(scene: Scene) -> None:
    arn = by_lambda(scene, "hang")
    scene.by_hand.secretsmanager().rotate_secret(SecretId=scene.secret_id)
    status = scene.changed(rotation={**TO_OPERATOR, "schedule": None, "window": None})
    assert (rotation(status), status.rotation.method) == ("Unknown Pending", "Lambda")
    assert scene.calls("CancelRotateSecret") == 0
    scene.by_hand.control.release_function(arn)
    aws_has_rotated(scene, 2)
    status = scene.settle(LOOK)
    assert "15 minutes" in said(status, Kind.ROTATION_READY).message
    assert scene.calls("CancelRotateSecret") == 1
    assert can_log_in(scene.database, scene.user, scene.password), "what AWS rotated to is published"
    scene.later(minutes=10)
    assert scene.asked(rotate="early").requests == {}
    scene.later(minutes=6)
    assert scene.settled().requests["rotate"].result == "Done"
    expect_ours(scene)
    assert any("the operator rotates" in note for note in scene.events("RotationConfigured"))


def test_E4_A2_what_a_failed_function_left_is_taken_off_when_it_is_dead_and_kept_when_it_logs_in(scene: Scene) -> None:
    by_lambda(scene, "fail", step="setSecret")
    client, other = scene.by_hand.secretsmanager(), scene.another("other")
    arn = scene.by_hand.control.function(scene.by_hand.function_arn(other.user), "half", pause=0, attempts=1)
    other.given_ready(rotation={"functionArn": arn, **SCHEDULE})
    assert aws_has_rotated(other) == ["failed"]  # RotateImmediately=false calls testSecret, where this one fails
    for one in (scene, other):
        client.rotate_secret(SecretId=one.secret_id)
        assert aws_has_rotated(one, 2)[-1] == "failed"
        one.changed(rotation={**TO_OPERATOR, "schedule": None, "window": None})
    for _ in range(2):  # still before, and still after AWS's rotation is cancelled
        scene.later(minutes=16)
        scene.settle(LOOK)
        other.settle(LOOK)
    assert "AWSPENDING" not in labels(scene)
    expect_ours(scene)
    left = labels(other)
    status = other.settle(LOOK)
    assert (rotation(status), "it logs in" in said(status, Kind.ROTATION_READY).message) == ("False PendingForeign", True)
    client.update_secret_version_stage(
        SecretId=other.secret_id, VersionStage="AWSCURRENT", MoveToVersionId=left["AWSPENDING"], RemoveFromVersionId=left["AWSCURRENT"]
    )
    other.settled(LOOK)
    expect_ours(other)


def struck(scene: Scene, fault: int) -> None:
    """Time goes by until the operator makes the call that a fault waits for."""
    for _ in range(4):
        scene.later(minutes=16)
        scene.settle(LOOK)
        if scene.aws.control.wait_struck(fault, seconds=0):
            return
    raise AssertionError("the call never came")


@pytest.mark.parametrize(("kind", "code"), [("lost", None), ("error", "InternalServiceError")])
def test_E4_an_operator_that_ends_at_any_write_of_a_change_is_followed_by_one_that_carries_it_out(
    scene: Scene, kind: str, code: str | None
) -> None:
    arn, more = by_lambda(scene, "fail", step="setSecret"), {"code": code} if code else {}
    scene.by_hand.secretsmanager().rotate_secret(SecretId=scene.secret_id)
    aws_has_rotated(scene, 2)
    scene.settle(LOOK)
    scene.later(minutes=16)
    scene.changed(rotation={**TO_OPERATOR, "schedule": None, "window": None})
    for operation in ("CancelRotateSecret", "UpdateSecretVersionStage"):
        struck(scene, scene.aws.control.fault(kind, operation, **more))
        scene.restarted()
        scene.settle(LOOK)
    for _ in range(2):
        scene.later(minutes=16)
        scene.settle(LOOK)
    assert "AWSPENDING" not in labels(scene)
    expect_ours(scene)
    function(scene)
    scene.aws.control.fault(kind, "RotateSecret", **more)
    scene.changed(rotation={"functionArn": arn, **SCHEDULE})
    scene.restarted()
    scene.settled(LOOK)
    assert described(scene)["RotationEnabled"]
    assert described(scene)["RotationRules"].items() >= RULES.items()
    assert aws_has_rotated(scene)[-1] == "tested"
    assert can_log_in(scene.database, scene.user, scene.password)


def test_E4_to_lambda_awspending_is_cleared_and_nothing_rotates(scene: Scene) -> None:
    first = scene.given_ready().version_id or ""
    scene.rotated()
    client, password = scene.by_hand.secretsmanager(), scene.password
    client.update_secret_version_stage(SecretId=scene.secret_id, VersionStage="AWSPENDING", MoveToVersionId=first)
    status = scene.changed(rotation={"functionArn": function(scene), **SCHEDULE})
    assert (rotation(status), status.rotation.method) == ("True", "Lambda")
    assert aws_has_rotated(scene) == ["tested"]
    assert (described(scene)["RotationRules"].items() >= RULES.items(), scene.password) == (True, password)


def test_E4_to_external_a_stranger_s_awspending_is_said_first_and_then_nothing_is_written(scene: Scene) -> None:
    scene.given_ready()
    client = scene.by_hand.secretsmanager()
    theirs = json.dumps({**scene.current()[1], "password": "theirs-Passw0rd"})
    client.put_secret_value(SecretId=scene.secret_id, SecretString=theirs, VersionStages=["AWSPENDING"])
    pending = labels(scene)["AWSPENDING"]
    external = {"rotation": {"method": "External", "immediately": None}, "secret": {"name": scene.secret_id}}
    status = scene.changed(**external, user={"name": scene.user, "passwordSecretRef": None})
    assert (rotation(status), status.rotation.method) == ("False PendingForeign", "Operator")
    client.update_secret_version_stage(SecretId=scene.secret_id, VersionStage="AWSPENDING", RemoveFromVersionId=pending)
    assert scene.settled(LOOK).rotation.method == "External"
    scene.moved_by_hand("by-hand-Passw0rd")
    assert (scene.settled(LOOK).rotation.method, scene.password) == ("External", "by-hand-Passw0rd")
    scene.changed(rotation={"method": "Operator", "immediately": False})
    scene.settled(LOOK)
    expect_ours(scene)


def test_E4_take_rotation_ends_aws_s_rotation_and_is_answered_when_ours_may_begin(scene: Scene) -> None:
    scene.given_ready()
    client = scene.by_hand.secretsmanager()
    client.rotate_secret(SecretId=scene.secret_id, RotationLambdaARN=function(scene), RotateImmediately=False)
    aws_has_rotated(scene)
    assert rotation(scene.settle(LOOK)) == "False RotationOwnedByAWS"
    scene.aws.control.fault("error", "CancelRotateSecret", code="AccessDeniedException")
    assert rotation(scene.asked(take_rotation="now", rotate="then")) == "False AccessDenied"
    status = scene.settle(LOOK)
    assert (status.requests, scene.calls("CancelRotateSecret")) == ({}, 1)
    scene.restarted()
    scene.settle(LOOK)
    scene.later(minutes=16)
    status = scene.settled(LOOK)
    assert {name: one.result for name, one in status.requests.items()} == {"take-rotation": "Done", "rotate": "Done"}
    assert scene.password != FIRST
    expect_ours(scene)
