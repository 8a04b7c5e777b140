"""SAFETY.md A3, C2, C4, E1: a locked session and the change of a password in it, on the three real servers."""

import time
import traceback
from collections.abc import Generator
from itertools import count

import pytest
from pydantic import SecretStr

from rotated_rds.clients.databases import LoginRefused, LoginUnavailable, LostAnswer
from rotated_rds.clients.sessions import STATEMENT_TIMEOUT
from rotated_rds.model.database import Endpoint, Tls, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.databases import can_log_in, log_in, logged, sessions, through
from tests.support.logins import ENGINES, User, admin_session, endpoint, made_at, own_session, user_at
from tests.support.outages import another, frozen
from tests.support.tcp import Fault, Relay

NEW = "New-Pw-2-b3'\\x"


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(database: Facts) -> Generator[User]:
    with user_at(database) as made:
        yield made


def test_C4_a_user_changes_its_own_password_and_puts_the_old_one_back(database: Facts, user: User) -> None:
    with own_session(endpoint(database), user) as session:
        assert session.writer
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        assert can_log_in(database, user.name, NEW)
        assert not can_log_in(database, user.name, user.password)
        session.set_password(user.name, SecretStr(user.password), SecretStr(NEW))
    assert can_log_in(database, user.name, user.password)
    assert not can_log_in(database, user.name, NEW)


def test_C4_an_administrator_changes_a_users_password(database: Facts, user: User) -> None:
    with admin_session(database, user.name) as session:
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), None)
    assert can_log_in(database, user.name, NEW)
    assert not can_log_in(database, user.name, user.password)


def test_C4_the_new_password_is_in_no_log(database: Facts, user: User) -> None:
    first, second = User().password, User().password
    with own_session(endpoint(database), user) as session:
        session.set_password(user.name, SecretStr(first), SecretStr(user.password))
    with admin_session(database, user.name) as session:
        session.set_password(user.name, SecretStr(second), None)
    assert can_log_in(database, user.name, second)
    written = logged(database)
    assert user.name in written, "the servers of the bed log every statement"
    assert first not in written
    assert second not in written


def test_A3_a_second_session_for_the_same_user_waits_and_then_gives_up(database: Facts, user: User) -> None:
    with own_session(endpoint(database), user):
        with pytest.raises(Unavailable, match="another session is changing") as refusal, admin_session(database, user.name):
            pass
        assert refusal.value.reason is Reason.UNAVAILABLE
    with admin_session(database, user.name) as session:
        assert session.user_exists(user.name)


def test_A3_sessions_for_different_users_do_not_wait_for_each_other(database: Facts, user: User) -> None:
    with user_at(database) as other, own_session(endpoint(database), user), own_session(endpoint(database), other) as session:
        assert session.writer


def test_A3_the_lock_is_free_again_after_an_error_inside_it(database: Facts, user: User) -> None:
    with pytest.raises(ZeroDivisionError), own_session(endpoint(database), user):
        raise ZeroDivisionError
    with own_session(endpoint(database), user) as session:
        assert session.writer


def test_A3_a_killed_clients_alter_still_takes_effect_and_the_lock_waits_for_it(database: Facts, user: User) -> None:
    with Relay(int(str(database["port"]))) as relay:
        with pytest.raises(LostAnswer):
            change_struck(database, relay, Fault.HOLD, user, NEW)
        # That client is gone; its statement is still on its way, and so is its lock.
        assert can_log_in(database, user.name, user.password)
        with pytest.raises(Unavailable, match="another session is changing"), own_session(endpoint(database), user):
            pass
        relay.release()
        until("the late change is made", lambda: can_log_in(database, user.name, NEW))
        with own_session(endpoint(database), User(user.name, NEW)) as session:
            assert session.writer


def change_struck(database: Facts, relay: Relay, fault: Fault, user: User, new: str) -> None:
    """Change a password through a relay; the fault befalls the change itself."""
    with own_session(endpoint(through(database, relay.port)), user) as session:
        # On MariaDB two questions come before it: how the account logs in, and whether a hash will do.
        relay.strike(fault, 3 if database["engine"] == "mariadb" else 1)
        session.set_password(user.name, SecretStr(new), SecretStr(user.password))


@pytest.mark.parametrize("fault", [Fault.SWALLOW, Fault.DROP_AFTER])
def test_C2_an_answer_that_is_lost_after_the_change_leaves_it_open_what_happened(database: Facts, user: User, fault: Fault) -> None:
    with Relay(int(str(database["port"]))) as relay, pytest.raises(LostAnswer):
        change_struck(database, relay, fault, user, NEW)
    assert can_log_in(database, user.name, NEW)


