"""SAFETY.md C2: what is undone, by whom, and what is left for a later pass."""

from collections.abc import Callable, Generator
from datetime import timedelta

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.secret import CURRENT, PENDING
from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import execute_as_root, set_password, through
from tests.support.logins import ENGINES
from tests.support.safety import FIRST, Scene
from tests.support.tcp import Fault, Relay

STAGE = "UpdateSecretVersionStage"
# With each of these the server takes the new password and refuses it at its login, whoever is right.
SPOIL = {"postgres": "ALTER ROLE \"{user}\" VALID UNTIL '2001-01-01'", "mariadb": "ALTER USER '{user}'@'%' REQUIRE X509"}
MEND = {"postgres": "ALTER ROLE \"{user}\" VALID UNTIL 'infinity'", "mariadb": "ALTER USER '{user}'@'%' REQUIRE NONE"}
# What a session asks right before the change itself, and the change.
CHANGE = {"postgres": 1, "mysql": 1, "mariadb": 3}


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, database, aws).begin()


@pytest.fixture
def relay(database: Facts) -> Generator[Relay]:
    with Relay(int(str(database["port"]))) as relay:
        yield relay


@pytest.fixture
def relayed(bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts, relay: Relay) -> Scene:
    return Scene.at(bed, api, namespace, through(database, relay.port), aws).begin(database={"unreachablePolicy": "Publish"})


def as_root(scene: Scene, statements: dict[str, str]) -> None:
    engine = str(scene.database["engine"])
    execute_as_root(scene.database, statements.get(engine, statements["mariadb"]).format(user=scene.user))


def expect_undone(scene: Scene, ours: str) -> None:
    assert scene.status().requests["rotate"].result == "Failed"
    assert scene.status().history[0].result == "Failed"
    assert scene.status().rotation.in_progress is None
    assert scene.label(CURRENT) != ours
    assert scene.logs_in(FIRST)
    assert not scene.logs_in(scene.password(ours))
    assert scene.cluster.content("db")["password"] == FIRST


