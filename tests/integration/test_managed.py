"""Method RDSManaged: RDS's own master secret is found, asked to rotate, followed, mirrored; nothing of it is ever written."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from rotated_rds.model.resource import Key
from rotated_rds.model.schedule import describe
from rotated_rds.model.schedule import parse as parse_schedule
from rotated_rds.model.secret import token
from rotated_rds.model.status import Kind, Status
from rotated_rds.model.tenancy import parse
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.masters import Managed
from tests.support.passes import LOOPBACK
from tests.support.scene import LOOK, Scene, reason, said

HOST = {"host": None, "engine": None, "port": None}
WRITES = ("PutSecretValue", "UpdateSecret", "TagResource", "UntagResource", "UpdateSecretVersionStage", "DeleteSecret", "RotateSecret")


@pytest.fixture
def master(aws: Facts, postgres: Facts) -> Managed:
    return Managed(Aws(aws), postgres).given()


def spec(master: Managed, **more: Any) -> dict[str, Any]:
    rotation = {"immediately": None, "method": "RDSManaged", **more.pop("rotation", {})}
    return {"database": {**HOST, master.kind: master.name}, "user": None, "rotation": rotation, **more}


def given(scene: Scene, master: Managed, **more: Any) -> Status:
    scene.cluster.given_resource(scene.resource(**spec(master, **more)))
    return scene.settle()


def given_ready(scene: Scene, master: Managed, **more: Any) -> Status:
    master.turned_on()
    given(scene, master, **more)
    return scene.settled()


def asked_for_rotation(scene: Scene, text: str) -> Status:
    """A request, and passes until RDS's rotation has ended and is seen."""
    scene.later(minutes=2)
    scene.cluster.annotate(scene.name, rotate=text)
    return ended(scene, lambda status: "rotate" in status.requests and status.requests["rotate"].text == text)


def ended(scene: Scene, holds: Callable[[Status], bool]) -> Status:
    until("the rotation has ended", lambda: holds(scene.settle(LOOK)), every=0.2)
    return scene.settle()


