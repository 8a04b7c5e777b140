"""The AWS secret's own life: replicas, resource policy, hand-over between clusters, and what becomes of it when its resource goes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rotated_rds.model.resource import FINALIZER
from rotated_rds.model.secret import ADOPT_TAG, OWNER_TAG
from rotated_rds.model.status import Kind, Status
from rotated_rds.model.tenancy import parse
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import code
from tests.support.databases import can_log_in
from tests.support.passes import LOOPBACK, ByHand
from tests.support.scene import LOOK, Scene, reason, said

WEST, NORTH = "us-west-2", "eu-north-1"
DELETE = {"deletionPolicy": "Delete", "recoveryWindowDays": 7}
PATH = "spec.secret.deletionPolicy"


def described(scene: Scene, region: str | None = None) -> dict[str, Any]:
    return dict(scene.by_hand.client("secretsmanager", region=region).describe_secret(SecretId=scene.secret_id))


def replicas(scene: Scene) -> dict[str, str]:
    return {one["Region"]: one["Status"] for one in described(scene).get("ReplicationStatus", [])}


def tags(scene: Scene) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described(scene)["Tags"]}


def regions(*names: str) -> dict[str, Any]:
    return {"replicaRegions": [{"region": name} for name in names]}


def a_policy(*actions: str) -> str:
    one = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def namespaced(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts, **rule: Any) -> Scene:
    rules = [*LOOPBACK["rules"], {"namespaces": [namespace], **rule}]
    return Scene.on(bed, api, namespace, postgres, aws, parse({"mode": "Namespaced", "rules": rules}))


# replicas


def test_E7_replicas_follow_the_spec_and_one_that_fails_fails_alone(scene: Scene) -> None:
    scene.given_ready(secret=regions(WEST))
    assert replicas(scene) == {WEST: "InSync"}
    there: Any = scene.by_hand.client("secretsmanager", region=NORTH)
    there.create_secret(Name=scene.secret_id, SecretString="somebody else's")
    status = scene.changed(secret=regions(WEST, NORTH))
    assert reason(status, Kind.SECRET_READY) == "False ReplicationFailed"
    assert f"{NORTH}: Replication failed: Secret name" in said(status, Kind.SECRET_READY).message
    assert (status.condition(Kind.STALLED), replicas(scene)) == (None, {WEST: "InSync", NORTH: "Failed"})
    assert there.get_secret_value(SecretId=scene.secret_id)["SecretString"] == "somebody else's"
    scene.rotated()  # everything else goes on
    assert can_log_in(scene.database, scene.user, scene.password)
    assert (
        json.loads(scene.by_hand.client("secretsmanager", region=WEST).get_secret_value(SecretId=scene.secret_id)["SecretString"])[
            "password"
        ]
        == scene.password
    )
    there.delete_secret(SecretId=scene.secret_id, ForceDeleteWithoutRecovery=True)
    asked = scene.calls("ReplicateSecretToRegions")
    scene.settle(LOOK)
    assert scene.calls("ReplicateSecretToRegions") == asked, "tried again after minutes, not with every pass"
    scene.later(minutes=6)
    scene.settled(LOOK)
    assert replicas(scene) == {WEST: "InSync", NORTH: "InSync"}
    status = scene.changed(secret=regions(NORTH, scene.aws.region))
    assert f"{scene.aws.region} is the secret's own Region" in said(status, Kind.SECRET_READY).message
    scene.changed(secret=regions(NORTH))
    assert replicas(scene) == {NORTH: "InSync"}
    scene.cluster.change(scene.name, secret={"replicaRegions": None})
    scene.settled()
    assert replicas(scene) == {NORTH: "InSync"}, "absent touches none"
    scene.changed(secret=regions())
    assert replicas(scene) == {}


def test_a_replica_needs_its_region_s_rule_and_takes_no_write_itself(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = namespaced(bed, api, namespace, postgres, aws)
    scene.given(secret=regions(WEST))
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    assert f'regions: ["{WEST}"]' in said(status, Kind.SECRET_READY).message
    assert scene.calls("ReplicateSecretToRegions") == 0
    scene.passes = namespaced(bed, api, namespace, postgres, aws, regions=[WEST]).passes
    scene.settled(LOOK)
    far = scene.another("far")
    far.cluster.given_secret("far-first", {"password": "x"})
    far.cluster.given_resource(far.resource(aws={"region": WEST}, secret={"name": scene.secret_id, "adoption": "Always"}))
    scene.passes = Scene.on(bed, api, namespace, postgres, aws).passes
    far.passes = scene.passes
    assert f"set spec.aws.region: {scene.aws.region}" in said(far.settle(), Kind.SECRET_READY).message


# resource policy


def test_a_resource_policy_is_kept_as_the_spec_says_and_untouched_when_absent(scene: Scene) -> None:
    client = scene.by_hand.secretsmanager()
    wanted = a_policy("secretsmanager:GetSecretValue")
    scene.given_ready(secret={"resourcePolicy": wanted})
    kept = client.get_resource_policy(SecretId=scene.secret_id)["ResourcePolicy"]
    assert json.loads(kept)["Statement"][0]["Action"] == ["secretsmanager:GetSecretValue"]
    scene.settled(LOOK)
    assert scene.calls("PutResourcePolicy") == 1, "AWS's own spelling of it is no drift"
    client.put_resource_policy(SecretId=scene.secret_id, ResourcePolicy=a_policy("secretsmanager:DeleteSecret"))
    scene.asked(sync="now")
    assert client.get_resource_policy(SecretId=scene.secret_id)["ResourcePolicy"] == kept
    status = scene.changed(secret={"resourcePolicy": wanted.replace('{"AWS": "123456789012"}', '"*"')})
    assert reason(status, Kind.SECRET_READY) == "False InvalidParameter"
    assert said(status, Kind.SECRET_READY).message.startswith("spec.secret.resourcePolicy: ")
    assert client.get_resource_policy(SecretId=scene.secret_id)["ResourcePolicy"] == kept
    scene.cluster.change(scene.name, secret={"resourcePolicy": None})
    scene.settled(LOOK)
    assert client.get_resource_policy(SecretId=scene.secret_id)["ResourcePolicy"] == kept
    status = scene.changed(secret={"resourcePolicy": "no JSON"})
    assert reason(status, Kind.DATABASE_RESOLVED) == "False InvalidSpec"


def test_a_resource_policy_needs_the_word(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> None:
    scene = namespaced(bed, api, namespace, postgres, aws)
    scene.given(secret={"resourcePolicy": a_policy("secretsmanager:GetSecretValue")})
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    assert "allow: [ResourcePolicy]" in said(status, Kind.SECRET_READY).message
    assert scene.calls("PutResourcePolicy") == 0
    assert scene.password, "what else the resource is for goes on"
    scene.passes = namespaced(bed, api, namespace, postgres, aws, allow=["ResourcePolicy"]).passes
    scene.settled(LOOK)


# two clusters on one secret


def another_cluster(scene: Scene) -> ByHand:
    """An operator of another cluster, with the same AWS."""
    hand = ByHand.on(scene.bed, scene.aws)
    hand.world = replace(hand.world, house=replace(hand.world.house, cluster="other"))
    hand.passes = replace(hand.passes, world=hand.world)
    return hand


def test_A5_two_clusters_hand_a_secret_over_by_the_tag_and_never_share_it(scene: Scene) -> None:
    scene.given_ready()
    second = scene.another("second", scene.user)
    second.passes = another_cluster(scene)
    second.cluster.given_secret("second-first", {"password": scene.password})
    second.cluster.given_resource(second.resource(secret={"name": scene.secret_id, "adoption": "Always"}))
    status = second.settle()
    assert reason(status, Kind.SECRET_READY) == "False OwnedByAnother"
    tag = f"{ADOPT_TAG}=other/{scene.cluster.namespace}/second"
    assert tag in said(status, Kind.SECRET_READY).message
    assert f"bed/{scene.cluster.namespace}/db" in said(status, Kind.SECRET_READY).message
    key, _, value = tag.partition("=")
    scene.by_hand.secretsmanager().tag_resource(SecretId=scene.secret_id, Tags=[{"Key": key, "Value": value}])
    second.settled()
    assert (tags(scene)[OWNER_TAG], ADOPT_TAG in tags(scene)) == (value, False)
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False OwnedByAnother"
    before = scene.current()
    scene.later(minutes=2)
    assert "rotate" not in scene.asked(rotate="ours no more").requests
    assert scene.current() == before
    second.later(minutes=2)
    second.cluster.annotate("second", rotate="theirs")
    assert second.settle().requests["rotate"].result == "Done"
    assert scene.current() != before


# deletion


def goes(scene: Scene) -> None:
    """Deleted in Kubernetes, and passes until nothing holds it."""
    scene.cluster.delete(scene.name)
    for _ in range(10):
        body = scene.cluster.api.get(scene.cluster.path("rotatedrdssecrets", scene.name))
        if body is None:
            return
        scene.passes.passes.run(body, LOOK)
    raise AssertionError(f"{scene.name} is held: {scene.cluster.resource(scene.name)}")


def held(scene: Scene) -> Status:
    """Deleted in Kubernetes, and held; what it says."""
    scene.cluster.delete(scene.name)
    return scene.settle()


def finalizers(scene: Scene) -> list[str]:
    return list(scene.cluster.resource(scene.name)["metadata"].get("finalizers", []))


def test_deleted_with_its_resource_the_secret_goes_after_its_replicas_and_can_be_restored(scene: Scene) -> None:
    scene.given(secret={**DELETE, **regions(WEST)})
    scene.aws.control.fault("error", "CreateSecret", code="InternalServiceError", status=500)
    scene.turn()
    assert (finalizers(scene), scene.calls("CreateSecret")) == ([FINALIZER], 0), "before anything is made in AWS"
    before = scene.settled()
    goes(scene)
    shown = described(scene)
    days = (shown["DeletedDate"] - shown["LastChangedDate"]).total_seconds() / 86_400
    assert round(days) == 7
    assert "ReplicationStatus" not in shown
    scene.cluster.expect_collected(scene.name)
    scene.cluster.given_resource(scene.resource(secret={**DELETE, **regions(WEST)}))
    status = scene.settled()
    assert (status.secret_arn, replicas(scene)) == (before.secret_arn, {WEST: "InSync"})
    assert can_log_in(scene.database, scene.user, scene.password)


def test_a_window_of_0_deletes_without_recovery(scene: Scene) -> None:
    scene.given_ready(secret={"deletionPolicy": "Delete", "recoveryWindowDays": 0})
    goes(scene)
    client = scene.by_hand.secretsmanager()
    assert code(client.describe_secret, SecretId=scene.secret_id) == "ResourceNotFoundException"


def test_retain_is_the_default_and_set_on_what_is_being_deleted_it_lets_go_at_once(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = namespaced(bed, api, namespace, postgres, aws)
    scene.given_ready()
    assert finalizers(scene) == []
    scene.changed(secret=DELETE)
    status = held(scene)
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    message = said(status, Kind.SECRET_READY).message
    assert "allow: [Deletion]" in message
    assert message.endswith(f"set {PATH}: Retain")
    scene.passes = namespaced(bed, api, namespace, postgres, aws, allow=["Deletion"]).passes
    scene.cluster.change(scene.name, secret={"recoveryWindowDays": 0})
    assert "allow: [ForceDeletion]" in said(scene.settle(), Kind.SECRET_READY).message
    scene.cluster.change(scene.name, secret={"deletionPolicy": "Retain"})
    goes(scene)
    assert "DeletedDate" not in described(scene)
    assert scene.calls("DeleteSecret") == 0


@pytest.mark.parametrize(
    ("tagged", "then", "gone"),
    [
        pytest.param(True, None, True, id="its tag stands"),
        pytest.param(True, "untagged", False, id="its tag was taken off"),
        pytest.param(False, None, True, id="adoption Always"),
        pytest.param(False, "IfTagged", False, id="adoption was Always"),
    ],
)
def test_an_adopted_secret_is_deleted_only_with_always_or_the_tag(scene: Scene, tagged: bool, then: str | None, gone: bool) -> None:
    ours = f"bed/{scene.cluster.namespace}/{scene.name}"
    arn = scene.given_secret_in_aws("their-Passw0rd", tags={ADOPT_TAG: ours} if tagged else {})
    scene.cluster.given_resource(scene.resource(secret={**DELETE, "adoption": "IfTagged" if tagged else "Always"}))
    scene.settled()
    assert (ADOPT_TAG in tags(scene)) is tagged
    if then == "untagged":
        scene.by_hand.secretsmanager().untag_resource(SecretId=arn, TagKeys=[ADOPT_TAG])
    elif then is not None:
        scene.cluster.change(scene.name, secret={"adoption": then})
    status = scene.settled(LOOK)
    assert ("so it stays" in said(status, Kind.SECRET_READY).message) is not gone
    assert scene.settled() == status, "a quiet pass says the same"
    goes(scene)
    assert ("DeletedDate" in described(scene)) is gone
    if not gone:
        (told,) = [note for note in scene.events("NotAllowed") if "left as it is" in note]
        assert arn in told


def test_what_another_owns_by_now_is_left(scene: Scene) -> None:
    status = scene.given_ready(secret=DELETE)
    scene.by_hand.secretsmanager().tag_resource(SecretId=scene.secret_id, Tags=[{"Key": OWNER_TAG, "Value": "other/a/b"}])
    goes(scene)
    assert "DeletedDate" not in described(scene)
    assert any(f"{status.secret_arn} is left as it is: it belongs to other/a/b" in note for note in scene.events("OwnedByAnother"))


def test_suspended_aws_is_left_alone_and_nothing_holds_the_resource(scene: Scene) -> None:
    scene.given_ready(secret=DELETE)
    scene.changed(suspend=True)
    assert finalizers(scene) == []
    goes(scene)
    assert "DeletedDate" not in described(scene)


def test_A6_a_rotation_under_way_is_finished_before_its_secret_goes(scene: Scene) -> None:
    scene.given_ready(secret=DELETE)
    old = scene.password
    scene.later(minutes=2)
    scene.cluster.annotate(scene.name, rotate="last")
    assert scene.turn().rotation.in_progress is not None
    goes(scene)
    assert "DeletedDate" in described(scene)
    scene.by_hand.secretsmanager().restore_secret(SecretId=scene.secret_id)
    assert scene.current()[1]["password"] != old
    assert can_log_in(scene.database, scene.user, scene.current()[1]["password"])
    assert not can_log_in(scene.database, scene.user, old)


def test_what_aws_denies_holds_the_resource_until_it_is_allowed(scene: Scene) -> None:
    scene.given_ready(secret=DELETE)
    fault = scene.aws.control.fault("error", "DeleteSecret", code="AccessDeniedException", status=400, count=None)
    status = held(scene)
    assert reason(status, Kind.SECRET_READY) == "False AccessDenied"
    assert "DeletedDate" not in described(scene)
    scene.aws.control.release(fault)
    goes(scene)
    assert "DeletedDate" in described(scene)
