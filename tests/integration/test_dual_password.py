"""SAFETY.md D2, D3, C2, A3 with strategy DualPassword, pass by pass on the real servers: whatever happens, AWSCURRENT goes on to log in."""

from collections.abc import Generator

import pytest

from rotated_rds.clients.sessions import STATEMENT_TIMEOUT
from rotated_rds.model.errors import Reason
from rotated_rds.model.secret import CURRENT, PENDING
from rotated_rds.model.status import Kind as Condition
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.databases import execute_as_root, through
from tests.support.dual import ADMIN, KINDS, LATER, MARIADB, OWN, Kind, begin, expect_two, may_keep_two, primary, rotated
from tests.support.passes import Fence
from tests.support.safety import FIRST, Scene
from tests.support.tcp import Fault, Relay

STAGE = "UpdateSecretVersionStage"


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def database(kind: Kind, request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(kind.engine)


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, kind: Kind, database: Facts, aws: Facts) -> Scene:
    return begin(Scene.at(bed, api, namespace, database, aws), kind)


def test_D2_D3_the_old_password_logs_in_until_the_grace_is_over_and_is_discarded_then(scene: Scene) -> None:
    first = scene.label(CURRENT)
    assert scene.rotate("one").requests["rotate"].result == "Done"
    second = expect_two(scene, FIRST)
    assert primary(scene) == second
    assert scene.status().rotation.retained == first
    assert scene.rotate("two").rotation.held_back is not None, "FIRST may still be in use"
    expect_two(scene, FIRST)
    scene.hand.clock.advance(LATER)
    scene.cluster.annotate(scene.name, rotate="one")
    scene.settle()
    assert scene.expect_one_credential() == second
    assert scene.status().rotation.retained is None
    since = scene.last_call()
    scene.settle()
    assert scene.operations(since) == [], "a quiet pass asks AWS nothing"


@pytest.mark.parametrize("kind", [OWN, MARIADB], ids=str)
def test_D2_the_next_rotation_ends_the_password_before_the_last(scene: Scene) -> None:
    scene.rotate("one")
    second = scene.password(scene.label(CURRENT))
    scene.cluster.annotate(scene.name, rotate="two")
    scene.hand.clock.advance(LATER)
    assert scene.settle().requests["rotate"].text == "two"
    assert primary(scene) == expect_two(scene, second)
    assert not scene.logs_in(FIRST)


TOLD, MOVED = 0, 1
"""Which move of a label after the change: AWS told of the primary; AWSCURRENT moved."""


@pytest.mark.parametrize(("kind", "call"), [(OWN, TOLD), (ADMIN, MOVED), (MARIADB, MOVED)], ids=str)
def test_D2_a_change_is_not_repeated_when_an_answer_after_it_is_lost(scene: Scene, call: int) -> None:
    second = rotated(scene, "before")
    ours, old = _due(scene, "next"), scene.password(second)
    scene.aws.control.fault("lost", STAGE, after=call)
    scene.turn()
    assert scene.logs_in(old)
    assert scene.logs_in(scene.password(ours))
    scene.settle()
    assert expect_two(scene, old) == ours == primary(scene)
    assert PENDING not in scene.labels()


def _due(scene: Scene, text: str) -> str:
    """A rotation that is written down, and no more; nobody is on the password before."""
    scene.hand.clock.advance(LATER)
    scene.settle()
    return scene.begin_rotation(text)


@pytest.mark.parametrize(("kind", "call"), [(OWN, TOLD), (ADMIN, MOVED), (MARIADB, MOVED)], ids=str)
def test_D2_C2_what_AWS_definitely_refuses_is_undone_and_both_the_label_and_AWSCURRENT_stay(scene: Scene, call: int) -> None:
    second = rotated(scene, "before")
    ours = _due(scene, "next")
    scene.aws.control.fault("error", STAGE, code="AccessDenied", after=call)
    assert scene.settle().requests["rotate"].result == "Failed"
    assert scene.label(CURRENT) == second == primary(scene)
    assert scene.logs_in(scene.password(second))
    assert not scene.logs_in(scene.password(ours))
    scene.hand.clock.advance(LATER)
    scene.rotate("again")
    expect_two(scene, scene.password(second))


