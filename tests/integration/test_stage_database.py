"""DatabaseResolved: where the database listens, as typed or as RDS says (API.md; SAFETY.md E5, G4)."""

import secrets
from typing import Any

import pytest

from rotated_rds.model.status import Kind
from tests.bed.api import ApiError
from tests.bed.bed import Bed
from tests.support.databases import can_log_in, new_user
from tests.support.outages import another
from tests.support.scene import FIRST, LOOK, Scene, reason, said
from tests.support.tcp import Relay


def resolved(scene: Scene) -> tuple[str, int]:
    found = scene.cluster.status(scene.name)["database"]
    return found["host"], found["port"]


def instance(scene: Scene, **more: Any) -> str:
    """An RDS instance that stands for the bed's PostgreSQL; its identifier."""
    name = f"i-{secrets.token_hex(4)}"
    scene.by_hand.control.place(instance=name, engine="postgres", host="localhost", port=scene.database["port"], **more)
    return name


def discovered(scene: Scene, **database: Any) -> dict[str, Any]:
    return scene.resource(database={"host": None, "engine": None, "port": None, **database})


def test_a_typed_endpoint_is_taken_as_typed(scene: Scene) -> None:
    status = scene.given_ready()
    assert status.database is not None
    assert (status.database.engine, status.database.host) == ("postgres", "localhost")
    assert resolved(scene) == ("localhost", scene.database["port"])


def test_a_ca_of_the_user_s_own_is_read_from_its_config_map(scene: Scene) -> None:
    scene.given(database={"tls": {"caConfigMapRef": {"name": "ca", "key": "ca.pem"}}})
    status = scene.settle()
    assert reason(status, Kind.DATABASE_RESOLVED) == "False InvalidSpec"
    assert "spec.database.tls.caConfigMapRef" in said(status, Kind.DATABASE_RESOLVED).message
    pem = scene.bed.authority.ca.certificate.read_text()
    body = {"metadata": {"name": "ca"}, "data": {"ca.pem": pem}}
    scene.cluster.api.call("POST", scene.cluster.path("configmaps", group="v1"), body)
    scene.settled()


def test_a_config_map_without_a_certificate_is_named(scene: Scene) -> None:
    body = {"metadata": {"name": "ca"}, "data": {"ca.pem": "no certificate"}}
    scene.cluster.api.call("POST", scene.cluster.path("configmaps", group="v1"), body)
    scene.given(database={"tls": {"caConfigMapRef": {"name": "ca", "key": "ca.pem"}}})
    status = scene.settle()
    assert reason(status, Kind.READY).startswith("False")
    assert "spec.database.tls.caConfigMapRef" in said(status, Kind.READY).message


def test_tls_that_proves_nothing_is_refused_with_an_administrator(scene: Scene) -> None:
    resource = scene.resource(database={"tls": {"mode": "require"}}, user={"adminSecretId": "admin"})
    with pytest.raises(ApiError, match="verify-"):
        scene.cluster.given_resource(resource)


def test_tls_that_proves_nothing_is_refused_for_a_MySQL_that_was_discovered(scene: Scene) -> None:
    name = f"i-{secrets.token_hex(4)}"
    scene.by_hand.control.place(instance=name, engine="mysql", host="localhost", port=scene.database["port"])
    scene.cluster.given_resource(discovered(scene, instance=name, tls={"mode": "require"}))
    status = scene.settle()
    assert reason(status, Kind.DATABASE_RESOLVED) == "False InvalidSpec"
    assert said(status, Kind.DATABASE_RESOLVED).message.startswith("spec.database.tls.mode")


def test_an_RDS_instance_is_discovered_and_asked_again_only_after_six_hours(scene: Scene) -> None:
    scene.cluster.given_user(scene.database, scene.user, FIRST, scene.name)
    scene.cluster.given_resource(discovered(scene, instance=instance(scene)))
    scene.settled()
    assert resolved(scene)[1] == scene.database["port"]
    scene.aws.control.reset()
    scene.settled(LOOK)
    assert asked(scene) == 0
    scene.later(hours=6, minutes=1)
    scene.settled()
    assert asked(scene) == 1


