"""SAFETY.md E4, another strategy on a live resource, pass by pass on the real servers: home first, and nothing left that logs in."""

from collections.abc import Generator
from typing import Any

import pytest

from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.resource import Key
from rotated_rds.model.status import Kind, Status
from rotated_rds.passes import Hint
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.alternating import (
    CURRENT,
    GRACE,
    PENDING,
    PREVIOUS,
    an_alternating,
    clone,
    drop_pair,
    given_alternating,
    is_locked_out,
    labels,
    logs_in,
    rotate,
    value,
)
from tests.support.databases import can_log_in, new_user
from tests.support.logins import ENGINES
from tests.support.scene import LOOK, Scene, reason, said
from tests.support.workloads import through

SINGLE, TURNS, TWO = ({"rotation": {"strategy": one}} for one in ("SingleUser", "AlternatingUsers", "DualPassword"))
STAGE = "UpdateSecretVersionStage"


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts) -> Generator[Scene]:
    scene = Scene.on(bed, api, namespace, database, aws)
    yield scene
    drop_pair(scene)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Facts:
    """PostgreSQL, where it is the same on every engine; or the test's own."""
    return request.getfixturevalue(getattr(request, "param", "postgres"))


on_every_engine = pytest.mark.parametrize("database", ENGINES, indirect=True)
on_mysql = pytest.mark.parametrize("database", ["mysql"], indirect=True)


def rotation(status: Status) -> tuple[str | None, str]:
    """The strategy in force, and what RotationReady says."""
    return status.rotation.strategy, reason(status, Kind.ROTATION_READY)


def message(status: Status) -> str:
    return said(status, Kind.ROTATION_READY).message


def on_the_clone(scene: Scene, **spec: Any) -> str:
    """Two users, AWSCURRENT the clone's since now; its version."""
    given_alternating(scene, **spec)
    rotate(scene, "to the clone", later=0)
    return scene.current()[0]


def current_user(scene: Scene) -> str:
    return str(scene.current()[1]["username"])


def expect_one_user(scene: Scene, clones: str) -> Status:
    """At rest with the base user alone; the clone is there, and locked."""
    status = scene.settled(LOOK)
    assert rotation(status) == ("SingleUser", "True")
    assert (current_user(scene), status.username, scene.content["username"]) == (scene.user,) * 3
    assert logs_in(scene, labels(scene)[CURRENT])
    assert PENDING not in labels(scene)
    assert is_locked_out(scene, clones)
    return status


@on_every_engine
def test_E4_D3_two_users_become_one_by_way_of_the_base_and_two_again(scene: Scene) -> None:
    clones = on_the_clone(scene)
    base = labels(scene)[PREVIOUS]
    scene.later(minutes=2)
    status = scene.changed(**SINGLE)
    assert rotation(status) == ("AlternatingUsers", "Unknown HeldBack")
    assert message(status).startswith("to strategy SingleUser: WorkloadsBehind")
    assert logs_in(scene, base), "somebody may still be on it"
    assert logs_in(scene, clones)
    scene.later(minutes=9)
    status = scene.settle()
    assert rotation(status) == ("AlternatingUsers", "Unknown Pending")
    assert f"user '{clone(scene)}' is locked first" in message(status)
    home = labels(scene)[CURRENT]
    assert (current_user(scene), scene.content["username"]) == (scene.user, scene.user)
    assert logs_in(scene, clones), "who runs on the version before goes on"
    assert scene.wake is not None
    assert 0 < scene.wake <= 10 * 60, "time alone ends a grace"
    scene.later(minutes=GRACE)
    expect_one_user(scene, clones)
    assert labels(scene)[CURRENT] == home
    assert any(f"'{clone(scene)}' is locked" in note for note in scene.events("RotationConfigured"))
    scene.rotated()
    expect_one_user(scene, clones)
    assert not logs_in(scene, home)
    scene.changed(**TURNS)
    status = rotate(scene, "two again")
    assert (rotation(status), current_user(scene)) == (("AlternatingUsers", "True"), clone(scene))
    assert logs_in(scene, labels(scene)[CURRENT])
    assert logs_in(scene, labels(scene)[PREVIOUS])