def test_D2_D5_after_a_rollback_the_password_in_use_outlives_the_grace_and_the_next_rotation(scene: Scene) -> None:
    first, second = scene.label(CURRENT), rotated(scene, "one")
    scene.cluster.annotate(scene.name, rollback="a")
    assert scene.settle().requests["rollback"].result == "Done"
    assert expect_two(scene, scene.password(second)) == first
    assert primary(scene) == second
    for _ in range(2):
        scene.hand.clock.advance(LATER)
        scene.look()
        expect_two(scene, scene.password(second))  # nothing is discarded: it would be AWSCURRENT
    third = rotated(scene, "two")
    assert expect_two(scene, FIRST) == third == primary(scene)
    assert not scene.logs_in(scene.password(second))
    scene.hand.clock.advance(LATER)
    scene.settle()
    assert scene.expect_one_credential() == third


@pytest.mark.parametrize(("kind", "call"), [(OWN, TOLD), (ADMIN, MOVED)], ids=str)
def test_D2_after_a_rollback_too_a_change_is_not_repeated(scene: Scene, call: int) -> None:
    rotated(scene, "one")
    scene.cluster.annotate(scene.name, rollback="a")
    scene.settle()
    ours = _due(scene, "two")
    scene.aws.control.fault("lost", STAGE, after=call)
    scene.turn()
    assert scene.logs_in(FIRST)
    scene.settle()
    assert expect_two(scene, FIRST) == ours == primary(scene)


@pytest.mark.parametrize("kind", [OWN], ids=str)
def test_A4_D2_the_change_after_a_rollback_begins_only_with_lease_left_after_the_looks_before_it(
    bed: Bed, api: Api, namespace: str, kind: Kind, database: Facts, aws: Facts
) -> None:
    fence = Fence()
    scene = begin(Scene.at(bed, api, namespace, database, aws, fence=fence), kind)
    rotated(scene, "one")
    scene.cluster.annotate(scene.name, rollback="a")
    scene.settle()
    ours = _due(scene, "two")
    with scene.held("hold-before", "GetSecretValue", after=2):  # AWSCURRENT's; the new one, read back; the primary's
        fence.left = STATEMENT_TIMEOUT.total_seconds()
    assert scene.label(PENDING) == ours
    assert not scene.logs_in(scene.password(ours))
    fence.left = 15.0
    scene.settle()
    assert expect_two(scene, FIRST) == ours


@pytest.mark.parametrize("kind", [ADMIN], ids=str)
def test_D2_an_AWSPENDING_that_somebody_took_off_after_the_change_costs_nobody_the_password(scene: Scene) -> None:
    second = rotated(scene, "one")
    ours, old = _due(scene, "two"), scene.password(second)
    scene.aws.control.fault("error", STAGE, code="InternalServiceError", after=1)
    scene.turn()  # the database has it, and AWS knows which is the primary
    scene.secretsmanager.update_secret_version_stage(SecretId=scene.arn, VersionStage=PENDING, RemoveFromVersionId=ours)
    assert scene.settle().requests["rotate"].result == "Failed"
    assert scene.label(CURRENT) == second
    assert primary(scene) == ours
    assert expect_two(scene, scene.password(ours)) == second
    third = rotated(scene, "three")
    assert expect_two(scene, old) == third == primary(scene)


@pytest.mark.parametrize("kind", [OWN, MARIADB], ids=str)
def test_E4_who_leaves_the_strategy_leaves_no_second_password_behind(scene: Scene) -> None:
    rotated(scene, "one")
    scene.cluster.change(scene.name, rotation={"strategy": "SingleUser"})
    scene.look()
    assert scene.logs_in(FIRST), "somebody may still be on it"
    scene.hand.clock.advance(LATER)
    scene.look()
    scene.expect_one_credential()
    assert primary(scene) is None
    rotated(scene, "two")
    scene.expect_one_credential()


@pytest.mark.parametrize("kind", [OWN, ADMIN], ids=str)
def test_E4_who_leaves_it_after_a_rollback_keeps_the_password_in_use(scene: Scene) -> None:
    first = scene.label(CURRENT)
    rotated(scene, "one")
    scene.cluster.annotate(scene.name, rollback="a")
    scene.settle()
    scene.cluster.change(scene.name, rotation={"strategy": "SingleUser"})
    scene.hand.clock.advance(LATER)
    scene.look()
    assert scene.expect_one_credential() == first
    assert primary(scene) is None


