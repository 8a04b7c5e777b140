"""Our Lambda function lets two users take turns on the three servers (SAFETY.md A1, C4, C8, D1)."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from rotated_rds.model.alternating import clone_of
from tests.bed.bed import Facts
from tests.support.databases import Options, can_log_in, execute_as_root, logged, new_user
from tests.support.function import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Rotated,
    alternating_at,
    expect_kept,
    expect_untouched,
    install_dying,
)
from tests.support.logins import ENGINES

LOOKS = 5
"""Calls of DescribeSecret in createSecret and setSecret: the secret, the administrator's; and the secret again inside the lock."""
TWO_MASKS = Options(hosts=("%", "10.%"), tls_only=True)


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def pair(database: Facts, aws: Facts) -> Generator[Rotated]:
    with alternating_at(database, aws, TWO_MASKS) as made:
        yield made


@pytest.fixture
def on_postgres(postgres: Facts, aws: Facts) -> Generator[Rotated]:
    with alternating_at(postgres, aws) as made:
        yield made


def clone(one: Rotated) -> str:
    return clone_of(one.user.name)


GIVEN = {
    "postgres": ('ALTER ROLE "{base}" CONNECTION LIMIT 7', 'ALTER ROLE "{base}" SET search_path TO app, public'),
    "others": ("GRANT SELECT ON app.* TO '{base}'@'10.%' WITH GRANT OPTION",),
}
HAS = {
    "postgres": ("SELECT rolconnlimit = 7 AND 'search_path=app, public' = ANY (rolconfig) FROM pg_roles WHERE rolname = '{clone}'",),
    "others": (
        (
            "SELECT COUNT(*) = 2 AND SUM(u.ssl_type = 'ANY') = 2 AND SUM(d.Grant_priv = 'Y') = 1 AND SUM(d.Insert_priv = 'Y') = 2"
            " FROM mysql.user u JOIN mysql.db d ON d.User = u.User AND d.Host = u.Host WHERE u.User = '{clone}'"
        ),
    ),
}


def has_all(one: Rotated) -> bool:
    """Whether the clone has what AWS's own functions leave behind: other masks, GRANT OPTION, TLS; a role's limit and settings."""
    [(answer,)] = as_root(one, HAS)
    return bool(answer)


def as_root(one: Rotated, by_engine: dict[str, tuple[str, ...]]) -> list[Any]:
    """Run the statements of this engine; what the last one answers."""
    statements = by_engine.get(str(one.database["engine"])) or by_engine["others"]
    return [execute_as_root(one.database, text.format(base=one.user.name, clone=clone(one))) for text in statements][-1]


def test_D1_the_two_users_take_turns_and_the_clone_has_what_the_base_has(pair: Rotated) -> None:
    as_root(pair, GIVEN)
    passwords = [pair.user.password]
    for user in (clone(pair), pair.user.name, clone(pair)):
        before = pair.holder(CURRENT)
        expect_kept(pair, pair.rotate(), before)
        passwords.append(pair.read(CURRENT)["password"])
        assert pair.read(CURRENT) == {**pair.read(PREVIOUS), "username": user, "password": passwords[-1]}
        assert has_all(pair)
    assert len(set(passwords)) == 4
    assert [can_log_in(pair.database, pair.user.name, password) for password in passwords] == [False, False, True, False]
    written = logged(pair.database)
    assert clone(pair) in written
    assert not [password for password in passwords if password in written]


HALF = """
import os
from dataclasses import replace
from pathlib import Path
from rotated_rds import function
from rotated_rds.clients.mysql_pair import MySQLPair
from rotated_rds.clients.postgres_pair import PostgresPair

def dying(make_ready):
    def half(self, user):
        began = [0]
        def counted(seconds):
            began[0] += 1
            if began[0] > int(os.environ["STATEMENTS"]) and not Path(os.environ["MARK"]).exists():
                Path(os.environ["MARK"]).touch()
                os._exit(137)
        make_ready(replace(self, fence=counted), user)
    return half

for pair in (MySQLPair, PostgresPair):
    pair.make_ready = dying(pair.make_ready)
handler = function.handler
"""


