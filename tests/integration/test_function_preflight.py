"""Functions of method Lambda: looked at before AWS is asked, shared, repaired after drift, and alternating between two users."""

import json
import secrets
from typing import Any

from rotated_rds.model.status import Kind, Status
from tests.support.databases import can_log_in, new_user
from tests.support.scene import FIRST, LOOK, Scene, reason, said

SCHEDULE = {"schedule": "rate(10 days)", "window": "3h"}
DENIED = {"code": "AccessDeniedException", "count": None, "service": "lambda"}


def given_function(scene: Scene, kind: str = "honest", **more: object) -> str:
    return scene.by_hand.control.function(scene.by_hand.function_arn(scene.user), kind, **{"pause": 0, "attempts": 1, **more})


def described(scene: Scene) -> dict[str, Any]:
    return {**scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)}


def looks(scene: Scene) -> dict[str, int]:
    counts = scene.aws.control.counts()
    return {name: sum(codes.values()) for name, codes in counts.items() if name.startswith("lambda.")}


def message(status: Status) -> str:
    return said(status, Kind.ROTATION_READY).message


def rotation(status: Status) -> str:
    return reason(status, Kind.ROTATION_READY)


def rotated_by_aws(scene: Scene, text: str) -> Status:
    """A request, carried out by AWS's function and followed."""
    count = len(scene.by_hand.control.rotations(described(scene)["ARN"]))
    scene.later(minutes=11)  # past the grace of the credential before, where there is one
    scene.asked(rotate=text)
    scene.by_hand.control.rotations(described(scene)["ARN"], seconds=60, count=count + 1)
    status = scene.settled(LOOK)
    assert status.requests["rotate"].result == "Done"
    return status


def test_one_function_serves_two_secrets_and_is_looked_at_once(scene: Scene) -> None:
    arn, other = given_function(scene), scene.another("other")
    scene.given_ready(rotation={"functionArn": arn, **SCHEDULE})
    other.given_ready(rotation={"functionArn": arn, "schedule": "rate(20 days)"})
    for one in (scene, other):
        one.by_hand.control.rotations(described(one)["ARN"], seconds=60, count=1)
        rotated_by_aws(one, "once")
        assert can_log_in(one.database, one.user, one.password)
    assert looks(scene) == {"lambda.GetFunctionConfiguration": 1, "lambda.GetPolicy": 1}
    assert [described(one)["RotationRules"]["ScheduleExpression"] for one in (scene, other)] == ["rate(10 days)", "rate(20 days)"]
    # Another function, and no rotation at all, put there by hand.
    client, wrong = scene.by_hand.secretsmanager(), scene.by_hand.control.function(f"{arn}-2", "honest")
    client.rotate_secret(SecretId=scene.secret_id, RotationLambdaARN=wrong, RotateImmediately=False)
    client.cancel_rotate_secret(SecretId=other.secret_id)
    scene.by_hand.control.rotations(described(scene)["ARN"], seconds=60, count=3)
    for one in (scene, other):
        password = one.password
        one.settled(LOOK)
        shown = described(one)
        assert (shown["RotationEnabled"], shown["RotationLambdaARN"], one.password) == (True, arn, password)


def test_a_function_that_shuts_aws_out_is_said_before_aws_is_asked_and_a_denied_or_old_one_stops_nothing(scene: Scene) -> None:
    arn = given_function(scene)
    scene.given_ready(rotation={"functionArn": arn, **SCHEDULE})
    asked = scene.calls("RotateSecret")
    given_function(scene, policy={})
    status = scene.asked(sync="1")
    assert (rotation(status), f"--function-name {arn}" in message(status)) == ("False AccessDenied", True)
    assert scene.asked(rotate="1").requests["rotate"].result == "Failed"
    assert (scene.calls("RotateSecret"), scene.password) == (asked, FIRST)
    given_function(scene, modified="2021-11-01T00:00:00+00:00")
    scene.settle(LOOK)
    status = scene.asked(sync="2")
    assert (rotation(status), "2021-11-01" in message(status)) == ("True", True)
    for operation in ("GetFunctionConfiguration", "GetPolicy"):
        scene.aws.control.fault("error", operation, **DENIED)
    status = scene.asked(sync="3")
    assert rotation(status) == "True"
    assert "AWS denies lambda:GetFunctionConfiguration, lambda:GetPolicy" in message(status)
    rotated_by_aws(scene, "2")


def given_administrator(scene: Scene) -> str:
    """An administrator's secret; its ARN."""
    database = scene.database
    value = {"engine": database["engine"], "host": "localhost", "port": database["port"], "username": database["admin_user"]}
    text = json.dumps({**value, "password": database["admin_password"]})
    return str(scene.by_hand.secretsmanager().create_secret(Name=f"admins/{scene.user}", SecretString=text)["ARN"])


def given_ours(scene: Scene) -> str:
    """Our own function, which alternates where the secret's JSON names an administrator."""
    environment = {"ROTATED_RDS_CA_FILE": str(scene.database["ca"]), **scene.by_hand.environment}
    return given_function(scene, "ours", environment=environment)


def test_D1_our_own_function_gets_masterarn_once_and_its_users_take_turns(scene: Scene) -> None:
    admin, arn = given_administrator(scene), given_ours(scene)
    for operation in ("PutSecretValue", "UpdateSecretVersionStage"):
        scene.aws.control.fault("lost", operation)
    scene.given_secret_in_aws(FIRST)  # somebody's, without masterarn: one that we create has it at once
    user = {"adminSecretId": f"admins/{scene.user}", "passwordSecretRef": None}
    rotation_spec = {"functionArn": arn, "strategy": "AlternatingUsers"}
    scene.cluster.given_resource(scene.resource(secret={"adoption": "Always"}, rotation=rotation_spec, user=user))
    for _ in range(3):  # after each lost answer another operator
        scene.settle(LOOK)
        scene.restarted()
    scene.settled(LOOK)
    value = scene.current()[1]
    assert (value["masterarn"], value["username"], value["password"]) == (admin, scene.user, FIRST)
    assert len(described(scene)["VersionIdsToStages"]) == 2, "the first version, and one that names the administrator"
    before = (scene.user, FIRST)
    for number, user in enumerate((f"{scene.user}_clone", scene.user, f"{scene.user}_clone")):
        assert rotated_by_aws(scene, str(number)).username == user
        assert all(can_log_in(scene.database, *one) for one in ((user, scene.password), before)), "nobody is cut off"
        assert scene.current()[1]["masterarn"] == admin
        before = (user, scene.password)


def test_D1_a_secret_of_a_third_user_is_a_mismatch_and_is_not_rotated(scene: Scene) -> None:
    given_administrator(scene)
    rotation_spec = {"functionArn": given_ours(scene), "strategy": "AlternatingUsers"}
    scene.given_ready(rotation=rotation_spec, user={"adminSecretId": f"admins/{scene.user}"})
    third = f"u_{secrets.token_hex(5)}"
    new_user(scene.database, third, "third-Passw0rd")
    scene.put_keys(username=third, password="third-Passw0rd")
    status = scene.settle(LOOK)
    assert (rotation(status), third in message(status)) == ("False UserMismatch", True)
    assert scene.asked(rotate="1").requests["rotate"].result == "Refused"
    assert scene.calls("RotateSecret") == 0