@pytest.mark.parametrize("kind", [OWN], ids=str)
def test_E4_who_gives_the_rotation_away_leaves_no_second_password_behind(scene: Scene) -> None:
    second = rotated(scene, "one")
    external = {"method": "External", "strategy": None, "immediately": None}
    scene.cluster.change(
        scene.name, rotation=external, secret={"name": f"{scene.cluster.namespace}/{scene.name}"}, user={"passwordSecretRef": None}
    )
    scene.look()
    assert scene.status().rotation.method == "Operator"
    assert expect_two(scene, FIRST) == second, "somebody may still be on it"
    scene.hand.clock.advance(LATER)
    scene.look()
    assert scene.expect_one_credential() == second
    assert primary(scene) is None
    assert scene.status().rotation.method == "External"


# only MySQL has a primary password


@pytest.mark.parametrize("kind", [OWN, ADMIN], ids=str)
def test_D2_a_primary_that_somebody_else_set_is_found_out_and_AWSCURRENT_stays(scene: Scene) -> None:
    first = scene.label(CURRENT)
    execute_as_root(scene.database, f"ALTER USER '{scene.user}'@'%' IDENTIFIED BY 'Somebody-1' RETAIN CURRENT PASSWORD")
    scene.rotate("one")
    assert scene.logs_in(FIRST)
    if scene.label(CURRENT) == first:  # by an administrator MySQL does not say so: it was undone
        assert scene.status().requests["rotate"].result == "Failed"
        scene.hand.clock.advance(LATER)
        scene.rotate("two")
    assert expect_two(scene, FIRST) == primary(scene)


@pytest.mark.parametrize("kind", [OWN, ADMIN], ids=str)
def test_D2_a_labelled_password_that_is_gone_is_no_reason_to_end_AWSCURRENTs(scene: Scene) -> None:
    rotated(scene, "one")
    scene.cluster.annotate(scene.name, rollback="a")
    scene.settle()
    execute_as_root(scene.database, f"ALTER USER '{scene.user}'@'%' IDENTIFIED BY '{FIRST}'")  # somebody made it the only one
    assert expect_current(scene) == FIRST
    third = rotated(scene, "two")
    assert expect_two(scene, FIRST) == third == primary(scene)


def expect_current(scene: Scene) -> str:
    password = scene.password(scene.label(CURRENT))
    assert scene.logs_in(password)
    return password


# a change that arrives late


@pytest.fixture
def relay(mysql: Facts) -> Generator[Relay]:
    with Relay(int(str(mysql["port"]))) as relay:
        yield relay


def test_A3_D2_a_dead_clients_RETAIN_that_arrives_late_is_found_and_not_repeated(
    bed: Bed, api: Api, namespace: str, mysql: Facts, aws: Facts, relay: Relay
) -> None:
    scene = begin(Scene.at(bed, api, namespace, through(mysql, relay.port), aws), OWN)
    may_keep_two(mysql, scene.user)
    second = rotated(scene, "one")
    ours, old = _due(scene, "two"), scene.password(second)
    with scene.held("hold-before", "GetSecretValue", after=1):  # read back: the next flight is the change
        relay.strike(Fault.HOLD, 1)
    assert relay.struck
    scene.turn()
    assert scene.label(CURRENT) == second, "the lock is held by the session whose change is still on its way"
    assert not scene.logs_in(scene.password(ours))
    relay.release()
    until("the late change is made", lambda: scene.logs_in(scene.password(ours)))
    scene.settle()
    assert expect_two(scene, old) == ours == primary(scene)


def test_D2_a_user_that_may_not_keep_two_passwords_is_told_so_and_nothing_is_stored(
    bed: Bed, api: Api, namespace: str, mysql: Facts, aws: Facts
) -> None:
    scene = Scene.at(bed, api, namespace, mysql, aws).begin(rotation={"strategy": "DualPassword"})
    assert scene.rotate("one").requests["rotate"].result == "Failed"
    assert scene.reason(Condition.ROTATION_READY) == Reason.PASSWORD_RESTRICTED
    assert "GRANT APPLICATION_PASSWORD_ADMIN" in scene.status().requests["rotate"].message
    assert len(scene.versions()) == 1
    may_keep_two(mysql, scene.user)
    scene.hand.clock.advance(LATER)
    scene.rotate("two")
    expect_two(scene, FIRST)
