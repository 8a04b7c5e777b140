"""Method HostedLambda: AWS's own function through CloudFormation, with the bed's stand-in for what AWS publishes (docs/fidelity.md)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rotated_rds.model.status import Kind, Status
from rotated_rds.model.tenancy import parse
from tests.support.databases import can_log_in
from tests.support.resources import Cluster, a_resource
from tests.support.scene import FIRST, LOOK, Scene, reason, said

SCHEDULE = {"schedule": "rate(10 days)", "window": "3h"}
RULES = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}


def hosted(scene: Scene, **more: Any) -> dict[str, Any]:
    """`rotation` with a function of the scene's own."""
    return {"hostedLambda": {"functionName": scene.user.replace("_", "-"), **more}, **SCHEDULE}


def stack(scene: Scene, user: str | None = None) -> dict[str, Any] | None:
    name = f"rotated-rds-{(user or scene.user).replace('_', '-')}"
    try:
        return scene.by_hand.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None


def parameters(scene: Scene) -> dict[str, str]:
    found = stack(scene)
    assert found is not None
    return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


def described(scene: Scene) -> dict[str, Any]:
    return {**scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)}


def rotation(status: Status) -> str:
    return reason(status, Kind.ROTATION_READY)


def message(status: Status) -> str:
    return said(status, Kind.ROTATION_READY).message


def on_its_way(scene: Scene, status: Status) -> Status:
    """Passes at the operator's own pace until CloudFormation is done, well or not."""
    for _ in range(12):
        if not rotation(status).startswith("Unknown"):
            return status
        scene.later(seconds=6)
        status = scene.settle(LOOK)
    raise AssertionError(message(status))


def begun(scene: Scene, **spec: Any) -> Status:
    scene.given(**spec)
    return on_its_way(scene, scene.settle())


def rotated_by_aws(scene: Scene, text: str) -> Status:
    arn = described(scene)["ARN"]
    count = len(scene.by_hand.control.rotations(arn, seconds=60))
    scene.later(minutes=2)
    scene.asked(rotate=text)
    scene.by_hand.control.rotations(arn, seconds=60, count=count + 1)
    status = scene.settled(LOOK)
    assert status.requests["rotate"].result == "Done"
    return status