def test_C2_a_change_that_never_arrived_leaves_it_open_what_happened(database: Facts, user: User) -> None:
    with Relay(int(str(database["port"]))) as relay, pytest.raises(LostAnswer):
        change_struck(database, relay, Fault.DROP_BEFORE, user, NEW)
    assert can_log_in(database, user.name, user.password)


def test_a_session_that_cannot_log_in_says_how_its_login_ended(database: Facts, user: User) -> None:
    with pytest.raises(LoginRefused) as refused, own_session(endpoint(database), User(user.name, "wrong")):
        pass
    assert (refused.value.login.verdict, refused.value.reason) == (Verdict.REFUSED, Reason.LOGIN_FAILED)
    with pytest.raises(LoginRefused) as restricted, own_session(endpoint(database, database="none_such"), user):
        pass
    assert (restricted.value.login.verdict, restricted.value.reason) == (Verdict.PROVEN, Reason.LOGIN_RESTRICTED)
    with pytest.raises(LoginUnavailable) as untrusted, own_session(endpoint(database, Tls()), user):
        pass
    assert (untrusted.value.login.verdict, untrusted.value.reason) == (Verdict.TLS, Reason.TLS_FAILED)
    with pytest.raises(LoginUnavailable) as nowhere, own_session(endpoint({**database, "host": "a" * 64}), user):
        pass
    assert (nowhere.value.login.verdict, nowhere.value.reason) == (Verdict.UNREACHABLE, Reason.UNREACHABLE)


def test_a_session_that_loses_any_answer_of_its_login_is_worth_another_try(database: Facts, user: User) -> None:
    lost = 0
    for flight in count(1):
        with Relay(int(str(database["port"]))) as relay:
            relay.strike(Fault.DROP_AFTER, flight)
            try:
                with own_session(endpoint(through(database, relay.port)), user):
                    break
            except Unavailable:
                lost += 1
    assert lost > 4, "a handshake, and what a session asks first"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_freezes_makes_a_session_unavailable_in_time(bed: Bed, engine: str) -> None:
    with another(bed, engine) as facts:
        user = made_at(facts)
        with own_session(endpoint(facts), user) as session, frozen(bed, facts):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                session.check(user.name)
            assert time.monotonic() - began < STATEMENT_TIMEOUT.total_seconds() + 10  # a frozen server never answers


def test_E1_an_administrator_counts_the_sessions_of_a_user_but_not_its_own(database: Facts, user: User) -> None:
    with admin_session(database, user.name) as session:
        assert session.sessions_of(user.name) == 0
        assert session.sessions_of(str(database["admin_user"])) == len(sessions(database, str(database["admin_user"]))) - 1
        with log_in(database, user.name, user.password), log_in(database, user.name, user.password):
            assert session.sessions_of(user.name) == 2


def test_E1_an_administrator_tells_whether_a_user_exists(database: Facts, user: User) -> None:
    with admin_session(database, user.name) as session:
        assert session.user_exists(user.name)
        assert not session.user_exists("none_such")
        assert not session.user_exists(user.name.upper())
        with pytest.raises(Refused) as refusal:
            session.check("none_such")
    assert refusal.value.reason is Reason.USER_NOT_FOUND


def test_names_are_quoted_wherever_they_stand(database: Facts) -> None:
    odd = User(name="o'd \"d`; -- %s_" + User().name[-6:])
    with user_at(database, user=odd) as user, admin_session(database, user.name) as session:
        session.check(user.name)
        assert session.user_exists(user.name)
        assert session.sessions_of(user.name) == 0
        session.set_password(user.name, SecretStr(NEW), None)
        assert can_log_in(database, user.name, NEW)


def test_no_error_tells_a_password(database: Facts, user: User) -> None:
    wrong, new = User(user.name), User().password
    wheres = (endpoint(database), endpoint(database, Tls()), endpoint(database, database="none_such"))
    errors = [error for where in wheres for who in (user, wrong) for error in [opening_error(where, who)] if error]
    with Relay(int(str(database["port"]))) as relay, pytest.raises(LostAnswer) as lost:
        change_struck(database, relay, Fault.DROP_BEFORE, user, new)
    errors.append(lost.value)
    told = "".join(text for error in errors for text in traceback.format_exception(error))
    assert len(errors) == 6
    assert not any(secret in told for secret in (user.password, wrong.password, new))


def opening_error(where: Endpoint, who: User) -> Problem | None:
    try:
        with own_session(where, who):
            return None
    except Problem as error:
        return error