def test_E4_D1_who_is_home_has_only_the_clone_to_lock_and_somebody_else_s_is_left_alone(scene: Scene) -> None:
    new_user(scene.database, clone(scene), "somebody-s-Passw0rd")
    first = given_alternating(scene).version_id
    assert rotation(scene.changed(**SINGLE)) == ("SingleUser", "True")
    assert can_log_in(scene.database, clone(scene), "somebody-s-Passw0rd")
    assert scene.current()[0] == first
    assert any("no version of this secret names it" in note for note in scene.events("RotationConfigured"))


@pytest.mark.parametrize("lost", [STAGE, "status before", "status pending", "status at home"])
def test_E4_A1_whoever_ends_on_the_way_is_followed_by_one_that_carries_it_out(scene: Scene, lost: str) -> None:
    clones = on_the_clone(scene)
    scene.later(minutes=GRACE)
    if lost == STAGE:
        scene.aws.control.fault("lost", lost)
    if lost == "status pending":
        scene.aws.control.fault("error", STAGE, code="InternalServiceError")
    if lost == "status before":
        scene.cluster.forget_status(scene.name)
    scene.cluster.change(scene.name, **SINGLE)
    scene.turn(LOOK)
    scene.turn()
    if lost == "status pending":
        assert value(scene, labels(scene)[PENDING])["username"] == scene.user
        scene.cluster.forget_status(scene.name)
    scene.restarted()
    scene.settle(LOOK)
    if lost == "status before":  # with it went the moment of publication
        scene.later(minutes=GRACE)
        scene.settle(LOOK)
    assert current_user(scene) == scene.user
    assert len(scene.by_hand.secretsmanager().list_secret_version_ids(SecretId=scene.secret_id, IncludeDeprecated=True)["Versions"]) == 3
    if lost == "status at home":
        scene.cluster.forget_status(scene.name)
        scene.settle(LOOK)
    scene.later(minutes=GRACE)
    scene.settle(LOOK)
    expect_one_user(scene, clones)


def test_E4_A6_a_turn_that_has_begun_is_finished_and_only_then_the_strategy_is_left(scene: Scene) -> None:
    given_alternating(scene)
    scene.cluster.annotate(scene.name, rotate="to the clone")
    began = scene.turn().rotation.in_progress
    assert began is not None
    status = scene.changed(**SINGLE)
    assert (scene.current()[0], current_user(scene)) == (began.version_id, clone(scene))
    assert status.requests["rotate"].result == "Done"
    assert rotation(status) == ("AlternatingUsers", "Unknown HeldBack")


def test_E4_A5_D3_a_pod_on_the_clone_keeps_it_open_and_nobody_else_gets_it_meanwhile(scene: Scene) -> None:
    scene.cluster.given_deployment("optedout", scene.name, annotations={"rotated-rds.io/restart": "false"})
    scene.given(**an_alternating(scene))
    scene.settle()
    through(scene, "optedout")
    scene.comes_ready()
    scene.later(minutes=2)
    scene.asked(rotate="to the clone")
    clones = scene.comes_ready().version_id or ""
    scene.later(minutes=60)
    status = scene.changed(**SINGLE)
    assert (rotation(status), "Deployment/optedout" in message(status)) == (("AlternatingUsers", "Unknown HeldBack"), True)
    status = scene.asked(force_rotate="now")
    assert (status.requests["force-rotate"].result, current_user(scene)) == ("Done", scene.user)
    rival = scene.another("rival", clone(scene))
    rival.cluster.given_secret("rival-first", {"password": scene.current()[1]["password"]})
    rival.cluster.given_resource(rival.resource())
    scene.later(minutes=60)
    status = scene.settle()
    assert ("Deployment/optedout" in message(status), logs_in(scene, clones)) == (True, True)
    assert reason(rival.settle(), Kind.SECRET_READY) == "False UserConflict"
    scene.cluster.api.call("DELETE", scene.cluster.path("deployments", "optedout", group="apps/v1"))
    scene.waits_for("nobody needs the clone", lambda: scene.settle().rotation.strategy == "SingleUser")
    expect_one_user(scene, clones)