def test_the_stack_makes_the_function_and_the_operator_has_the_schedule(scene: Scene) -> None:
    status = begun(scene, rotation=hosted(scene, vpcSubnetIds=["subnet-1", "subnet-2"], vpcSecurityGroupIds=["sg-1"]))
    made, name = stack(scene), scene.user.replace("_", "-")
    assert made is not None
    assert (made["StackStatus"], rotation(status)) == ("CREATE_COMPLETE", "True")
    assert parameters(scene) == {
        "endpoint": f"https://secretsmanager.{scene.aws.region}.amazonaws.com",
        "functionName": name,
        "vpcSubnetIds": "subnet-1,subnet-2",
        "vpcSecurityGroupIds": "sg-1",
    }
    function = scene.by_hand.function_arn(name)
    shown = described(scene)
    assert (shown["RotationLambdaARN"], shown["RotationRules"], scene.password) == (function, RULES, FIRST)
    rotated_by_aws(scene, "one")
    assert (can_log_in(scene.database, scene.user, scene.password), can_log_in(scene.database, scene.user, FIRST)) == (True, False)
    since = scene.aws.control.counts()
    scene.settle()
    assert scene.aws.control.counts() == since, "a quiet pass asks nothing"
    # What somebody changed by hand, and what the spec says anew.
    stacks, changed = scene.by_hand.client("cloudformation"), [{"ParameterKey": "functionName", "ParameterValue": name}]
    template = stacks.get_template(StackName=made["StackName"])["TemplateBody"]
    others = [{"ParameterKey": key, "ParameterValue": "x"} for key in ("endpoint", "vpcSubnetIds", "vpcSecurityGroupIds")]
    asked = {"StackName": made["StackName"], "ChangeSetName": "by-hand", "ChangeSetType": "UPDATE", "Parameters": [*changed, *others]}
    stacks.create_change_set(
        **asked, TemplateBody=json.dumps(template), Tags=made["Tags"], Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    stacks.execute_change_set(StackName=made["StackName"], ChangeSetName="by-hand")
    assert parameters(scene)["vpcSubnetIds"] == "x"
    on_its_way(scene, scene.settle(LOOK))
    assert parameters(scene)["vpcSubnetIds"] == "subnet-1,subnet-2"
    on_its_way(scene, scene.changed(rotation=hosted(scene, vpcSubnetIds=["subnet-3"], vpcSecurityGroupIds=["sg-1"])))
    assert parameters(scene)["vpcSubnetIds"] == "subnet-3"
    assert scene.settled(LOOK).rotation.method == "HostedLambda"


def test_a_stack_that_fails_says_its_own_reason_and_another_spec_makes_it_anew(scene: Scene) -> None:
    status = begun(scene, rotation=hosted(scene, vpcSubnetIds=["subnet-bad"], vpcSecurityGroupIds=["sg-1"]))
    assert rotation(status) == "False StackFailed"
    assert "The subnet ID 'subnet-bad' does not exist" in message(status)
    assert (scene.password, scene.asked(rotate="1").requests["rotate"].result) == (FIRST, "Refused")
    writes = scene.aws.control.counts()["cloudformation.CreateChangeSet"]["OK"]
    scene.settle(LOOK)
    assert scene.aws.control.counts()["cloudformation.CreateChangeSet"]["OK"] == writes, "a failure is not tried again by itself"
    status = on_its_way(scene, scene.changed(rotation=hosted(scene, vpcSubnetIds=["subnet-1"], vpcSecurityGroupIds=["sg-1"])))
    assert rotation(status) == "True"
    rotated_by_aws(scene, "2")
    status = on_its_way(scene, scene.changed(rotation=hosted(scene, vpcSubnetIds=["subnet-bad"], vpcSecurityGroupIds=["sg-1"])))
    assert (rotation(status), stack(scene)["StackStatus"]) == ("False StackFailed", "UPDATE_ROLLBACK_COMPLETE")  # pyright: ignore[reportOptionalSubscript]
    assert can_log_in(scene.database, scene.user, scene.password)


def test_a_stack_is_taken_away_by_the_last_who_uses_it(scene: Scene) -> None:
    begun(scene, rotation=hosted(scene))
    other = scene.another("other")
    status = begun(other, rotation=hosted(scene))
    assert rotation(status) == "True"
    arn, function = described(scene)["ARN"], described(scene)["RotationLambdaARN"]
    assert described(other)["RotationLambdaARN"] == function
    clash = scene.another("clash")
    assert rotation(begun(clash, rotation=hosted(scene, vpcSubnetIds=["subnet-9"], vpcSecurityGroupIds=["sg-1"]))) == "False StackFailed"
    for one in (clash, scene):
        one.cluster.delete(one.name)
        gone(one)
        assert stack(scene) is not None, "somebody uses it"
    assert not scene.by_hand.secretsmanager().describe_secret(SecretId=arn)["RotationEnabled"]
    rotated_by_aws(other, "still")
    other.cluster.delete(other.name)
    gone(other)
    assert stack(scene) is None


def test_A7_a_stack_stays_whose_other_user_AWS_s_list_does_not_show_yet(scene: Scene) -> None:
    begun(scene, rotation=hosted(scene))
    seen, client, name = described(scene), scene.by_hand.secretsmanager(), f"{scene.cluster.namespace}/theirs"
    before = scene.by_hand.control.moment()
    theirs = client.create_secret(Name=name, SecretString=client.get_secret_value(SecretId=scene.secret_id)["SecretString"])["ARN"]
    client.rotate_secret(SecretId=theirs, RotationLambdaARN=seen["RotationLambdaARN"], RotateImmediately=False)
    behind = scene.aws.control.fault("stale", "ListSecrets", moment=before, count=None)
    scene.cluster.delete(scene.name)
    looked_at(scene)
    assert scene.calls("ListSecrets"), "it looked, and saw nobody else"
    scene.aws.control.release(behind)
    gone(scene)
    assert (stack(scene) is not None, described(scene)["RotationEnabled"]) == (True, False)


def test_a_stack_stays_that_a_resource_of_another_namespace_names(scene: Scene) -> None:
    begun(scene, rotation=hosted(scene))
    api, place = scene.cluster.api, f"{scene.cluster.namespace}-far"
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
    Cluster(api, place).given_resource(a_resource(place, "far", scene.database, "far", rotation=hosted(scene)))
    scene.cluster.delete(scene.name)
    gone(scene)
    assert stack(scene) is not None


def looked_at(scene: Scene) -> None:
    """One pass."""
    scene.passes.passes.run(scene.passes.body(scene.cluster.namespace, scene.name), LOOK)


def gone(scene: Scene) -> None:
    """Passes over a resource that is being deleted until Kubernetes has let it go; AWS's list is up to date between any two."""
    for _ in range(6):
        if scene.cluster.api.get(scene.cluster.path("rotatedrdssecrets", scene.name)) is None:
            return
        scene.later(minutes=5)
        looked_at(scene)
    raise AssertionError(scene.cluster.status(scene.name))


@pytest.mark.parametrize(("kind", "code"), [("lost", None), ("error", "InternalFailure")])
def test_a_killed_operator_makes_one_stack_and_E4_leaves_none(scene: Scene, kind: str, code: str | None) -> None:
    more = {"service": "cloudformation", **({"code": code} if code else {})}
    for operation in ("CreateChangeSet", "ExecuteChangeSet", "DeleteStack"):
        scene.aws.control.fault(kind, operation, **more)
    scene.given(rotation=hosted(scene))
    for _ in range(6):
        scene.settle(LOOK)
        scene.later(seconds=6)
        scene.restarted()
    assert rotation(scene.settled(LOOK)) == "True"
    scene.by_hand.control.rotations(described(scene)["ARN"], seconds=60, count=1)
    scene.changed(rotation={"hostedLambda": None, "schedule": None, "window": None})
    for _ in range(4):  # a function's time; AWS's list shows no other user, and again; the stack is gone
        scene.later(minutes=16)
        scene.settle(LOOK)
    assert (stack(scene), described(scene)["RotationEnabled"]) == (None, False)
    assert scene.settled(LOOK).rotation.method == "Operator"
    scene.rotated()
    assert scene.cluster.resource(scene.name)["metadata"].get("finalizers") is None


def test_without_the_word_or_the_role_nothing_is_made(scene: Scene) -> None:
    world = scene.passes.world
    house = replace(world.house, stack_role=None)
    scene.passes.world = replace(world, house=house)
    scene.passes.passes = replace(scene.passes.passes, world=scene.passes.world)
    status = begun(scene, rotation=hosted(scene))
    assert (rotation(status), "--stack-role" in message(status)) == ("False NotAllowed", True)
    tenancy = parse([{"namespaces": [scene.cluster.namespace], "hosts": ["localhost"]}])
    scene.passes.world = replace(world, house=replace(world.house, tenancy=tenancy))
    scene.passes.passes = replace(scene.passes.passes, world=scene.passes.world)
    status = scene.settle(LOOK)
    assert (rotation(status), "HostedLambda" in message(status)) == ("False NotAllowed", True)
    assert stack(scene) is None


@pytest.mark.parametrize("operation", ["DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"])
def test_a_right_that_is_missing_is_named_and_the_credential_is_published(scene: Scene, operation: str) -> None:
    denial = scene.aws.control.fault("error", operation, service="cloudformation", code="AccessDenied", count=None)
    status = begun(scene, rotation=hosted(scene))
    assert (rotation(status), "AccessDenied" in message(status), scene.password) == ("False AccessDenied", True, FIRST)
    scene.aws.control.release(denial)
    assert rotation(on_its_way(scene, scene.settle(LOOK))) == "True"