def asked(scene: Scene) -> int:
    return sum(scene.aws.control.counts().get("rds.DescribeDBInstances", {}).values())


def test_an_instance_that_does_not_exist_is_said_and_the_last_good_secret_stays(scene: Scene) -> None:
    scene.cluster.given_user(scene.database, scene.user, FIRST, scene.name)
    scene.cluster.given_resource(discovered(scene, instance=instance(scene)))
    scene.settled()
    for _ in range(2):
        status = scene.changed(database={"instance": "nowhere"})
        assert reason(status, Kind.DATABASE_RESOLVED) == "False DatabaseNotFound", "a quiet pass does not forget it"
        assert "nowhere" in said(status, Kind.DATABASE_RESOLVED).message
    assert scene.password == FIRST


def test_an_instance_that_moved_is_found_again_when_it_does_not_answer(scene: Scene) -> None:
    scene.cluster.given_user(scene.database, scene.user, FIRST, scene.name)
    with Relay(int(str(scene.database["port"]))) as relay:
        name = f"i-{secrets.token_hex(4)}"
        scene.by_hand.control.place(instance=name, engine="postgres", host="localhost", port=relay.port)
        scene.cluster.given_resource(discovered(scene, instance=name))
        scene.settled()
        assert resolved(scene)[1] == relay.port
    scene.by_hand.control.place(instance=name, engine="postgres", host="localhost", port=scene.database["port"])
    assert reason(scene.asked(sync="1"), Kind.CREDENTIAL_VERIFIED) in ("True", "False Unreachable")
    scene.later(minutes=5)
    scene.settled()
    assert scene.content["port"] == str(scene.database["port"])


def test_a_resolution_that_AWS_does_not_answer_turns_nothing_red(scene: Scene) -> None:
    scene.cluster.given_user(scene.database, scene.user, FIRST, scene.name)
    scene.cluster.given_resource(discovered(scene, instance=instance(scene)))
    scene.settled()
    scene.later(hours=7)
    fault = scene.aws.control.fault("error", "DescribeDBInstances", service="rds", code="InternalFailure", status=500, count=None)
    scene.settled()
    scene.aws.control.release(fault)
    scene.settled()


# a new endpoint


def test_E5_a_new_endpoint_gets_one_new_version_with_the_same_password(scene: Scene) -> None:
    before = scene.given_ready().version_id
    with Relay(int(str(scene.database["port"]))) as relay:
        status = scene.changed(database={"port": relay.port})
        version, value = scene.current()
        assert (value["port"], value["password"]) == (relay.port, FIRST)
        assert version == status.version_id != before
        assert scene.content["port"] == str(relay.port)
        assert said(status, Kind.READY).true
        assert len(status.history) == 1
        assert can_log_in(scene.database, scene.user, FIRST)
        scene.settled(LOOK)
        assert scene.current()[0] == version, "and no second one"


def test_E5_a_new_endpoint_that_refuses_changes_nothing_and_may_be_set_back(scene: Scene, bed: Bed) -> None:
    before = scene.given_ready().version_id
    with another(bed) as elsewhere:
        new_user(elsewhere, scene.user, "another-Passw0rd")
        status = scene.changed(database={"port": elsewhere["port"]})
        assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False LoginFailed"
        assert status.rotation.in_progress is None
        assert scene.current()[0] == before
        assert scene.calls("PutSecretValue") == 0
        assert scene.content["port"] == str(scene.database["port"])
    scene.changed(database={"port": scene.database["port"]})
    scene.settled()
    assert scene.current()[0] == before


def test_E5_a_new_endpoint_that_does_not_answer_is_waited_for(scene: Scene) -> None:
    before = scene.given_ready().version_id
    for _ in range(2):
        status = scene.changed(database={"port": 1})
        assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False Unreachable"
        assert status.version_id == before
        assert scene.calls("PutSecretValue") == 0
        assert scene.content["port"] == str(scene.database["port"])