def test_D1_killed_while_it_makes_the_clone_the_next_attempt_goes_on_with_it(pair: Rotated, tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(HALF)
    statements = "0" if pair.database["engine"] == "postgres" else "2"  # there it is one transaction
    pair.install("python", path=f"{tmp_path / 'half.py'}:handler", environment={"MARK": str(tmp_path / "mark"), "STATEMENTS": statements})
    as_root(pair, GIVEN)
    before = pair.holder(CURRENT)
    run = pair.rotate()
    assert (run["attempt"], (tmp_path / "mark").exists(), pair.versions()) == (2, True, 2)
    expect_kept(pair, run, before)
    assert has_all(pair)


REVOKE = {"postgres": ('ALTER ROLE "{clone}" CONNECTION LIMIT 3',), "others": ("REVOKE ALL ON app.* FROM '{clone}'@'%'",)}


def test_D1_a_clone_that_logs_in_is_compared_all_the_same(pair: Rotated, tmp_path: Path) -> None:
    """AWS's own functions take a working login for a finished job, and promote a user that is half made."""
    as_root(pair, GIVEN)
    install_dying(pair, tmp_path, "setSecret")
    held = pair.inside.control.fault("hold-before", "DescribeSecret", after=LOOKS)
    before = pair.holder(CURRENT)
    pair.start()
    assert pair.inside.control.wait_held(held)
    assert pair.logs_in(PENDING)
    as_root(pair, REVOKE)
    pair.inside.control.release(held)
    run = pair.last()
    assert run["attempt"] == 2
    expect_kept(pair, run, before)
    assert has_all(pair)


def test_D1_a_clone_that_no_version_names_is_somebody_s(on_postgres: Rotated) -> None:
    """Looked for in createSecret: in setSecret AWSPENDING itself would name it."""
    new_user(on_postgres.database, clone(on_postgres), "somebody-s-Passw0rd")
    on_postgres.install(attempts=2)
    before = on_postgres.holder(CURRENT)
    run = on_postgres.rotate()
    assert run["error"].startswith("createSecret: Refused: the database has a user ")
    assert (on_postgres.labels()[before], on_postgres.logs_in(CURRENT), on_postgres.versions()) == ([CURRENT], True, 1)
    assert can_log_in(on_postgres.database, clone(on_postgres), "somebody-s-Passw0rd")


def test_no_administrator_acts_for_a_secret_whose_own_credential_is_refused(on_postgres: Rotated) -> None:
    """Else whoever may write a secret could have anybody's password reset by naming it."""
    new_user(on_postgres.database, clone(on_postgres), "the-victim-s-Passw0rd")
    value = {**on_postgres.read(CURRENT), "password": "guessed"}
    on_postgres.client.put_secret_value(SecretId=on_postgres.arn, SecretString=json.dumps(value))
    on_postgres.install(attempts=1)
    run = on_postgres.rotate()
    assert "no administrator acts for this secret" in run["error"]
    assert can_log_in(on_postgres.database, on_postgres.user.name, on_postgres.user.password)
    assert can_log_in(on_postgres.database, clone(on_postgres), "the-victim-s-Passw0rd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "127.9.9.9"}, "is for host 127.9.9.9"),
        ({"password": "wrong"}, "refused"),
    ],
)
def test_C8_an_administrator_that_does_not_fit_is_named_by_the_key(on_postgres: Rotated, change: dict[str, str], message: str) -> None:
    master = on_postgres.read(CURRENT)["masterarn"]
    value = json.loads(on_postgres.client.get_secret_value(SecretId=master)["SecretString"])
    on_postgres.client.put_secret_value(SecretId=master, SecretString=json.dumps({**value, **change}))
    on_postgres.install(attempts=1)
    run = on_postgres.rotate()
    assert run["error"].startswith('createSecret: Refused: "masterarn" in the secret\'s JSON: ')
    assert message in run["error"]
    assert str(value["password"]) not in run["error"]
    assert on_postgres.logs_in(CURRENT)


