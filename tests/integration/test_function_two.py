"""Our Lambda function sets the new password beside the one in use, on MySQL and MariaDB (SAFETY.md D2)."""

from collections.abc import Generator
from pathlib import Path

import pytest

from rotated_rds.model.dual import PRIMARY
from tests.bed.bed import Facts
from tests.support.databases import can_log_in, execute_as_root
from tests.support.dual import ADMIN, KINDS, MARIADB, OWN, Kind, may_keep_two
from tests.support.function import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Json,
    Rotated,
    expect_kept,
    expect_untouched,
    install_dying,
    master_at,
    rotated_at,
)

DUAL = {"ROTATION_STRATEGY": "DualPassword"}


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def two(request: pytest.FixtureRequest, kind: Kind, aws: Facts) -> Generator[Rotated]:
    database: Facts = request.getfixturevalue(kind.engine)
    master = master_at(database, aws) if kind.admin else None
    with rotated_at(database, aws, masterarn=master) as made:
        if not kind.admin:
            may_keep_two(database, made.user.name)
        made.install(environment=DUAL)
        yield made


def expect_two(one: Rotated, run: Json, before: str) -> None:
    expect_kept(one, run, before)
    assert one.holder(PRIMARY) == run["token"]


def test_D2_the_password_before_logs_in_until_the_next_rotation(two: Rotated) -> None:
    passwords = [two.user.password]
    for _ in range(3):
        before = two.holder(CURRENT)
        expect_two(two, two.rotate(), before)
        passwords.append(two.read(CURRENT)["password"])
    assert [can_log_in(two.database, two.user.name, one) for one in passwords] == [False, False, True, True]
    assert two.read(CURRENT)["username"] == two.user.name


def test_D2_a_set_secret_that_is_repeated_keeps_the_password_in_use(two: Rotated, tmp_path: Path) -> None:
    assert two.rotate()["result"] == "succeeded"
    before = two.holder(CURRENT)
    install_dying(two, tmp_path, "setSecret", environment=DUAL)
    run = two.rotate()
    assert (run["attempt"], two.versions()) == (2, 3)
    expect_two(two, run, before)


@pytest.mark.parametrize(("kind", "call"), [(OWN, 0), (ADMIN, 1), (MARIADB, 1)], ids=str)
def test_D2_a_lost_answer_of_a_label_keeps_the_password_in_use(two: Rotated, call: int) -> None:
    """The label of the primary, before the change and after it."""
    before = two.holder(CURRENT)
    two.inside.control.fault("lost", "UpdateSecretVersionStage", after=call)
    run = two.rotate()
    assert run["attempt"] == 2
    expect_two(two, run, before)


def test_D2_a_rotation_given_up_after_set_secret_leaves_the_next_one_a_plain_change(two: Rotated, tmp_path: Path) -> None:
    """The password given up is the primary, and AWSCURRENT the second: to retain again would end what is in use."""
    before = two.holder(CURRENT)
    install_dying(two, tmp_path, "setSecret", environment=DUAL, attempts=1)
    given_up = two.start()
    run = two.last()
    assert (run["result"], two.holder(PRIMARY)) == ("failed", given_up)
    assert (two.logs_in(CURRENT), two.logs_in(PENDING)) == (True, True)
    two.client.update_secret_version_stage(SecretId=two.arn, VersionStage=PENDING, RemoveFromVersionId=given_up)
    run = two.rotate()
    expect_two(two, run, before)
    assert two.read(PREVIOUS)["password"] == two.user.password


@pytest.mark.parametrize("kind", [OWN, MARIADB], ids=str)
def test_D2_after_awscurrent_was_moved_back_by_hand_the_password_in_use_outlives_the_next_rotation(two: Rotated) -> None:
    first = two.holder(CURRENT)
    second = two.rotate()["token"]
    two.client.update_secret_version_stage(SecretId=two.arn, VersionStage=CURRENT, MoveToVersionId=first, RemoveFromVersionId=second)
    run = two.rotate()
    expect_two(two, run, first)
    assert two.read(PREVIOUS)["password"] == two.user.password


@pytest.mark.parametrize("kind", [ADMIN], ids=str)
def test_D2_no_administrator_acts_for_a_secret_whose_own_credential_is_refused(two: Rotated) -> None:
    two.install(environment=DUAL, attempts=1)
    execute_as_root(two.database, f"ALTER USER '{two.user.name}'@'%' IDENTIFIED BY 'changed-by-hand-Passw0rd'")
    run = two.rotate()
    assert "no administrator acts for this secret" in run["error"]
    assert can_log_in(two.database, two.user.name, "changed-by-hand-Passw0rd")


def test_two_passwords_without_the_right_to_them_change_nothing(mysql: Facts, aws: Facts) -> None:
    with rotated_at(mysql, aws) as one:
        one.install(environment=DUAL, attempts=1)
        before = one.holder(CURRENT)
        run = one.rotate()
        assert "GRANT APPLICATION_PASSWORD_ADMIN" in run["error"]
        expect_untouched(one, run, before)
