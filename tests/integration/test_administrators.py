"""SAFETY.md C8: whose secret an administrator's is, and which version of it counts. AlternatingUsers, which always needs one."""

import json
from typing import Any

from rotated_rds.model.status import Kind, Status
from tests.support.alternating import admin_value, clone, rotate, user_exists
from tests.support.masters import Managed
from tests.support.scene import Scene, reason, said

WRONG = "wrong-Passw0rd-1"


def given(scene: Scene, admin: str) -> None:
    scene.given_ready(user={"adminSecretId": admin}, rotation={"strategy": "AlternatingUsers"})


def stored(scene: Scene, **keys: Any) -> str:
    """The database's administrator as an AWS secret, with some keys different; None removes one. Its name."""
    name = f"{scene.cluster.namespace}/admin"
    scene.by_hand.secretsmanager().create_secret(Name=name, SecretString=text(scene, **keys))
    return name


def text(scene: Scene, **keys: Any) -> str:
    whole = {**json.loads(admin_value(scene.database)), **keys}
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def asked(scene: Scene) -> Status:
    scene.later(minutes=2)
    return scene.asked(rotate="1")


def answer(status: Status) -> str | None:
    return status.requests["rotate"].result if "rotate" in status.requests else None


def test_C8_one_that_is_refused_is_read_again_for_ten_minutes_and_never_from_AWSPENDING(scene: Scene) -> None:
    """Its own password may be rotating: AWSPENDING is nobody's yet, the next AWSCURRENT is."""
    admin = stored(scene, password=WRONG)
    given(scene, admin)
    client = scene.by_hand.secretsmanager()
    client.put_secret_value(SecretId=admin, SecretString=text(scene), VersionStages=["AWSPENDING"])
    status = asked(scene)
    assert answer(status) is None, "it may be rotating"
    assert not user_exists(scene, clone(scene))
    scene.later(minutes=8)
    assert answer(scene.settle()) is None
    client.put_secret_value(SecretId=admin, SecretString=text(scene))
    scene.later(minutes=1)
    assert answer(scene.settle()) == "Done"
    assert scene.content["username"] == clone(scene)


def test_C8_one_that_is_refused_for_longer_is_named_and_nothing_has_changed(scene: Scene) -> None:
    given(scene, stored(scene, password=WRONG))
    asked(scene)
    scene.later(minutes=11)
    status = scene.settle()
    assert answer(status) == "Failed"
    assert reason(status, Kind.ROTATION_READY) == "False AdminRefused"
    assert "spec.user.adminSecretId" in said(status, Kind.ROTATION_READY).message
    assert WRONG not in json.dumps(scene.cluster.resource(scene.name))
    assert not user_exists(scene, clone(scene))
    assert "AWSPENDING" not in str(scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)["VersionIdsToStages"])


def test_C8_one_that_names_no_host_is_nobody_s(scene: Scene) -> None:
    given(scene, stored(scene, host=None))
    status = asked(scene)
    assert (answer(status), reason(status, Kind.ROTATION_READY)) == ("Failed", "False AdminMismatch")
    assert "names no host" in said(status, Kind.ROTATION_READY).message
    assert not user_exists(scene, clone(scene))


def test_C8_the_master_that_RDS_manages_has_no_host_and_is_known_by_its_owner_and_tag(scene: Scene) -> None:
    master = Managed(scene.by_hand, scene.database).given().turned_on()
    assert set(master.value) == {"username", "password"}
    given(scene, master.arn)
    rotate(scene, "to the clone")
    assert scene.content["username"] == clone(scene)