def test_D1_what_only_the_base_user_owns_is_split_until_an_owner_role_is_named(on_postgres: Rotated) -> None:
    one, base, owner = on_postgres, on_postgres.user.name, f"{on_postgres.user.name}_owner"
    one.install(attempts=1)
    execute_as_root(one.database, f'CREATE SCHEMA "of_{base}" AUTHORIZATION "{base}"', database="app")
    run = one.rotate()
    assert '"ownerrole" in the secret\'s JSON' in run["error"]
    execute_as_root(one.database, f'CREATE ROLE "{owner}" NOLOGIN')
    try:
        for statement in (
            f'GRANT "{owner}" TO "{base}"',
            f'REVOKE ALL ON DATABASE app FROM "{base}"',
            f'GRANT ALL ON DATABASE app TO "{owner}"',
            f'REASSIGN OWNED BY "{base}" TO "{owner}"',
        ):
            execute_as_root(one.database, statement, database="app")
        stuck = one.holder(PENDING)
        one.client.update_secret_version_stage(SecretId=one.arn, VersionStage=PENDING, RemoveFromVersionId=stuck)
        before = one.client.put_secret_value(SecretId=one.arn, SecretString=json.dumps({**one.read(CURRENT), "ownerrole": owner}))[
            "VersionId"
        ]
        expect_kept(one, one.rotate(), before)
        assert one.read(CURRENT)["username"] == clone(one)
        before = one.holder(CURRENT)
        expect_kept(one, one.rotate(), before)
    finally:
        execute_as_root(one.database, f'DROP OWNED BY "{owner}"', database="app")
        execute_as_root(one.database, f'DROP ROLE "{owner}"')


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_A1_a_lost_answer_makes_no_second_password(on_postgres: Rotated, operation: str) -> None:
    before = on_postgres.holder(CURRENT)
    on_postgres.inside.control.fault("lost", operation)
    run = on_postgres.rotate()
    assert (run["attempt"], on_postgres.versions()) == (2, 2)
    expect_kept(on_postgres, run, before)


def test_C2_a_new_clone_whose_label_never_moved_is_in_nobody_s_way(on_postgres: Rotated) -> None:
    """testSecret fails: what is current goes on, and the next rotation takes the clone that a version names by now."""
    one = on_postgres
    one.install(attempts=1)
    held = one.inside.control.fault("hold-before", "DescribeSecret", after=LOOKS)
    before = one.holder(CURRENT)
    token = one.start()
    assert one.inside.control.wait_held(held)
    execute_as_root(one.database, f'ALTER ROLE "{clone(one)}" NOLOGIN')
    one.inside.control.release(held)
    run = one.last()
    assert run["error"].startswith("testSecret: ")
    assert (one.labels()[before], one.logs_in(CURRENT)) == ([CURRENT], True)
    execute_as_root(one.database, f'ALTER ROLE "{clone(one)}" LOGIN')
    one.client.update_secret_version_stage(SecretId=one.arn, VersionStage=PENDING, RemoveFromVersionId=token)
    expect_kept(one, one.rotate(), before)


def test_C7_a_powerful_user_gets_no_clone(on_postgres: Rotated) -> None:
    execute_as_root(on_postgres.database, f'ALTER ROLE "{on_postgres.user.name}" CREATEROLE')
    on_postgres.install(attempts=1)
    before = on_postgres.holder(CURRENT)
    run = on_postgres.rotate()
    assert "CREATEROLE" in run["error"]
    expect_untouched(on_postgres, run, before)
    assert not execute_as_root(on_postgres.database, "SELECT 1 FROM pg_roles WHERE rolname = %s", [clone(on_postgres)])
