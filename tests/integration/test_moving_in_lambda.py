"""docs/migrate.md from a rotation function that runs already: AWS's clock goes on, no password is made, nothing restarts for the move."""

from typing import Any

import pytest

from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import new_user
from tests.support.resources import a_resource
from tests.support.stage import FIRST, READS, Stage, a_follower

RULES = {"ScheduleExpression": "rate(30 days)", "Duration": "3h"}


@pytest.fixture
def stage(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Stage:
    return Stage.at(bed, api, namespace, postgres, aws)


def given_rotation(stage: Stage) -> str:
    """A secret that a function rotates on AWS's clock, and has rotated once; its ARN."""
    new_user(stage.database, stage.user, FIRST)
    stage.given_function()
    arn = stage.given_aws_secret(f"{stage.cluster.namespace}/orders", FIRST)
    stage.secretsmanager.rotate_secret(SecretId=arn, RotationLambdaARN=stage.function, RotationRules=RULES)  # pyright: ignore[reportArgumentType]  its stubs want a TypedDict
    stage.eye.control.rotations(arn, seconds=60, count=1)
    return arn


def rotates(stage: Stage, arn: str) -> dict[str, Any]:
    """What AWS says of its rotation, and of the versions."""
    shown: dict[str, Any] = dict(stage.secretsmanager.describe_secret(SecretId=arn))
    return {name: shown.get(name) for name in ("RotationEnabled", "RotationLambdaARN", "RotationRules", "VersionIdsToStages")}


def expect_followed(stage: Stage, arn: str) -> None:
    """AWS rotates on: the new password reaches the Secret."""
    before = stage.password
    stage.secretsmanager.rotate_secret(SecretId=arn)
    stage.eye.control.rotations(arn, seconds=60, count=2)
    stage.look()
    assert stage.password != before
    assert stage.logs_in(stage.password)
    assert stage.said(Kind.READY) == ("True", "Succeeded")


def test_method_external_follows_it_and_writes_nothing(stage: Stage) -> None:
    arn = given_rotation(stage)
    before = rotates(stage, arn)
    stage.cluster.given_resource(a_follower(stage.cluster.namespace, stage.name, stage.database, f"{stage.cluster.namespace}/orders"))
    stage.settle()
    assert stage.said(Kind.READY) == ("True", "Succeeded")
    assert rotates(stage, arn) == before
    expect_followed(stage, arn)
    assert set(stage.calls()) <= READS


def test_method_lambda_takes_it_over_by_its_tag_and_leaves_clock_and_password_as_they_are(stage: Stage) -> None:
    arn = given_rotation(stage)
    before = rotates(stage, arn)
    rotation = {"functionArn": stage.function, "immediately": False}
    whole = a_resource(
        stage.cluster.namespace,
        stage.name,
        stage.database,
        stage.user,
        rotation=rotation,
        secret={"name": f"{stage.cluster.namespace}/orders"},
    )
    del whole["spec"]["user"]["passwordSecretRef"]
    stage.cluster.given_resource(whole)
    stage.settle()
    assert stage.said(Kind.SECRET_READY) == ("False", "NotAdopted")
    tag = {"Key": "rotated-rds.io/adopt", "Value": f"bed/{stage.cluster.namespace}/{stage.name}"}
    stage.secretsmanager.tag_resource(SecretId=arn, Tags=[tag])  # pyright: ignore[reportArgumentType]  its stubs want a TypedDict
    stage.ask("sync", "tagged")
    assert stage.said(Kind.READY) == ("True", "Succeeded")
    assert rotates(stage, arn) == before
    expect_followed(stage, arn)


def test_E4_method_operator_leaves_a_secret_alone_that_aws_rotates_until_it_is_asked_to_take_the_rotation(stage: Stage) -> None:
    arn = given_rotation(stage)
    before = rotates(stage, arn)
    secret = {"name": f"{stage.cluster.namespace}/orders", "adoption": "Always"}
    whole = a_resource(stage.cluster.namespace, stage.name, stage.database, stage.user, secret=secret)
    del whole["spec"]["user"]["passwordSecretRef"]
    stage.cluster.given_resource(whole)
    stage.settle()
    assert stage.said(Kind.ROTATION_READY) == ("False", "RotationOwnedByAWS")
    assert rotates(stage, arn) == before
    stage.ask("take-rotation", "now")
    assert rotates(stage, arn) == {**before, "RotationEnabled": False}
    stage.later(minutes=16)
    assert stage.answer("take-rotation")[0] == "Done"
    password = stage.password
    assert stage.ask("rotate", "one").requests["rotate"].result == "Done"
    assert (stage.logs_in(stage.password), stage.logs_in(password)) == (True, False)
