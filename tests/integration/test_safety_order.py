"""SAFETY.md C1: the order in which a rotation reaches AWS, the database, the Secret and the workloads."""

import re
from datetime import UTC, datetime

import pytest

from rotated_rds.model.secret import CURRENT, PENDING, PREVIOUS
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import logged
from tests.support.logins import ENGINES
from tests.support.safety import FIRST, Scene

STAGE = "UpdateSecretVersionStage"


@pytest.fixture(params=ENGINES)
def scene(bed: Bed, api: Api, namespace: str, aws: Facts, request: pytest.FixtureRequest) -> Scene:
    return Scene.at(bed, api, namespace, request.getfixturevalue(request.param), aws).begin()


def published(scene: Scene) -> str:
    return scene.cluster.content("db")["password"]


def test_C1_the_version_is_stored_before_the_database_is_touched(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    with scene.held("hold-before", "GetSecretValue", after=1):
        assert scene.label(PENDING) == ours
        assert scene.logs_in(FIRST)
        assert not scene.logs_in(scene.password(ours))


def test_C1_nothing_is_set_when_what_is_read_back_is_not_there(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    moment = scene.aws.control.moment()
    stale = scene.aws.control.fault("stale", "GetSecretValue", after=1, moment=moment, count=None)
    scene.turn()
    assert scene.label(PENDING) == ours
    assert scene.logs_in(FIRST)
    scene.aws.control.release(stale)
    scene.settle()
    assert scene.expect_one_credential() == ours


def test_C1_the_database_takes_it_before_the_label_moves(scene: Scene) -> None:
    old, ours = scene.label(CURRENT), scene.begin_rotation("next")
    with scene.held("hold-before", STAGE):
        assert scene.logs_in(scene.password(ours))
        assert not scene.logs_in(FIRST)
        assert scene.label(CURRENT) == old
        assert published(scene) == FIRST


def test_C1_the_secret_follows_the_labels(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    with scene.held("hold-after", STAGE):
        assert scene.label(CURRENT) == ours
        assert scene.label(PENDING) == ours
        assert published(scene) == FIRST
    assert published(scene) == scene.password(ours)
    assert scene.labels()[PREVIOUS] != ours
    scene.expect_one_credential()


def test_C1_awspending_is_off_before_the_secret_is_written(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    with scene.held("hold-after", STAGE, after=1):
        assert scene.label(CURRENT) == ours
        assert PENDING not in scene.labels()
        assert published(scene) == FIRST
    scene.expect_one_credential()


def test_C1_workloads_are_restarted_after_the_secret_is_written(scene: Scene) -> None:
    scene.cluster.given_deployment("orders", "db")
    scene.rotate("next")
    secret, deployment = scene.cluster.secret("db"), scene.cluster.deployment("orders")
    assert secret is not None
    template = deployment["spec"]["template"]["metadata"]["annotations"]
    assert template["rotated-rds.io/version.db"] == scene.label(CURRENT)
    written = next(one["time"] for one in deployment["metadata"]["managedFields"] if one["manager"] == "rotated-rds-operator")
    assert written >= next(one["time"] for one in secret["metadata"]["managedFields"] if one["manager"] == "rotated-rds-operator")
    assert int(deployment["metadata"]["resourceVersion"]) > int(secret["metadata"]["resourceVersion"])


def test_C1_what_aws_is_asked_in_a_rotation(scene: Scene) -> None:
    scene.begin_rotation("next")
    since = scene.last_call()
    scene.settle()
    writes = [one for one in scene.operations(since) if not one.startswith(("Describe", "List", "GetCaller"))]
    assert writes == ["GetSecretValue", "PutSecretValue", "GetSecretValue", STAGE, STAGE]


def test_C1_the_label_is_moved_only_from_the_version_that_the_rotation_began_with(scene: Scene) -> None:
    scene.begin_rotation("next")
    with scene.held("hold-before", STAGE):
        by_hand = scene.put("By-hand-Passw0rd", [CURRENT])
    assert scene.label(CURRENT) == by_hand
    assert published(scene) == FIRST


def test_C1_the_new_password_logs_in_between_its_change_and_the_labels_move(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = Scene.at(bed, api, namespace, postgres, aws).begin()
    scene.begin_rotation("next")
    since, before = scene.last_call(), len(logged(postgres))
    scene.settle()
    lines = logged(postgres)[before:].splitlines()
    changed = moment(next(line for line in lines if "ALTER ROLE" in line and scene.user in line))
    logins = [moment(line) for line in lines if f"connection authorized: user={scene.user}" in line]
    calls = {call["operation"]: datetime.fromtimestamp(call["time"], UTC) for call in reversed(scene.aws.control.calls(since))}
    assert calls["PutSecretValue"] < changed
    assert any(changed < login < calls[STAGE] for login in logins)


def moment(line: str) -> datetime:
    """A line's own time, as `log_line_prefix` begins it."""
    found = re.match(r"(\S+ \S+) (\S+) ", line)
    assert found is not None, line
    return datetime.strptime(f"{found[1]} +0000", "%Y-%m-%d %H:%M:%S.%f %z")