def test_the_master_s_credential_is_mirrored_with_rds_s_own_endpoint(scene: Scene, master: Managed) -> None:
    status = given_ready(scene, master)
    port, value = str(scene.database["port"]), master.value
    assert scene.content == {
        "username": master.user,
        "password": value["password"],
        "host": "localhost",
        "port": port,
        "dbname": "app",
        "engine": "postgres",
    }
    assert (status.secret_arn, status.username) == (master.arn, master.user)
    assert "RDS rotates it by its own schedule" in said(status, Kind.ROTATION_READY).message
    assert status.rotation.next == master.described["NextRotationDate"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [one for one in WRITES if scene.calls(one)] == []
    calls = len(scene.aws.control.calls())
    assert scene.settled() == status  # a quiet pass
    assert len(scene.aws.control.calls()) == calls


def test_a_request_rotates_through_rds_and_is_followed_to_its_end(scene: Scene, master: Managed) -> None:
    before, old = given_ready(scene, master), master.value["password"]
    status = asked_for_rotation(scene, "once")
    assert status.requests["rotate"].result == "Done"
    assert scene.password == master.value["password"] != old
    assert can_log_in(scene.database, master.user, scene.password)
    assert not can_log_in(scene.database, master.user, old)
    assert status.version_id == token(master.arn, "once", 0) != before.version_id
    assert [(line.result, line.version_id) for line in status.history] == [("Succeeded", status.version_id)]
    assert [one for one in WRITES if scene.calls(one)] == ["RotateSecret"]
    assert scene.calls("RotateSecret") == 1
    scene.restarted()
    assert scene.settled(LOOK).history == status.history
    assert scene.calls("RotateSecret") == 1


@pytest.mark.parametrize(("engine", "kind"), [("mariadb", "instance"), ("mysql", "instance"), ("mysql", "cluster")])
def test_a_master_of_another_engine_or_of_a_cluster_is_rotated_alike(
    engine: str, kind: str, bed: Bed, api: Api, aws: Facts, namespace: str, request: pytest.FixtureRequest
) -> None:
    facts: Facts = request.getfixturevalue(engine)
    scene, master = Scene.on(bed, api, namespace, facts, aws), Managed(Aws(aws), facts, kind).given()
    given_ready(scene, master)
    old = scene.password
    assert asked_for_rotation(scene, "once").requests["rotate"].result == "Done"
    assert scene.password == master.value["password"] != old
    assert (scene.content["engine"], scene.content["username"]) == (engine, master.user)
    assert can_log_in(facts, master.user, scene.password)
    assert not can_log_in(facts, master.user, old)


def test_a_rotation_by_rds_s_own_clock_is_noticed_and_published(scene: Scene, master: Managed) -> None:
    before = given_ready(scene, master)
    master.order("before-database")
    master.rds.modify_db_instance(DBInstanceIdentifier=master.name, RotateMasterUserPassword=True, ApplyImmediately=True)
    status = scene.settle(LOOK)
    assert status.rotation.in_progress is not None
    assert status.rotation.in_progress.cause == "aws"
    master.order()
    status = ended(scene, lambda status: status.version_id != before.version_id)
    assert scene.password == master.value["password"]
    assert [line.result for line in status.history] == ["Succeeded"]
    master.secretsmanager.rotate_secret(SecretId=master.arn)  # between two looks
    master.comes("active")
    status = scene.settled(LOOK)
    assert scene.password == master.value["password"]
    assert [line.result for line in status.history] == ["Succeeded", "Succeeded"]


def test_the_schedule_is_written_only_when_it_differs_and_rotates_nothing(scene: Scene, master: Managed) -> None:
    status = given_ready(scene, master, rotation={"schedule": "cron(0 4 ? * SUN *)", "window": "2h"})
    rules = master.described["RotationRules"]
    assert rules == {"ScheduleExpression": "cron(0 4 ? * SUN *)", "Duration": "2h"}
    assert scene.calls("RotateSecret") == 1
    assert master.secret["SecretStatus"] == "active"
    plain = describe(parse_schedule("cron(0 4 ? * SUN *)", "2h"))
    assert scene.events("RotationConfigured") == [f"RDS rotates the master's password: {plain}"]
    assert status.rotation.next is not None
    scene.settled(LOOK)
    assert scene.calls("RotateSecret") == 1
    master.secretsmanager.rotate_secret(SecretId=master.arn, RotationRules={"AutomaticallyAfterDays": 7}, RotateImmediately=False)
    scene.settled(LOOK)
    assert master.described["RotationRules"] == rules


def test_E6_while_rds_rotates_nobody_is_alarmed_for_two_minutes(scene: Scene, master: Managed) -> None:
    before = given_ready(scene, master)
    old = scene.password
    master.order("after-database")
    master.secretsmanager.rotate_secret(SecretId=master.arn)
    until("the database is changed", lambda: not can_log_in(scene.database, master.user, old))
    scene.cluster.annotate(scene.name, sync="now")
    status = scene.settle(LOOK)
    assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False Reconciling"
    assert status.condition(Kind.STALLED) is None
    assert (scene.password, status.version_id) == (old, before.version_id)
    scene.later(minutes=1)
    assert reason(scene.settle(LOOK), Kind.CREDENTIAL_VERIFIED) == "False Reconciling"
    scene.later(minutes=1, seconds=5)
    status = scene.settle(LOOK)
    assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False LoginFailed"
    assert "rotated-rds.io/rotate" in said(status, Kind.CREDENTIAL_VERIFIED).message
    assert scene.password == old
    master.order()
    ended(scene, lambda status: status.version_id != before.version_id)
    scene.settled()
    assert scene.password == master.value["password"]


def test_E6_the_secret_is_found_again_after_management_was_turned_off_and_on(scene: Scene, master: Managed) -> None:
    before = given_ready(scene, master)
    master.turned_off()
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False SecretNotFound"
    turn_on = f"aws rds modify-db-instance --db-instance-identifier {master.name} --manage-master-user-password --apply-immediately"
    assert turn_on in said(status, Kind.SECRET_READY).message
    assert scene.password  # what was published stays
    master.turned_on()
    status = scene.settled(LOOK)
    assert status.secret_arn == master.arn != before.secret_arn
    assert scene.password == master.value["password"]
    assert status.history == ()


def test_impaired_is_said_and_a_request_mends_it(scene: Scene, master: Managed) -> None:
    given_ready(scene, master)
    old = scene.password
    master.order(impaired=True)
    scene.later(minutes=2)
    scene.cluster.annotate(scene.name, rotate="fails")
    scene.settle()
    master.comes("impaired")
    scene.later(seconds=11)
    status = ended(scene, lambda status: "rotate" in status.requests)
    assert status.requests["rotate"].result == "Failed"
    assert reason(status, Kind.ROTATION_READY) == "False RotationFailed"
    assert "SecretStatus impaired" in said(status, Kind.ROTATION_READY).message
    assert "KMS key" in said(status, Kind.ROTATION_READY).message
    assert (scene.password, reason(status, Kind.CREDENTIAL_VERIFIED)) == (old, "True")
    scene.restarted()
    assert "SecretStatus impaired" in said(scene.settle(LOOK), Kind.ROTATION_READY).message
    master.order()
    status = asked_for_rotation(scene, "mends")
    assert status.requests["rotate"].result == "Done"
    assert reason(scene.settle(), Kind.READY) == "True"
    assert scene.password == master.value["password"] != old


def test_what_has_no_managed_secret_is_refused_with_the_way_there(scene: Scene, master: Managed) -> None:
    status = given(scene, master)
    assert reason(status, Kind.SECRET_READY) == "False SecretNotFound"
    replica = f"r{secrets.token_hex(4)}"
    place = {"host": "localhost", "port": scene.database["port"]}
    master.aws.control.place(instance=replica, engine="postgres", replicaOf=master.name, **place)
    other = scene.another("replica")
    other.cluster.given_resource(other.resource(**spec(master, database={**HOST, "instance": replica})))
    assert f"set spec.database.instance: {master.name}" in said(other.settle(), Kind.SECRET_READY).message
    assert scene.cluster.secret(scene.name) is None


def test_a_namespace_needs_the_word_managedDatabases(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str, master: Managed
) -> None:
    own = {"mode": "Namespaced", "rules": LOOPBACK["rules"]}
    scene = Scene.on(bed, api, namespace, postgres, aws, parse(own))
    master.turned_on()
    status = given(scene, master)
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    rule = f'{{namespaces: ["{namespace}"], managedDatabases: ["{master.name}"]}}'
    assert rule in said(status, Kind.SECRET_READY).message
    assert scene.calls("DescribeSecret") == 0
    allowed = {**own, "rules": [*LOOPBACK["rules"], {"namespaces": [namespace], "managedDatabases": ["m*"]}]}
    scene.passes = Scene.on(bed, api, namespace, postgres, aws, parse(allowed)).passes
    scene.settled()


def test_A5_the_master_s_user_belongs_to_one_resource(scene: Scene, master: Managed) -> None:
    given_ready(scene, master)
    younger = scene.another("younger", master.user)
    younger.cluster.given_resource(younger.resource(**spec(master)))
    status = younger.settle()
    assert reason(status, Kind.SECRET_READY) == "False UserConflict"
    assert f"{scene.cluster.namespace}/db rotates '{master.user}'" in said(status, Kind.SECRET_READY).message


def test_A6_a_rotation_of_a_resource_that_is_deleted_is_followed_to_its_end(scene: Scene, master: Managed) -> None:
    given_ready(scene, master)
    master.order("after-database")
    scene.later(minutes=2)
    scene.cluster.annotate(scene.name, rotate="last")
    scene.settle()
    scene.cluster.delete(scene.name)
    assert scene.settle(LOOK).rotation.in_progress is not None
    master.order()
    master.comes("active")
    scene.passes.passes.run(scene.cluster.resource(scene.name), LOOK)
    scene.waits_for("it is gone", lambda: scene.cluster.api.get(scene.cluster.path("rotatedrdssecrets", scene.name)) is None)
    assert can_log_in(scene.database, master.user, master.value["password"])


def test_A6_without_permission_a_rotation_that_rds_carries_out_is_followed_no_more(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str, scene: Scene, master: Managed
) -> None:
    given_ready(scene, master)
    master.order("after-database")
    scene.later(minutes=2)
    scene.cluster.annotate(scene.name, rotate="last")
    assert scene.settle().rotation.in_progress is not None
    scene.passes = Scene.on(bed, api, namespace, postgres, aws, parse({"mode": "Namespaced", "rules": LOOPBACK["rules"]})).passes
    status = scene.settle(LOOK)
    assert (status.rotation.in_progress, status.requests["rotate"].result) == (None, "Failed")
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    master.order()
    scene.cluster.delete(scene.name)
    scene.waits_for("nothing holds it", lambda: scene.cluster.api.get(scene.cluster.path("rotatedrdssecrets", scene.name)) is None)


SHARED = "shared"


def handed_over(scene: Scene, to: Scene, text: str) -> Status:
    """The resource goes and leaves its Secret, which is annotated for another, as docs/migrate.md says."""
    api, target = scene.cluster.api, scene.cluster.path("secrets", SHARED, group="v1")
    api.call("DELETE", scene.cluster.path("rotatedrdssecrets", scene.name), {"propagationPolicy": "Orphan"})
    until("the Secret is nobody's", lambda: "ownerReferences" not in api.get(target)["metadata"], seconds=90, every=0.2)
    scene.passes.world.claims.drop(Key(scene.cluster.namespace, scene.name))  # as the operator does that sees it go
    scene.cluster.merge(target, {"metadata": {"annotations": {"rotated-rds.io/adopt": to.name}}})
    to.asked(sync=text)
    return to.settled(LOOK)


def test_E4_E6_the_Secret_changes_hands_to_the_resource_of_rds_s_own_password_and_back(scene: Scene, master: Managed) -> None:
    shared = {"target": {"name": SHARED}}
    scene.given_ready(**shared)
    before, content = scene.current(), scene.cluster.content(SHARED)
    managed, again = scene.another("managed"), scene.another("again", scene.user)
    master.turned_on()
    status = given(managed, master, **shared)
    assert (reason(status, Kind.CREDENTIAL_VERIFIED), reason(status, Kind.MIRRORED)) == ("True", "False TargetConflict")
    assert scene.cluster.content(SHARED) == content
    handed_over(scene, managed, "there")
    assert scene.cluster.content(SHARED)["username"] == master.user
    assert scene.current() == before, "the AWS secret of before stays"
    assert can_log_in(scene.database, scene.user, content["password"])
    offer = f"bed/{scene.cluster.namespace}/again"
    scene.by_hand.secretsmanager().tag_resource(SecretId=scene.secret_id, Tags=[{"Key": "rotated-rds.io/adopt", "Value": offer}])
    spec_again = {"secret": {"name": scene.secret_id}, "user": {"passwordSecretRef": None}, "rotation": {"immediately": False}}
    again.cluster.given_resource(again.resource(**spec_again, **shared))
    again.settle()
    handed_over(managed, again, "back")
    assert scene.cluster.content(SHARED) == content
    assert master.value["username"] == master.user
