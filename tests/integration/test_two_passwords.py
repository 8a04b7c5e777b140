"""SAFETY.md D2, C5: what MySQL and MariaDB themselves make of a second password; the facts that strategy DualPassword stands on."""

from collections.abc import Generator

import pytest
from pydantic import SecretStr

from rotated_rds.clients.databases import Session, TwoPasswords
from rotated_rds.model.errors import Reason, Refused
from tests.bed.bed import Facts
from tests.support.databases import Options, can_log_in, execute_as_root
from tests.support.dual import may_keep_two
from tests.support.logins import User, admin_session, endpoint, own_session, user_at

FIRST, SECOND, THIRD = "First-Pw-1-b3'", "Second-Pw-2-b3'", "Third-Pw-3-b3'"


@pytest.fixture
def mysqls(mysql: Facts) -> Generator[User]:
    with user_at(mysql, user=User(password=FIRST)) as made:
        yield made


@pytest.fixture
def mariadbs(mariadb: Facts) -> Generator[User]:
    with user_at(mariadb, user=User(password=FIRST)) as made:
        yield made


def two(session: Session) -> TwoPasswords:
    assert isinstance(session, TwoPasswords)
    return session


def beside(facts: Facts, user: User, new: str, kept: str) -> None:
    with admin_session(facts, user.name) as session:
        two(session).set_beside(user.name, SecretStr(new), SecretStr(kept))


def plain(facts: Facts, user: User, new: str) -> None:
    with admin_session(facts, user.name) as session:
        session.set_password(user.name, SecretStr(new), None)


def alone(facts: Facts, user: User, kept: str) -> None:
    with admin_session(facts, user.name) as session:
        two(session).leave_alone(user.name, SecretStr(kept))


def lives(facts: Facts, user: User) -> set[str]:
    """Which of the passwords log in."""
    return {password for password in (FIRST, SECOND, THIRD) if can_log_in(facts, user.name, password)}


def test_D2_the_old_password_stays_until_it_is_discarded(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    assert lives(mysql, mysqls) == {FIRST, SECOND}
    alone(mysql, mysqls, SECOND)
    assert lives(mysql, mysqls) == {SECOND}


def test_D2_MySQL_a_repeated_RETAIN_kills_the_password_in_use(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    beside(mysql, mysqls, SECOND, FIRST)
    assert lives(mysql, mysqls) == {SECOND}


def test_D2_MySQL_a_RETAIN_after_a_rollback_kills_the_password_in_use(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    beside(mysql, mysqls, THIRD, FIRST)  # FIRST was gone back to, and is the second password
    assert lives(mysql, mysqls) == {SECOND, THIRD}


def test_D2_MySQL_a_plain_change_after_a_rollback_keeps_the_password_in_use(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    plain(mysql, mysqls, THIRD)
    assert lives(mysql, mysqls) == {FIRST, THIRD}


def test_D2_MySQL_a_DISCARD_after_a_rollback_kills_the_password_in_use(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    alone(mysql, mysqls, FIRST)
    assert lives(mysql, mysqls) == {SECOND}


def test_D2_MySQL_making_the_password_in_use_the_primary_takes_nothing_from_it(mysql: Facts, mysqls: User) -> None:
    beside(mysql, mysqls, SECOND, FIRST)
    plain(mysql, mysqls, FIRST)
    assert lives(mysql, mysqls) == {FIRST}
    beside(mysql, mysqls, THIRD, FIRST)
    assert lives(mysql, mysqls) == {FIRST, THIRD}


@pytest.mark.parametrize("kept", [FIRST, THIRD])
def test_D2_MySQL_itself_refuses_a_user_s_own_RETAIN_where_another_password_is_the_primary(mysql: Facts, mysqls: User, kept: str) -> None:
    may_keep_two(mysql, mysqls.name)
    with own_session(endpoint(mysql), mysqls) as session:
        two(session).check_two(mysqls.name)
        two(session).set_beside(mysqls.name, SecretStr(SECOND), SecretStr(FIRST))
        with pytest.raises(Refused) as refused:
            two(session).set_beside(mysqls.name, SecretStr(THIRD), SecretStr(kept))
        assert refused.value.reason is Reason.PASSWORD_RESTRICTED
        assert lives(mysql, mysqls) == {FIRST, SECOND}
        two(session).leave_alone(mysqls.name, SecretStr(SECOND))
    assert lives(mysql, mysqls) == {SECOND}


def test_D2_MySQL_a_user_without_the_right_is_told_so_before_any_change(mysql: Facts, mysqls: User) -> None:
    with own_session(endpoint(mysql), mysqls) as session:
        with pytest.raises(Refused) as before:
            two(session).check_two(mysqls.name)
        with pytest.raises(Refused) as itself:
            two(session).set_beside(mysqls.name, SecretStr(SECOND), SecretStr(FIRST))
    assert {before.value.reason, itself.value.reason} == {Reason.PASSWORD_RESTRICTED}
    assert "GRANT APPLICATION_PASSWORD_ADMIN" in before.value.message
    assert lives(mysql, mysqls) == {FIRST}


def test_D2_MariaDB_a_repeat_changes_nothing(mariadb: Facts, mariadbs: User) -> None:
    for _ in range(2):
        beside(mariadb, mariadbs, SECOND, FIRST)
        assert lives(mariadb, mariadbs) == {FIRST, SECOND}
    beside(mariadb, mariadbs, THIRD, FIRST)  # after a rollback
    assert lives(mariadb, mariadbs) == {FIRST, THIRD}
    alone(mariadb, mariadbs, FIRST)
    assert lives(mariadb, mariadbs) == {FIRST}


def test_D2_MariaDB_keeps_grants_and_TLS_rules_beside_two_passwords(mariadb: Facts) -> None:
    with user_at(mariadb, Options(tls_only=True), User(password=FIRST)) as user:
        beside(mariadb, user, SECOND, FIRST)
        assert {can_log_in(mariadb, user.name, password) for password in (FIRST, SECOND)} == {True}
        assert {can_log_in(mariadb, user.name, password, tls=False) for password in (FIRST, SECOND)} == {False}


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_D2_C5_all_host_masks_have_both_passwords(engine: str, request: pytest.FixtureRequest) -> None:
    facts: Facts = request.getfixturevalue(engine)
    with user_at(facts, Options(hosts=("%", "localhost", "127.0.0.1")), User(password=FIRST)) as user:
        beside(facts, user, SECOND, FIRST)
        seconds = _with_two(facts, user)
        assert seconds == 3, "every account of the name"
        assert lives(facts, user) == {FIRST, SECOND}
        alone(facts, user, SECOND)
        assert _with_two(facts, user) == 0
        assert lives(facts, user) == {SECOND}


def _with_two(facts: Facts, user: User) -> int:
    """How many of the user's accounts have two passwords."""
    question = (
        "SELECT COUNT(*) FROM mysql.user WHERE User = %s AND JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')"
        if facts["engine"] == "mysql"
        else "SELECT COUNT(*) FROM mysql.global_priv WHERE User = %s AND JSON_LENGTH(Priv, '$.auth_or') = 2"
    )
    [(count,)] = execute_as_root(facts, question, [user.name])
    return int(count)
