"""AlternatingUsers, pass by pass on the three servers: whose turn it is, what is kept, what is refused (SAFETY.md C2, D1, D3)."""

import secrets
from collections.abc import Generator
from typing import Any

import pytest

from rotated_rds.model.status import Kind, Status
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.alternating import (
    CURRENT,
    PENDING,
    PREVIOUS,
    an_alternating,
    clone,
    drop_pair,
    given_admin,
    given_alternating,
    labels,
    logs_in,
    refused,
    rotate,
    user_exists,
    value,
)
from tests.support.databases import can_log_in, execute_as_root, new_user
from tests.support.logins import ENGINES
from tests.support.scene import FIRST, LOOK, Scene, reason, said
from tests.support.workloads import through

STAGE = "UpdateSecretVersionStage"


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts) -> Generator[Scene]:
    scene = Scene.on(bed, api, namespace, database, aws)
    yield scene
    drop_pair(scene)


@pytest.fixture
def on_postgres(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Generator[Scene]:
    """What is the same on every engine."""
    scene = Scene.on(bed, api, namespace, postgres, aws)
    yield scene
    drop_pair(scene)


def held(status: Status) -> str | None:
    return status.rotation.held_back.reason if status.rotation.held_back else None


def test_D1_D3_the_two_users_take_turns_and_the_one_before_stays_until_nobody_needs_it(scene: Scene) -> None:
    given_alternating(scene)
    first, held_first = scene.current()
    assert (held_first["username"], held_first["masterarn"].rpartition(":")[2].startswith(f"{scene.cluster.namespace}/admin")) == (
        scene.user,
        True,
    )

    status = rotate(scene, "to the clone", later=0)
    second, held_second = scene.current()
    assert held_second == held_first | {"username": clone(scene), "password": held_second["password"]}
    assert status.username == scene.content["username"] == clone(scene)
    assert logs_in(scene, second)
    assert logs_in(scene, first), "who runs on the version before goes on"

    scene.later(minutes=2)
    status = scene.asked(rotate="too soon")
    assert held(status) == "WorkloadsBehind"
    assert "gracePeriod" in said(status, Kind.ROTATION_READY).message
    assert said(status, Kind.READY).true
    assert logs_in(scene, first)
    wake = scene.wake
    assert wake is not None
    assert 7 * 60 < wake < 9 * 60, "only time ends a grace"

    scene.later(minutes=9)
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    third, held_third = scene.current()
    assert held_third["username"] == scene.content["username"] == scene.user
    assert logs_in(scene, third)
    assert logs_in(scene, second)
    assert not logs_in(scene, first)
    assert [line.result for line in status.history] == ["Succeeded", "Succeeded"]
    assert PENDING not in labels(scene)

    rotate(scene, "to the clone again")
    assert scene.current()[1]["username"] == clone(scene)
    assert logs_in(scene, third)
    assert not logs_in(scene, second)


def test_C2_D1_a_label_that_aws_definitely_refuses_to_move_gives_the_other_user_its_password_back(scene: Scene) -> None:
    given_alternating(scene)
    rotate(scene, "to the clone", later=0)
    before = labels(scene)
    scene.later(minutes=11)
    scene.aws.control.fault("error", STAGE, code="AccessDenied")
    status = refused(scene, "to the base")
    assert "was put back" in (status.rotation.last_error or "")
    assert labels(scene) == before
    assert logs_in(scene, before[CURRENT])
    assert logs_in(scene, before[PREVIOUS]), "the base user's own password stands again"
    rotate(scene, "once more")
    assert scene.current()[1]["username"] == scene.user


def test_C2_a_new_clone_that_never_became_current_lets_nobody_in(scene: Scene) -> None:
    given_alternating(scene)
    scene.aws.control.fault("error", STAGE, code="AccessDenied")
    status = refused(scene, "to the clone")
    failed = status.history[0].version_id
    assert value(scene, failed)["username"] == clone(scene)
    assert not logs_in(scene, failed)
    assert scene.password == FIRST
    assert logs_in(scene, labels(scene)[CURRENT])
    rotate(scene, "once more")
    assert scene.current()[1]["username"] == clone(scene)


REVOKE = {"postgres": 'REVOKE "{base}" FROM "{clone}" GRANTED BY {admin}', "others": "REVOKE ALL ON app.* FROM '{clone}'@'%'"}
HAS = {
    "postgres": "SELECT pg_has_role('{clone}', '{base}', 'USAGE')",
    "others": "SELECT COUNT(*) > 0 FROM mysql.db WHERE User = '{clone}' AND Select_priv = 'Y'",
}


def as_root(scene: Scene, statements: dict[str, str]) -> list[Any]:
    text = statements.get(str(scene.database["engine"])) or statements["others"]
    return execute_as_root(scene.database, text.format(base=scene.user, clone=clone(scene), admin=scene.database["admin_user"]))


def has(scene: Scene) -> bool:
    """Whether the clone has what the base was granted."""
    [(answer,)] = as_root(scene, HAS)
    return bool(answer)


def test_D1_a_clone_that_logs_in_is_compared_all_the_same_before_it_becomes_current(scene: Scene) -> None:
    """AWS's own functions take a working login for a finished job, and promote a user that is half made."""
    given_alternating(scene)
    scene.aws.control.fault("error", STAGE, code="InternalServiceError")
    scene.cluster.annotate(scene.name, rotate="next")
    scene.turn()
    scene.turn()
    pending = labels(scene)[PENDING]
    assert logs_in(scene, pending)
    as_root(scene, REVOKE)
    assert not has(scene)
    scene.settle()
    assert scene.current()[0] == pending
    assert has(scene)


def test_D1_a_clone_that_no_version_names_is_somebody_s(scene: Scene) -> None:
    new_user(scene.database, clone(scene), "somebody-s-Passw0rd")
    given_alternating(scene)
    status = refused(scene, "next")
    assert reason(status, Kind.ROTATION_READY) == "False CloneConflict"
    assert said(status, Kind.STALLED).true
    assert can_log_in(scene.database, clone(scene), "somebody-s-Passw0rd")
    assert scene.current()[1]["username"] == scene.user
    assert set(labels(scene)) <= {CURRENT, PREVIOUS}


def test_D1_a_version_of_somebody_else_is_not_rotated(on_postgres: Scene) -> None:
    scene = on_postgres
    given_alternating(scene)
    other = f"{scene.user}_other"
    new_user(scene.database, other, FIRST)
    scene.put_keys(username=other, password=FIRST)
    scene.settle(LOOK)
    status = refused(scene, "next")
    assert reason(status, Kind.ROTATION_READY) == "False UserMismatch"
    assert scene.current()[1]["username"] == other
    assert not user_exists(scene, clone(scene))


def test_A5_the_clone_of_an_alternating_user_is_no_other_resource_s(on_postgres: Scene) -> None:
    scene = on_postgres
    given_alternating(scene)
    rival = scene.another("rival", clone(scene))
    rival.given()
    status = rival.settle()
    assert reason(status, Kind.SECRET_READY) == "False UserConflict"
    assert f"{scene.cluster.namespace}/{scene.name}" in said(status, Kind.SECRET_READY).message


def test_C7_C8_no_powerful_user_is_cloned_and_no_clone_without_the_right(on_postgres: Scene) -> None:
    scene = on_postgres
    given_alternating(scene)
    execute_as_root(scene.database, f'ALTER ROLE "{scene.user}" CREATEROLE')
    status = refused(scene, "of a powerful user")
    assert reason(status, Kind.ROTATION_READY) == "False NotAllowed"
    assert not user_exists(scene, clone(scene))
    execute_as_root(scene.database, f'ALTER ROLE "{scene.user}" NOCREATEROLE')
    rotate(scene, "of an equal")
    execute_as_root(scene.database, f'ALTER ROLE "{clone(scene)}" CREATEROLE')
    status = refused(scene, "of a powerful clone")
    assert reason(status, Kind.ROTATION_READY) == "False NotAllowed"
    execute_as_root(scene.database, f'ALTER ROLE "{clone(scene)}" NOCREATEROLE')


def test_C6_a_name_that_leaves_no_room_is_refused_when_the_engine_is_found_out(on_postgres: Scene) -> None:
    """Where the engine is typed, the API server refuses it."""
    scene = on_postgres
    scene.user = f"u{'x' * 57}"
    name = f"i-{secrets.token_hex(4)}"
    scene.by_hand.control.place(instance=name, engine="postgres", host="localhost", port=scene.database["port"])
    scene.cluster.given_user(scene.database, scene.user, FIRST, scene.name)
    discovered = {"host": None, "engine": None, "port": None, "instance": name}
    scene.cluster.given_resource(scene.resource(**an_alternating(scene, database=discovered)))
    status = scene.settle()
    assert reason(status, Kind.ROTATION_READY) == "False InvalidSpec"
    assert "57 bytes" in said(status, Kind.ROTATION_READY).message
    assert scene.password == FIRST, "what is there is published all the same"
    status = scene.asked(rotate="next")
    assert status.requests["rotate"].result == "Refused"


def test_D3_pods_on_the_version_before_hold_the_next_rotation_and_force_rotate_names_them(on_postgres: Scene) -> None:
    scene = on_postgres
    scene.cluster.given_deployment("optedout", scene.name, annotations={"rotated-rds.io/restart": "false"})
    scene.cluster.given_deployment("restarted", scene.name)
    scene.given(**an_alternating(scene))
    scene.settle()
    through(scene, "optedout", "restarted")
    scene.comes_ready()
    scene.later(minutes=2)
    scene.asked(rotate="to the clone")
    scene.comes_ready()
    first = labels(scene)[PREVIOUS]
    scene.later(minutes=60)
    status = scene.asked(rotate="next")
    assert held(status) == "WorkloadsBehind"
    message = said(status, Kind.ROTATION_READY).message
    assert "Deployment/optedout" in message
    assert "Deployment/restarted" not in message
    assert logs_in(scene, first)
    status = scene.asked(force_rotate="now")
    assert status.requests["force-rotate"].result == "Done"
    assert not logs_in(scene, first)
    (told,) = scene.events("CredentialCutOff")
    assert "Deployment/optedout" in told
    assert "restarted" not in told


def test_D3_a_published_credential_is_not_ended_for_one_that_does_not_log_in(on_postgres: Scene) -> None:
    """Somebody moves AWSCURRENT to a dead version: what the Kubernetes Secret holds is the other user's, whose turn it would be."""
    scene = on_postgres
    given_alternating(scene)
    rotate(scene, "to the clone", later=0)
    scene.later(minutes=11)
    scene.put_keys(username=scene.user, password="a-password-that-nobody-set")
    status = scene.settle(LOOK)
    assert reason(status, Kind.CREDENTIAL_VERIFIED) == "False LoginFailed"
    status = scene.asked(rotate="next")
    assert held(status) == "WorkloadsBehind"
    published = scene.content
    assert published["username"] == clone(scene)
    assert can_log_in(scene.database, published["username"], published["password"])


def test_E3_a_repair_sets_awscurrent_s_password_on_its_own_user_alone(scene: Scene) -> None:
    """AWSPREVIOUS logs in, but it is another user: its session must not set its own password to AWSCURRENT's."""
    given_alternating(scene, user={"onRefused": "Repair"})
    rotate(scene, "to the clone", later=0)
    both = labels(scene)
    changed = "ALTER {kind} {who} {how} 'changed-by-hand-Passw0rd'"
    postgres = scene.database["engine"] == "postgres"
    who = f'"{clone(scene)}"' if postgres else f"'{clone(scene)}'@'%'"
    how = "PASSWORD" if postgres else "IDENTIFIED BY"
    execute_as_root(scene.database, changed.format(kind="ROLE" if postgres else "USER", who=who, how=how))
    assert not logs_in(scene, both[CURRENT])
    scene.asked(sync="now")
    assert logs_in(scene, both[CURRENT])
    assert logs_in(scene, both[PREVIOUS])
    assert labels(scene) == both


def test_an_administrator_of_another_database_makes_no_clone(on_postgres: Scene) -> None:
    scene = on_postgres
    spec = an_alternating(scene)
    scene.given_ready(**spec)
    client = scene.by_hand.secretsmanager()
    client.put_secret_value(SecretId=spec["user"]["adminSecretId"], SecretString='{"username": "a", "password": "b", "host": "127.9.9.9"}')
    status = refused(scene, "next")
    assert reason(status, Kind.ROTATION_READY) == "False AdminMismatch"
    assert not user_exists(scene, clone(scene))


def test_one_user_may_become_two(on_postgres: Scene) -> None:
    scene = on_postgres
    scene.given_ready()
    admin = given_admin(scene)
    scene.changed(user={"adminSecretId": admin}, rotation={"strategy": "AlternatingUsers"})
    rotate(scene, "to the clone")
    assert scene.current()[1]["username"] == clone(scene)