def test_E4_D5_a_rollback_on_the_way_stops_it_until_somebody_asks_for_a_rotation(scene: Scene) -> None:
    clones = on_the_clone(scene)
    scene.later(minutes=GRACE)
    scene.changed(**SINGLE)
    assert current_user(scene) == scene.user
    status = scene.asked(rollback="back")
    assert (status.requests["rollback"].result, scene.current()[0]) == ("Done", clones)
    assert (rotation(status)[1], "strategy SingleUser waits" in message(status)) == ("False RolledBack", True)
    scene.later(hours=2)
    status = scene.asked(sync="seen")
    assert (rotation(status)[1], "annotate rotated-rds.io/rotate" in message(status)) == ("Unknown Pending", True)
    scene.cluster.forget_status(scene.name)
    scene.settle(LOOK)
    scene.later(hours=2)
    scene.settle(LOOK)
    assert scene.current()[0] == clones
    assert logs_in(scene, labels(scene)[PREVIOUS])
    assert scene.asked(rotate="home").requests["rotate"].result == "Done"
    scene.later(minutes=GRACE)
    scene.settle()
    expect_one_user(scene, clones)


def test_E4_A6_suspended_it_goes_no_further_than_what_has_begun(scene: Scene) -> None:
    clones = on_the_clone(scene)
    scene.later(minutes=GRACE)
    scene.changed(suspend=True, **SINGLE)
    assert scene.current()[0] == clones
    scene.cluster.change(scene.name, suspend=False)
    assert scene.turn().rotation.in_progress is not None
    scene.changed(suspend=True)
    assert current_user(scene) == scene.user
    scene.later(minutes=GRACE)
    scene.settle(LOOK)
    assert logs_in(scene, clones)
    scene.changed(suspend=False)
    expect_one_user(scene, clones)


def test_E4_A6_deleted_on_the_way_it_is_home_and_locks_nobody(scene: Scene) -> None:
    clones = on_the_clone(scene)
    scene.later(minutes=GRACE)
    scene.cluster.change(scene.name, **SINGLE)
    assert scene.turn().rotation.in_progress is not None
    scene.cluster.delete(scene.name)
    key, passes = Key(scene.cluster.namespace, scene.name), scene.passes
    for _ in range(5):
        if (body := passes.world.kubernetes.resource(key)) is not None:
            passes.passes.run(dict(body), Hint())
    assert passes.world.kubernetes.resource(key) is None
    assert (current_user(scene), logs_in(scene, labels(scene)[CURRENT]), logs_in(scene, clones)) == (scene.user, True, True)


def test_E4_without_the_administrator_nothing_moves_and_the_field_is_named(scene: Scene) -> None:
    clones = on_the_clone(scene)
    admin = f"{scene.cluster.namespace}/admin"
    scene.later(minutes=GRACE)
    status = scene.changed(user={"adminSecretId": None}, **SINGLE)
    assert rotation(status) == ("AlternatingUsers", "False AdminInsufficient")
    assert "spec.user.adminSecretId" in message(status)
    assert scene.current()[0] == clones
    scene.changed(user={"adminSecretId": admin})
    scene.later(minutes=GRACE)
    scene.settle()
    expect_one_user(scene, clones)


# by way of the other


