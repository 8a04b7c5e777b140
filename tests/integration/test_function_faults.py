"""Our Lambda function when things go wrong: killed, refused, meddled with, unanswered (SAFETY.md A, B, C)."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.databases import Options, can_log_in, execute_as_root, set_password, through
from tests.support.function import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Rotated,
    expect_rotated,
    expect_untouched,
    hold_inside_the_lock,
    install_dying,
    rotated_at,
)
from tests.support.logins import ENGINES, endpoint, own_session, user_at
from tests.support.outages import another
from tests.support.tcp import Fault, Relay


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def rotated(database: Facts, aws: Facts) -> Generator[Rotated]:
    with rotated_at(database, aws) as made:
        yield made


@pytest.fixture
def on_postgres(postgres: Facts, aws: Facts) -> Generator[Rotated]:
    with rotated_at(postgres, aws) as made:
        yield made


def test_B4_no_rotation_locks_a_user_that_locks_at_the_third_refusal(mysql: Facts, aws: Facts, tmp_path: Path) -> None:
    """Not even one that is killed after setSecret: what is current, then what is previous is refused, then the new one is taken."""
    with rotated_at(mysql, aws, Options(clauses="FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 1")) as one:
        for _ in range(2):
            before = one.holder(CURRENT)
            assert (one.rotate()["result"], one.labels()[before]) == ("succeeded", [PREVIOUS])
        install_dying(one, tmp_path, "setSecret")
        run = one.rotate()
        assert (run["result"], run["attempt"], one.logs_in(CURRENT)) == ("succeeded", 2, True)


def test_B4_a_rotation_logs_in_four_times(rotated: Rotated) -> None:
    with Relay(int(str(rotated.database["port"]))) as relay, user_at(rotated.database) as user:
        one = Rotated(through(rotated.database, relay.port), user, rotated.outside, rotated.inside)
        one.install()
        assert one.rotate()["result"] == "succeeded"
        assert relay.connections == 4, "the session, the new password before and after its change, testSecret"


def expect_finished_after_death(one: Rotated, folder: Path, step: str) -> None:
    before = one.holder(CURRENT)
    install_dying(one, folder, step)
    token = one.start()
    run = one.last()
    assert (folder / "mark").exists()
    assert (run["attempt"], run["token"]) == (2, token)
    assert one.labels() == {token: [CURRENT], before: [PREVIOUS]}
    assert (one.logs_in(CURRENT), one.logs_in(PREVIOUS), one.versions()) == (True, False, 2)
    assert one.inside.control.counts()["secretsmanager.PutSecretValue"] == {"OK": 1}


def test_A1_killed_after_set_secret_the_next_invocation_goes_on_with_the_same_password(rotated: Rotated, tmp_path: Path) -> None:
    expect_finished_after_death(rotated, tmp_path, "setSecret")


@pytest.mark.parametrize("step", ["createSecret", "testSecret", "finishSecret"])
def test_A1_killed_after_any_other_step_the_next_invocation_goes_on_likewise(on_postgres: Rotated, tmp_path: Path, step: str) -> None:
    expect_finished_after_death(on_postgres, tmp_path, step)


@pytest.mark.parametrize("kind", ["lost", "error"])
@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_A1_a_write_that_goes_wrong_is_repeated_without_a_second_password(on_postgres: Rotated, operation: str, kind: str) -> None:
    before = on_postgres.holder(CURRENT)
    on_postgres.inside.control.fault(kind, operation, code="InternalServiceError")
    token = on_postgres.start()
    run = on_postgres.last()
    assert (run["attempt"], run["token"], on_postgres.versions()) == (2, token, 2)
    assert on_postgres.labels() == {token: [CURRENT], before: [PREVIOUS]}
    assert (on_postgres.logs_in(CURRENT), on_postgres.logs_in(PREVIOUS)) == (True, False)


def test_A1_a_stale_read_of_the_pending_value_makes_no_second_password(on_postgres: Rotated, tmp_path: Path) -> None:
    """AWS may not show yet what the invocation before stored: PutSecretValue then refuses, and what is stored stays."""
    install_dying(on_postgres, tmp_path, "createSecret")
    on_postgres.inside.control.fault("stale", "GetSecretValue", moment=on_postgres.inside.control.moment(), after=4)
    run = on_postgres.rotate()
    assert (run["result"], run["attempt"], on_postgres.versions()) == ("succeeded", 2, 2)
    assert on_postgres.inside.control.counts()["secretsmanager.PutSecretValue"] == {"OK": 1, "ResourceExistsException": 1}
    assert on_postgres.logs_in(CURRENT)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_C2_a_new_password_whose_login_is_refused_is_put_back(request: pytest.FixtureRequest, engine: str, aws: Facts) -> None:
    with rotated_at(request.getfixturevalue(engine), aws) as one:
        one.install(attempts=1)
        before, account = one.holder(CURRENT), f"'{one.user.name}'@'%'"
        held = hold_inside_the_lock(one)
        execute_as_root(one.database, f"ALTER USER {account} REQUIRE X509")  # refuses every password without a certificate
        one.inside.control.release(held)
        run = one.last()
        execute_as_root(one.database, f"ALTER USER {account} REQUIRE NONE")
        assert run["error"].startswith("setSecret: Refused: the database accepted the new password but refused its login")
        expect_untouched(one, run, before)
        assert not one.logs_in(PENDING)


def test_C2_a_new_password_whose_login_is_refused_is_put_back_on_postgresql(postgres: Facts, aws: Facts) -> None:
    with Relay(int(str(postgres["port"]))) as relay, rotated_at(through(postgres, relay.port), aws) as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        held = hold_inside_the_lock(one)
        # The refused login takes 7 flights with its farewell, one more or less; the next one's password goes out with its 5th or 6th.
        relay.strike(Fault.HOLD, 9, of_new=True)
        one.inside.control.release(held)
        relay.wait_until_struck()
        execute_as_root(postgres, f"ALTER ROLE \"{one.user.name}\" VALID UNTIL '2001-01-01'")  # refuses every password
        relay.release()
        run = one.last()
        execute_as_root(postgres, f"ALTER ROLE \"{one.user.name}\" VALID UNTIL 'infinity'")
        assert run["error"].startswith("setSecret: Refused: the database accepted the new password but refused its login")
        expect_untouched(one, run, before)
        assert not one.logs_in(PENDING)


def test_A2_a_rotation_whose_label_was_taken_off_meanwhile_changes_nothing(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=1)
    held = hold_inside_the_lock(rotated)
    rotated.client.update_secret_version_stage(SecretId=rotated.arn, VersionStage=PENDING, RemoveFromVersionId=rotated.holder(PENDING))
    rotated.inside.control.release(held)
    run = rotated.last()
    assert (run["result"], "there is no rotation to it" in run["error"]) == ("failed", True)
    assert rotated.labels()[before] == [CURRENT]
    assert rotated.logs_in(CURRENT)


def test_A2_a_current_that_moved_meanwhile_is_looked_at_again(on_postgres: Rotated) -> None:
    """Somebody stores another value as AWSCURRENT: nothing is changed on the grounds of the old one."""
    held = hold_inside_the_lock(on_postgres)
    value = {**on_postgres.read(CURRENT), "ours": "newer"}
    before = on_postgres.client.put_secret_value(SecretId=on_postgres.arn, SecretString=json.dumps(value))["VersionId"]
    on_postgres.inside.control.release(held)
    run = on_postgres.last()
    assert run["attempt"] == 2
    assert on_postgres.labels()[before] == [PREVIOUS]
    assert (on_postgres.logs_in(CURRENT), on_postgres.logs_in(PREVIOUS)) == (True, False)


def test_A3_set_secret_waits_for_whoever_holds_the_users_lock(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=10, pause=0.5)
    with own_session(endpoint(rotated.database), rotated.user):
        rotated.start()
        until("the lock was met", lambda: "another session is changing" in rotated.last(seconds=0)["error"])
        assert rotated.logs_in(CURRENT)
    assert rotated.last()["result"] == "succeeded"
    assert rotated.labels()[before] == [PREVIOUS]
    assert (rotated.logs_in(CURRENT), rotated.logs_in(PREVIOUS)) == (True, False)


def test_B1_a_database_that_went_back_to_the_previous_password_is_rotated_from_it(rotated: Rotated) -> None:
    """As after a snapshot was restored."""
    assert rotated.rotate()["result"] == "succeeded"
    set_password(rotated.database, rotated.user.name, rotated.read(PREVIOUS)["password"])
    before = rotated.holder(CURRENT)
    expect_rotated(rotated, rotated.rotate(), before)


def test_B1_a_password_that_nobody_knows_ends_the_rotation(rotated: Rotated) -> None:
    rotated.install(attempts=1)
    set_password(rotated.database, rotated.user.name, "changed-by-hand")
    run = rotated.rotate()
    assert run["error"].startswith("setSecret: Refused: ")
    assert f"refuses '{rotated.user.name}' with the password of {CURRENT}, {PENDING}" in run["error"]
    assert can_log_in(rotated.database, rotated.user.name, "changed-by-hand")


def test_B1_a_server_that_does_not_answer_leads_to_no_other_password(rotated: Rotated) -> None:
    with Relay(int(str(rotated.database["port"]))) as relay, user_at(rotated.database) as user:
        one = Rotated(through(rotated.database, relay.port), user, rotated.outside, rotated.inside)
        one.install(attempts=1)
        relay.black_hole()
        run = one.rotate()
        assert "unreachable (timeout)" in run["error"]
        assert relay.connections == 1
        assert can_log_in(rotated.database, user.name, user.password)


@pytest.mark.parametrize(("describes", "step"), [(1, "setSecret"), (3, "testSecret")])
def test_B2_a_server_that_is_not_the_writer_is_neither_changed_nor_believed(bed: Bed, aws: Facts, describes: int, step: str) -> None:
    with another(bed, "mariadb") as database, rotated_at(database, aws) as one:
        one.install(attempts=1)
        held = one.inside.control.fault("hold-before", "DescribeSecret", after=describes)
        one.start()
        assert one.inside.control.wait_held(held)
        execute_as_root(database, "SET GLOBAL read_only = 1")
        one.inside.control.release(held)
        error = one.last()["error"]
        execute_as_root(database, "SET GLOBAL read_only = 0")
        assert error.startswith(f"{step}: Unavailable: ")
        assert "is not a writer now" in error
        assert (one.logs_in(CURRENT), one.logs_in(PENDING)) == (step == "setSecret", step == "testSecret")


def test_a_server_that_cannot_be_verified_gets_no_password_and_no_plain_text(rotated: Rotated) -> None:
    before = rotated.holder(CURRENT)
    rotated.install(attempts=1, environment={"ROTATED_RDS_CA_FILE": ""})
    run = rotated.rotate()
    assert "LoginUnavailable: " in run["error"]
    assert ": tls" in run["error"]
    expect_untouched(rotated, run, before)


def test_C4_mysql_would_need_clear_text_so_without_tls_nothing_is_changed(mysql: Facts, aws: Facts) -> None:
    with rotated_at(mysql, aws, ssl="false") as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "clear text" in run["error"]
        expect_untouched(one, run, before)


def test_a_pending_value_for_another_user_or_database_changes_nothing(on_postgres: Rotated) -> None:
    on_postgres.install(attempts=1)
    with user_at(on_postgres.database) as other:
        before = on_postgres.holder(CURRENT)
        held = on_postgres.inside.control.fault("hold-before", "DescribeSecret")
        token = on_postgres.start()
        assert on_postgres.inside.control.wait_held(held)
        value = {**on_postgres.read(CURRENT), "username": other.name, "password": "foreign"}
        on_postgres.client.put_secret_value(
            SecretId=on_postgres.arn, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=[PENDING]
        )
        on_postgres.inside.control.release(held)
        run = on_postgres.last()
        assert "is for another user or database" in run["error"]
        expect_untouched(on_postgres, run, before)
        assert can_log_in(on_postgres.database, other.name, other.password)


def test_B1_a_login_that_fails_after_authentication_leads_to_no_other_password(mysql: Facts, aws: Facts) -> None:
    with rotated_at(mysql, aws, dbname="none_such") as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "proven (1044)" in run["error"]
        expect_untouched(one, run, before)


def test_C5_another_host_mask_would_keep_the_old_password_so_nothing_is_changed(mariadb: Facts, aws: Facts) -> None:
    with rotated_at(mariadb, aws, Options(hosts=("localhost",))) as one:
        one.install(attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "other accounts of that name would keep the old password" in run["error"]
        expect_untouched(one, run, before)
