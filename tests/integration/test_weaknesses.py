"""Weaknesses of AWS's own functions (AWS.md 2.2) that no other test shows, pass by pass on the real servers."""

from collections.abc import Callable, Generator

import pytest

from rotated_rds.clients.mysql_session import lock_name
from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.databases.server import Server
from tests.bed.databases.sql import as_root
from tests.support.alternating import (
    CURRENT,
    PENDING,
    clone,
    drop_pair,
    given_admin,
    given_alternating,
    labels,
    logs_in,
    refused,
    rotate,
    value,
)
from tests.support.databases import Options, can_log_in, execute_as_root, new_user, set_password
from tests.support.logins import ENGINES
from tests.support.outages import another
from tests.support.scene import FIRST, Scene, reason

Made = Callable[[str], Scene]


@pytest.fixture
def at(bed: Bed, api: Api, namespace: str, aws: Facts, request: pytest.FixtureRequest) -> Generator[Made]:
    """A scene on an engine's server."""
    scenes: list[Scene] = []

    def made(engine: str) -> Scene:
        scenes.append(Scene.on(bed, api, namespace, request.getfixturevalue(engine), aws))
        return scenes[-1]

    yield made
    for scene in scenes:
        drop_pair(scene)


def test_D1_a_role_that_cannot_be_handed_on_leaves_no_AWSPENDING_behind(at: Made) -> None:
    """AWS's function gets 1698 on every retry, and its AWSPENDING keeps every later rotation from beginning."""
    scene = at("mariadb")
    given_alternating(scene)
    role, before = f"r_{scene.user}", labels(scene)
    for statement in (f"CREATE ROLE {role}", f"GRANT {role} TO '{scene.user}'@'%'"):
        execute_as_root(scene.database, statement)
    status = refused(scene, "with the role")
    assert reason(status, Kind.ROTATION_READY) == "False AdminInsufficient"
    assert "roles WITH ADMIN OPTION" in (status.rotation.last_error or "")
    assert labels(scene) == before
    assert PENDING not in before
    execute_as_root(scene.database, f"DROP ROLE {role}")
    rotate(scene, "without it")
    assert scene.content["username"] == clone(scene)


def test_a_server_that_the_templates_take_for_an_old_one_is_rotated(at: Made) -> None:
    """They look for a version that begins with an 8, and use PASSWORD() on any other."""
    scene = at("mysql")
    [(version,)] = execute_as_root(scene.database, "SELECT VERSION()")
    assert int(str(version).partition(".")[0]) > 8
    scene.given_ready()
    scene.rotated()
    assert can_log_in(scene.database, scene.user, scene.password)
    assert not can_log_in(scene.database, scene.user, FIRST)


@pytest.mark.parametrize("engine", ENGINES)
def test_E3_a_password_that_no_version_holds_is_replaced_by_the_administrator_when_asked(at: Made, engine: str) -> None:
    """AWS's functions are "unable to log into database with previous, current, or pending", for ever."""
    scene = at(engine)
    scene.given_ready(user={"adminSecretId": given_admin(scene)})
    set_password(scene.database, scene.user, "By-hand-Passw0rd")
    scene.later(minutes=6)
    status = scene.asked(sync="look")
    assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False LoginFailed"
    status = scene.rotated()
    assert can_log_in(scene.database, scene.user, scene.password)
    assert not can_log_in(scene.database, scene.user, "By-hand-Passw0rd")
    assert scene.current()[0] == status.version_id


@pytest.mark.parametrize("engine", ["mysql"])
def test_B4_a_rotation_that_cannot_go_on_does_not_lock_its_user(at: Made, engine: str) -> None:
    """The new version is stored and not set, the administrator waits for the lock, pass after pass: nobody tries that password again."""
    scene = at(engine)
    scene.cluster.given_secret(f"{scene.name}-first", {"password": FIRST})
    new_user(scene.database, scene.user, FIRST, Options(clauses="FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED"))
    scene.cluster.given_resource(scene.resource(user={"adminSecretId": given_admin(scene)}))
    scene.settled()
    scene.cluster.annotate(scene.name, rotate="1")
    scene.turn()
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    assert PENDING in labels(scene)
    with as_root(Server.of(scene.database)) as root:
        root.run("SELECT GET_LOCK(%s, 0)", [lock_name(scene.user)])
        for _ in range(4):
            scene.later(minutes=1)
            scene.turn()
        assert can_log_in(scene.database, scene.user, FIRST), "not locked"
    scene.later(minutes=1)
    scene.settle()
    assert PENDING not in labels(scene)
    assert can_log_in(scene.database, scene.user, scene.password)


def test_B1_a_proxy_that_knows_one_user_never_has_the_other_published(at: Made, bed: Bed) -> None:
    """RDS Proxy with the base user's secret alone; simulated by a second server that has no clone."""
    scene = at("postgres")
    with another(bed) as front:
        new_user(front, scene.user, FIRST)
        given_alternating(scene, target={"endpoint": {"host": "localhost", "port": front["port"]}})
        scene.later(minutes=2)
        status = scene.asked(rotate="to the clone")
        assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False EndpointBehind"
        for _ in range(3):
            scene.later(minutes=10)
            status = scene.settle()
            assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False EndpointBehind"
        assert value(scene, labels(scene)[CURRENT])["username"] == clone(scene)
        assert logs_in(scene, labels(scene)[CURRENT])
        assert (scene.content["username"], scene.password) == (scene.user, FIRST)
        assert can_log_in(front, scene.user, scene.password), "what is published goes on to work, at the proxy"
        assert can_log_in(scene.database, scene.user, scene.password), "and at the database"
