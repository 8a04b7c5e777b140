"""SAFETY.md B4: logins are rationed so that no user is locked out and no black hole stops the rest."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr

from rotated_rds.clients.logins import LEFT_ALONE, QUEUED, Logins
from rotated_rds.model.database import TIMED_OUT, Login, Verdict
from tests.bed.bed import Facts
from tests.support.databases import Options, set_password, through
from tests.support.logins import ENGINES, User, endpoint, user_at
from tests.support.tcp import Fault, Relay

MINUTE = 60.0
BRIEF = timedelta(seconds=0.3)


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> Logins:
    return Logins(8, clock=clock)


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(database: Facts) -> Generator[User]:
    with user_at(database) as made:
        yield made


@pytest.fixture
def relay(database: Facts) -> Generator[Relay]:
    """Counts the connections that a login really makes."""
    with Relay(int(str(database["port"]))) as opened:
        yield opened


def attempt(logins: Logins, facts: Facts, version: str, user: User, *, again: bool = False) -> Login:
    return logins.try_version(endpoint(facts), version, user.name, SecretStr(user.password), again=again)


def test_B4_a_refused_version_is_not_tried_again_for_five_minutes(
    database: Facts, relay: Relay, user: User, logins: Logins, clock: Clock
) -> None:
    facts, wrong = through(database, relay.port), User(user.name)
    first = attempt(logins, facts, "v1", wrong)
    assert first.verdict is Verdict.REFUSED
    clock.now += 5 * MINUTE - 1
    assert attempt(logins, facts, "v1", wrong) == first
    assert relay.connections == 1
    clock.now += 1
    assert attempt(logins, facts, "v1", wrong) == first
    assert relay.connections == 2


def test_B4_the_pause_after_a_refusal_doubles_up_to_an_hour(
    database: Facts, relay: Relay, user: User, logins: Logins, clock: Clock
) -> None:
    facts, wrong = through(database, relay.port), User(user.name)
    for made, pause in enumerate((5, 10, 20, 40, 60, 60), start=1):
        attempt(logins, facts, "v1", wrong)
        assert relay.connections == made
        clock.now += pause * MINUTE - 1
        attempt(logins, facts, "v1", wrong)
        assert relay.connections == made
        clock.now += 1


def test_B4_a_refused_version_is_tried_again_when_asked_for(database: Facts, relay: Relay, user: User, logins: Logins) -> None:
    facts, wrong = through(database, relay.port), User(user.name)
    attempt(logins, facts, "v1", wrong)
    assert attempt(logins, facts, "v1", wrong, again=True).verdict is Verdict.REFUSED
    assert relay.connections == 2


def test_B4_a_refused_version_is_tried_once_more_after_we_changed_its_password(database: Facts, user: User, logins: Logins) -> None:
    late = User(user.name)
    assert attempt(logins, database, "v2", late).verdict is Verdict.REFUSED
    set_password(database, user.name, late.password)
    assert attempt(logins, database, "v2", late).verdict is Verdict.REFUSED
    logins.forget("v2")
    assert attempt(logins, database, "v2", late).verdict is Verdict.OK


def test_B4_another_version_and_another_address_are_tried(database: Facts, relay: Relay, user: User, logins: Logins) -> None:
    wrong = User(user.name)
    assert attempt(logins, database, "v1", wrong).verdict is Verdict.REFUSED
    assert attempt(logins, database, "v2", user).verdict is Verdict.OK
    assert attempt(logins, through(database, relay.port), "v1", wrong).verdict is Verdict.REFUSED
    assert relay.connections == 1


def test_B4_a_version_that_logs_in_is_tried_every_time(database: Facts, relay: Relay, user: User, logins: Logins) -> None:
    for made in (1, 2):
        assert attempt(logins, through(database, relay.port), "v1", user).verdict is Verdict.OK
        assert relay.connections == made


def test_B4_retries_do_not_lock_the_user_out(mysql: Facts, logins: Logins, clock: Clock) -> None:
    with user_at(mysql, Options(clauses="FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED")) as user:
        wrong = User(user.name)
        for _ in range(30):
            assert attempt(logins, mysql, "v1", wrong).verdict is Verdict.REFUSED
            clock.now += 10
        assert attempt(logins, mysql, "v2", user).verdict is Verdict.OK


def test_B4_an_endpoint_that_timed_out_is_left_alone_for_a_while(database: Facts, relay: Relay, user: User, clock: Clock) -> None:
    logins = Logins(8, timeout=BRIEF, clock=clock)
    facts = through(database, relay.port)
    relay.black_hole()
    for made, pause in enumerate((1, 2, 4), start=1):
        assert attempt(logins, facts, "v1", user).code == TIMED_OUT
        clock.now += pause - 0.1
        left_alone = attempt(logins, facts, "another", user)
        assert (left_alone.verdict, left_alone.code) == (Verdict.UNREACHABLE, LEFT_ALONE)
        assert relay.connections == made
        clock.now += 0.1
    relay.pass_all()
    assert attempt(Logins(8), facts, "v1", user).verdict is Verdict.OK


def test_B4_an_endpoint_that_answers_again_is_forgiven(database: Facts, relay: Relay, user: User, clock: Clock) -> None:
    logins = Logins(8, timeout=timedelta(seconds=2), clock=clock)
    facts = through(database, relay.port)
    relay.black_hole()
    assert attempt(logins, facts, "v1", user).code == TIMED_OUT
    relay.pass_all()
    assert attempt(logins, facts, "v1", user, again=True).verdict is Verdict.OK
    assert attempt(logins, facts, "v1", user).verdict is Verdict.OK


def test_B4_at_most_one_login_an_endpoint_at_a_time(database: Facts, relay: Relay, user: User, logins: Logins) -> None:
    facts = through(database, relay.port)
    relay.strike(Fault.HOLD)
    with ThreadPoolExecutor(1) as workers:
        held = workers.submit(attempt, logins, facts, "v1", user)
        relay.wait_until_struck()
        assert attempt(logins, facts, "v2", user) == Login(Verdict.BUSY, QUEUED)
        assert relay.connections == 1
        relay.release()
        assert held.result().verdict is Verdict.OK
    assert attempt(logins, facts, "v2", user).verdict is Verdict.OK


def test_B4_many_workers_at_one_healthy_endpoint_all_get_their_answer(database: Facts, user: User, logins: Logins) -> None:
    with ThreadPoolExecutor(16) as workers:
        answers = [workers.submit(attempt, logins, database, f"v{number}", user) for number in range(160)]
    assert {answer.result().verdict for answer in answers} == {Verdict.OK}


def test_B4_one_black_hole_does_not_stop_the_rest(postgres: Facts, mysql: Facts, logins: Logins) -> None:
    with user_at(mysql) as user, Relay(int(str(postgres["port"]))) as hole, ThreadPoolExecutor(16) as workers:
        hole.black_hole()
        stuck = [workers.submit(attempt, logins, through(postgres, hole.port), f"v{number}", User()) for number in range(16)]
        assert workers.submit(attempt, logins, mysql, "v1", user).result().verdict is Verdict.OK
        assert not all(login.done() for login in stuck), "one is in the black hole still"
        assert {login.result().code for login in stuck} <= {TIMED_OUT, QUEUED, LEFT_ALONE}
        assert hole.connections == 1


def test_B4_no_more_logins_at_once_than_the_limit(postgres: Facts, mysql: Facts) -> None:
    logins = Logins(1)
    with user_at(mysql) as user, Relay(int(str(postgres["port"]))) as relay, ThreadPoolExecutor(1) as workers:
        relay.strike(Fault.HOLD)
        held = workers.submit(attempt, logins, through(postgres, relay.port), "v1", User())
        relay.wait_until_struck()
        assert attempt(logins, mysql, "v1", user) == Login(Verdict.BUSY, QUEUED)
        relay.release()
        assert held.result().verdict is Verdict.REFUSED
        assert attempt(logins, mysql, "v1", user).verdict is Verdict.OK