@on_mysql
def test_E4_D2_from_two_passwords_to_two_users_the_second_password_is_discarded_first(scene: Scene) -> None:
    scene.given_ready(**an_alternating(scene, rotation=TWO["rotation"]))
    first = scene.current()[0]
    scene.rotated()
    second = scene.current()[0]
    status = scene.changed(**TURNS)
    assert rotation(status) == ("DualPassword", "Unknown Pending")
    assert "the password before is discarded first" in message(status)
    scene.later(minutes=2)
    status = scene.asked(rotate="early")
    assert rotation(status) == ("DualPassword", "Unknown HeldBack")
    assert (scene.current()[0], logs_in(scene, first), logs_in(scene, second)) == (second, True, True)
    scene.later(minutes=GRACE)
    status = scene.settle()
    assert (rotation(status)[0], status.requests["rotate"].result, current_user(scene)) == ("AlternatingUsers", "Done", clone(scene))
    assert (PRIMARY in labels(scene), logs_in(scene, first), logs_in(scene, second)) == (False, False, True)


@on_mysql
def test_E4_D2_from_two_users_to_two_passwords_it_goes_home_first(scene: Scene) -> None:
    clones = on_the_clone(scene)
    scene.later(minutes=GRACE)
    scene.changed(**TWO)
    home = scene.current()[0]
    assert current_user(scene) == scene.user
    scene.later(minutes=GRACE)
    status = scene.settled()
    assert (rotation(status), is_locked_out(scene, clones), PRIMARY in labels(scene)) == (("DualPassword", "True"), True, False)
    scene.rotated()
    assert (logs_in(scene, home), logs_in(scene, labels(scene)[PRIMARY])) == (True, True)


# with another method


def test_E4_to_external_both_users_are_handed_over_as_they_are(scene: Scene) -> None:
    clones = on_the_clone(scene)
    since = len(scene.aws.control.calls())
    external = {"method": "External", "strategy": None, "immediately": None}
    user = {"passwordSecretRef": None, "adminSecretId": None}
    status = scene.changed(rotation=external, secret={"name": scene.secret_id}, user=user)
    assert (status.rotation.method, rotation(status)) == ("External", ("SingleUser", "True"))
    scene.later(hours=2)
    scene.settled(LOOK)
    assert (scene.current()[0], logs_in(scene, clones), logs_in(scene, labels(scene)[PREVIOUS])) == (clones, True, True)
    assert {str(one["operation"]) for one in scene.aws.control.calls()[since:]} <= {"DescribeSecret", "GetSecretValue"}
    back = {"rotation": {"method": "Operator"}, "user": {"adminSecretId": f"{scene.cluster.namespace}/admin"}}
    scene.changed(**back)
    for _ in range(3):  # AWS's labels stay still, home, the clone is locked
        scene.later(minutes=16)
        scene.settle(LOOK)
    expect_one_user(scene, clones)


def test_E4_a_function_takes_two_users_over_and_one_only_by_way_of_the_base(scene: Scene) -> None:
    clones = on_the_clone(scene)
    arn = scene.by_hand.control.function(scene.by_hand.function_arn(scene.user), "alternating", pause=0, attempts=1)
    status = scene.changed(rotation={"strategy": "SingleUser", "functionArn": arn})
    assert (said(status, Kind.READY).reason, "change spec.rotation.strategy alone" in said(status, Kind.READY).message) == (
        "InvalidSpec",
        True,
    )
    assert scene.current()[0] == clones
    status = scene.changed(rotation={"strategy": "AlternatingUsers", "gracePeriod": "0s"})
    assert (status.rotation.method, rotation(status)) == ("Lambda", ("AlternatingUsers", "True"))
    for number, user in enumerate((scene.user, clone(scene))):
        scene.later(minutes=2)  # no grace to wait for
        scene.asked(rotate=str(number))
        scene.by_hand.control.rotations(
            scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)["ARN"], seconds=60, count=1 + number
        )
        status = scene.settled(LOOK)
        assert (status.requests["rotate"].text, current_user(scene)) == (str(number), user)
    status = scene.changed(rotation={"strategy": "SingleUser", "gracePeriod": None})
    assert "annotate rotated-rds.io/rotate once" in said(status, Kind.READY).message
