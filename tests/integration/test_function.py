"""Our Lambda function behind the bed's AWS rotates real users on the three servers."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.bed.bed import Facts
from tests.support.databases import logged
from tests.support.function import CURRENT, PREVIOUS, Rotated, expect_rotated, expect_untouched, rotated_at
from tests.support.logins import ENGINES


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


def test_three_rotations_leave_one_working_password_each(rotated: Rotated) -> None:
    passwords = [rotated.user.password]
    for _ in range(3):
        before = rotated.holder(CURRENT)
        expect_rotated(rotated, rotated.rotate(), before)
        passwords.append(rotated.read(CURRENT)["password"])
    assert len(set(passwords)) == 4
    assert {**rotated.read(CURRENT), "password": None} == {**rotated.read(PREVIOUS), "password": None}
    assert rotated.read(CURRENT)["ours"] == [1, None]
    assert rotated.client.describe_secret(SecretId=rotated.arn)["LastRotatedDate"]
    written = logged(rotated.database)
    assert rotated.user.name in written
    assert not [password for password in passwords if password in written]


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_C4_without_tls_only_a_verifier_is_sent(request: pytest.FixtureRequest, engine: str, aws: Facts) -> None:
    with rotated_at(request.getfixturevalue(engine), aws, ssl=False) as one:
        before = one.holder(CURRENT)
        expect_rotated(one, one.rotate(), before)


def test_a_schedule_set_without_a_rotation_passes_its_test(rotated: Rotated) -> None:
    """With RotateImmediately false AWS calls testSecret alone, on a temporary version with the current value."""
    before = rotated.labels()
    rotated.client.rotate_secret(
        SecretId=rotated.arn,
        RotationLambdaARN=rotated.function,
        RotationRules={"ScheduleExpression": "rate(10 days)"},
        RotateImmediately=False,
    )
    run = rotated.last()
    assert (run["result"], run["error"], rotated.labels()) == ("tested", "", before)


def test_the_environment_says_what_a_password_looks_like(on_postgres: Rotated) -> None:
    on_postgres.install(environment={"PASSWORD_LENGTH": "48", "EXCLUDE_PUNCTUATION": "true", "EXCLUDE_CHARACTERS": "abc"})
    assert on_postgres.rotate()["result"] == "succeeded"
    password = on_postgres.read(CURRENT)["password"]
    assert (len(password), password.isalnum(), set("abc") & set(password)) == (48, True, set())


def test_too_few_characters_left_are_refused_by_the_variables_name(on_postgres: Rotated) -> None:
    on_postgres.install(attempts=1, environment={"EXCLUDE_LOWERCASE": "true", "EXCLUDE_UPPERCASE": "true", "EXCLUDE_PUNCTUATION": "true"})
    before = on_postgres.holder(CURRENT)
    run = on_postgres.rotate()
    assert run["error"].startswith("createSecret: Refused: EXCLUDE_CHARACTERS: ")
    expect_untouched(on_postgres, run, before)


FORGES = """
from rotated_rds import function

def handler(event, context):
    function.handler({**event, "RotationToken": "0" * 36}, context)
"""


def test_the_rotation_token_is_echoed_in_put_secret_value(on_postgres: Rotated, tmp_path: Path) -> None:
    """A token that only AWS finds wrong is seen to have arrived there."""
    (tmp_path / "forges.py").write_text(FORGES)
    on_postgres.install("python", path=f"{tmp_path / 'forges.py'}:handler", attempts=1)
    run = on_postgres.rotate()
    assert run["error"].startswith("createSecret: Refused: AWS denies put_secret_value")
    assert on_postgres.inside.control.counts()["secretsmanager.PutSecretValue"] == {"AccessDeniedException": 1}