def test_C2_a_new_password_that_is_definitely_refused_is_put_back_by_the_same_session(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    with scene.held("hold-before", "GetSecretValue", after=1):
        as_root(scene, SPOIL)
    as_root(scene, MEND)
    expect_undone(scene, ours)
    assert PENDING not in scene.labels()
    assert scene.rotate_again("once more").requests["rotate"].result == "Done"
    scene.expect_one_credential()


def test_C2_a_label_that_aws_definitely_refuses_to_move_is_undone(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("error", STAGE, code="AccessDenied")
    scene.settle()
    expect_undone(scene, ours)
    assert scene.reason(Kind.ROTATION_READY) == Reason.ACCESS_DENIED
    assert PENDING not in scene.labels()
    assert scene.rotate_again("once more").requests["rotate"].result == "Done"
    scene.expect_one_credential()


def test_C2_what_aws_always_refuses_is_tried_once_a_request(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    fault = scene.aws.control.fault("error", STAGE, code="AccessDenied", count=None)
    scene.turn()
    expect_undone(scene, ours)
    for _ in range(3):
        scene.hand.clock.advance(timedelta(minutes=1))
        scene.turn()
        assert scene.logs_in(FIRST)
    assert scene.operations().count("PutSecretValue") == 1
    scene.aws.control.release(fault)
    scene.hand.clock.advance(timedelta(minutes=1))
    scene.look()
    assert PENDING not in scene.labels(), "what failed is taken off as soon as AWS lets us"
    scene.expect_one_credential()


@pytest.mark.parametrize("how", ["lost", "InternalServiceError", "ThrottlingException"])
def test_C2_without_an_answer_nothing_is_put_back_and_the_next_pass_finishes(scene: Scene, how: str) -> None:
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("lost" if how == "lost" else "error", STAGE, code=how)
    scene.turn()
    assert scene.logs_in(scene.password(ours))
    assert not scene.logs_in(FIRST)
    assert scene.status().requests.get("rotate") is None
    made, since = scene.versions(), scene.last_call()
    scene.settle()
    assert scene.status().requests["rotate"].result == "Done"
    assert scene.versions() == made
    assert "PutSecretValue" not in scene.operations(since)
    assert scene.expect_one_credential() == ours


def test_C2_a_refusal_after_which_the_label_stands_where_it_should_is_no_failure(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    with scene.held("hold-before", STAGE):
        scene.move(CURRENT, ours)
    assert scene.settle().requests["rotate"].result == "Done"
    assert scene.expect_one_credential() == ours


def test_C2_a_refusal_when_nobody_knows_where_the_label_stands_puts_nothing_back(scene: Scene) -> None:
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("error", STAGE, code="AccessDenied")
    scene.aws.control.fault("error", "DescribeSecret", code="AccessDenied", after=2, count=1)
    scene.turn()
    assert scene.logs_in(scene.password(ours))
    scene.settle()
    assert scene.expect_one_credential() == ours


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.SWALLOW])
def test_C2_an_unknown_end_of_the_change_never_moves_awscurrent(relayed: Scene, relay: Relay, fault: Fault) -> None:
    old, ours = relayed.label(CURRENT), relayed.begin_rotation("next")
    with relayed.held("hold-before", "GetSecretValue", after=1):
        relay.strike(fault, CHANGE[str(relayed.database["engine"])])
    assert relay.struck
    assert relayed.label(CURRENT) == old
    assert relayed.label(PENDING) == ours
    assert relayed.status().rotation.in_progress is not None
    relay.pass_all()
    relayed.settle()
    assert relayed.expect_one_credential() == ours


def test_C2_a_version_of_our_own_rotation_is_never_published_untried(relayed: Scene, relay: Relay) -> None:
    ours = relayed.begin_rotation("next")
    relayed.aws.control.fault("lost", STAGE)
    relayed.turn()
    assert relayed.label(CURRENT) == ours
    relay.black_hole()
    turns: list[Callable[[], object]] = [relayed.turn, relayed.turn]
    for turn in turns:
        turn()
        assert relayed.cluster.content("db")["password"] == FIRST
    relay.pass_all()
    relayed.hand.clock.advance(timedelta(minutes=10))
    relayed.settle()
    assert relayed.expect_one_credential() == ours


def test_C2_a_password_that_the_database_has_is_not_given_up_for_a_no_at_the_door(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = Scene.at(bed, api, namespace, postgres, aws).begin()
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("error", STAGE, code="InternalServiceError")
    scene.turn()
    execute_as_root(postgres, f'ALTER ROLE "{scene.user}" CONNECTION LIMIT 0')
    scene.turn()
    assert scene.label(PENDING) == ours
    assert scene.status().rotation.in_progress is not None
    execute_as_root(postgres, f'ALTER ROLE "{scene.user}" CONNECTION LIMIT -1')
    scene.settle()
    assert scene.expect_one_credential() == ours


def test_C2_a_login_that_proves_the_password_and_gets_no_further_moves_the_label_and_publishes_nothing(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = Scene.at(bed, api, namespace, postgres, aws).begin()
    ours = scene.begin_rotation("next")
    with scene.held("hold-before", "GetSecretValue", after=1):
        execute_as_root(postgres, f'ALTER ROLE "{scene.user}" CONNECTION LIMIT 0')
    assert scene.label(CURRENT) == ours
    assert scene.cluster.content("db")["password"] == FIRST
    assert scene.reason(Kind.CREDENTIAL_VERIFIED) == Reason.LOGIN_RESTRICTED
    execute_as_root(postgres, f'ALTER ROLE "{scene.user}" CONNECTION LIMIT -1')
    scene.hand.clock.advance(timedelta(minutes=5))
    scene.settle()
    assert scene.expect_one_credential() == ours


@pytest.mark.parametrize("lands", [True, False])
def test_A3_a_stored_version_is_given_up_only_when_a_dead_clients_change_can_no_longer_land(scene: Scene, lands: bool) -> None:
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    set_password(scene.database, scene.user, "Neither-of-both-1")
    scene.turn()
    assert scene.label(PENDING) == ours
    assert scene.status().rotation.in_progress is not None, "a change that was sent may still be on its way"
    if lands:
        set_password(scene.database, scene.user, scene.password(ours))
    scene.hand.clock.advance(timedelta(minutes=1))
    status = scene.settle()
    assert status.requests["rotate"].result == ("Done" if lands else "Failed")
    assert (scene.label(CURRENT) == ours) == lands
    assert PENDING not in scene.labels()
