"""The kill walk: whatever is lost or killed between any two outside calls, it ends with one working credential everywhere.

Walked are the calls about the AWS secret, the flights to the database and the writes to the API server, each in turn: killed
(kill -9) before its answer arrives, killed with the call arriving late, answer lost. Here all of a rotation on PostgreSQL, where of the
flights to the database every other one arrives late or loses its answer; the database's on MySQL and MariaDB, each flight one way or the
other; the creations' AWS calls and writes; a few of a rotation between two users, of one between two passwords and its rollback, and of
a change of strategy or of method, where the quarter of an hour that a stopped function may still be at work is a third of a second.
All ways at every point are walked by `python3 -m tests.bed.venv python -m tests.support.walk`: also a kill before a call arrives, which
leaves outside what a kill after the call before it leaves. Leader election is off, to save 15 s a kill, but for the last test.
"""

import dataclasses
from itertools import product

import pytest

from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.walk.claims import at_rest, check_rotated, look
from tests.support.walk.lane import lane
from tests.support.walk.traps import How
from tests.support.walk.walks import Walk, What

ODD, EVEN = (1, 2), (2, 2)
KILLED = ((How.AFTER, ODD), (How.LATE, EVEN))
STRUCK = ((How.AFTER, ODD), (How.AFTER, EVEN), (How.LATE, ODD), (How.LOST, EVEN))


def least_points(kind: str) -> int:
    """Fewer calls than these no rotation and no creation can have: a walk that meets none has walked nothing."""
    return {"aws": 4, "sql": 8, "api": 4}[kind]


def named(walks: list[Walk]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("walk", walks, ids=str)


def parts(*names: str) -> pytest.MarkDecorator:
    """What a walk finds in the bed by itself."""
    return pytest.mark.usefixtures("kubernetes", "aws", *names)


@parts("postgres")
@named([Walk(What.ROTATION, "postgres", "sql", how, *points) for how, points in STRUCK])
def test_A3_C2_a_rotation_struck_at_any_flight_to_postgres_ends_with_one_password(walk: Walk, bed: Bed, namespace: str) -> None:
    assert walk.run(bed, namespace) >= least_points("sql")


@parts("mysql", "mariadb")
@named([Walk(What.ROTATION, engine, "sql", how, *points) for engine, (how, points) in product(["mysql", "mariadb"], KILLED)])
def test_A3_C2_a_rotation_killed_at_any_flight_to_mysql_or_mariadb_ends_with_one_password(walk: Walk, bed: Bed, namespace: str) -> None:
    assert walk.run(bed, namespace) >= least_points("sql")


@parts("postgres")
@named([Walk(What.ROTATION, "postgres", kind, how) for kind, how in product(["aws", "api"], [How.AFTER, How.LATE, How.LOST])])
def test_A1_A2_A6_a_rotation_struck_at_any_call_to_aws_or_write_to_the_api_server_ends_with_one_password(
    walk: Walk, bed: Bed, namespace: str
) -> None:
    assert walk.run(bed, namespace) >= least_points(walk.kind)


@parts("postgres")
@named(
    [
        Walk(What.ALTERNATING, "postgres", "sql", How.AFTER, 20, 14),
        Walk(What.ALTERNATING, "postgres", "sql", How.LATE, 27, 14),
        Walk(What.ALTERNATING, "postgres", "aws", How.LOST, 1, 3),
        Walk(What.ALTERNATING, "postgres", "aws", How.AFTER, 2, 3),
        Walk(What.ALTERNATING, "postgres", "api", How.AFTER, 1, 3),
    ]
)
def test_C2_D1_D3_a_rotation_between_two_users_struck_at_some_calls_ends_with_one_password_and_cuts_nobody_off(
    walk: Walk, bed: Bed, namespace: str
) -> None:
    assert walk.run(bed, namespace) >= 1


@parts("mysql", "mariadb")
@named(
    [
        Walk(What.DUAL, "mysql", "sql", How.LATE, 22, 9),
        Walk(What.DUAL, "mariadb", "sql", How.AFTER, 31, 13),
        Walk(What.DUAL, "mysql", "aws", How.AFTER, 2, 5),
        Walk(What.ROLLBACK, "mysql", "aws", How.LOST, 1, 4),
        Walk(What.ROLLBACK, "mysql", "sql", How.AFTER, 3, 9),
    ]
)
def test_D2_D5_a_rotation_between_two_passwords_and_its_rollback_struck_at_some_calls_cut_nobody_off(
    walk: Walk, bed: Bed, namespace: str
) -> None:
    assert walk.run(bed, namespace) >= 1


@parts("postgres")
@named(
    [
        Walk(What.TO_OPERATOR, "postgres", "aws", How.AFTER, 4, 6),
        Walk(What.TO_OPERATOR, "postgres", "sql", How.LOST, 9, 20),
        Walk(What.TO_LAMBDA, "postgres", "aws", How.LOST, 2, 6),
    ]
)
def test_E4_who_rotates_changes_though_struck_at_some_calls_and_nobody_rotates_twice_or_not_at_all(
    walk: Walk, bed: Bed, namespace: str
) -> None:
    assert walk.run(bed, namespace) >= 1


@parts("postgres", "mysql")
@named([Walk(What.ONE_USER, "postgres", "aws", How.AFTER, 5, 10), Walk(What.ONE_PASSWORD, "mysql", "aws", How.LOST, 2, 4)])
def test_E4_a_strategy_is_left_though_struck_at_some_calls_and_nothing_of_it_logs_in(walk: Walk, bed: Bed, namespace: str) -> None:
    assert walk.run(bed, namespace) >= 1


@parts("postgres")
@named([Walk(what, "postgres", kind, How.AFTER) for what, kind in product([What.GIVEN, What.ADMIN], ["aws", "api"])])
def test_A1_E1_a_creation_killed_at_any_call_ends_with_one_secret_and_one_version(walk: Walk, bed: Bed, namespace: str) -> None:
    assert walk.run(bed, namespace) >= least_points(walk.kind)


@parts("postgres")
def test_A4_A6_the_standby_finishes_the_rotation_of_a_killed_leader(bed: Bed, postgres: Facts, namespace: str) -> None:
    with lane(bed, namespace, postgres, ROTATED_RDS_LEADER_ELECT="true") as one:
        one.given_user("db")
        one.given_resource("db")
        until("the first credential is there", lambda: at_rest(one, "db", None))
        standby = dataclasses.replace(one.operator, starts=100).start()
        try:
            until("the standby listens", lambda: standby.port is not None)
            before = look(one, "db")
            control = one.operator.aws.control
            held = control.fault("hold-before", "UpdateSecretVersionStage")  # the database has it, AWS does not know
            one.cluster.annotate("db", rotate="once")
            assert control.wait_held(held) is not None
            one.operator.kill()
            control.release(held, drop=True)
            until("the rotation is at rest", lambda: at_rest(one, "db", "once"), seconds=60)
            check_rotated(one, "db", "once", before)
            assert "this replica leads" in standby.log
        finally:
            standby.kill()
