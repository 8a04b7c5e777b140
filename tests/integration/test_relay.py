"""The relay, between plain clients and the real PostgreSQL and MySQL, over TLS."""

import os
import secrets
import socket
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
import pymysql
import pytest

from tests.bed.bed import Facts
from tests.bed.databases.sql import Session
from tests.bed.processes import until
from tests.support.databases import can_log_in, drop_user, log_in, new_user, sessions, through
from tests.support.tcp import Fault, Relay

LOST = (psycopg.OperationalError, pymysql.err.OperationalError)


@dataclass(frozen=True)
class Scene:
    """A user with an open session through a relay."""

    facts: Facts
    relay: Relay
    user: str
    password: str
    session: Session

    def change(self, new: str) -> None:
        """Change the user's own password in the session."""
        if self.session.engine == "postgres":
            self.session.run(f"ALTER ROLE {self.user} PASSWORD '{new}'")
        else:
            self.session.run(f"ALTER USER USER() IDENTIFIED BY '{new}'")

    def hang_up(self) -> None:
        """End the client's side while it waits, as when its process is killed."""
        connection = self.session.connection
        number = connection.fileno() if self.session.engine == "postgres" else connection._sock.fileno()
        with socket.socket(fileno=os.dup(number)) as end:
            end.shutdown(socket.SHUT_RDWR)

    def works(self, password: str) -> bool:
        return can_log_in(self.facts, self.user, password)


@pytest.fixture(params=["postgres", "mysql"])
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    facts: Facts = request.getfixturevalue(request.param)
    user, password = f"relayed_{secrets.token_hex(4)}", secrets.token_hex(16)
    new_user(facts, user, password)
    with Relay(int(str(facts["port"]))) as relay, log_in(through(facts, relay.port), user, password) as session:
        yield Scene(facts, relay, user, password, session)
    drop_user(facts, user)


def test_each_statement_is_one_flight_of_its_connection(scene: Scene) -> None:
    before = scene.relay.flights
    for number in range(5):
        assert scene.session.run(f"SELECT {number}") == [(number,)]
    assert scene.relay.flights == before + 5
    assert scene.relay.connections == 1


def test_a_password_change_whose_answer_is_lost_has_still_taken_effect(scene: Scene) -> None:
    scene.relay.strike(Fault.DROP_AFTER)
    with pytest.raises(LOST):
        scene.change("changed-unheard")
    assert scene.works("changed-unheard")
    assert not scene.works(scene.password)


def test_a_password_change_that_is_cut_before_the_server_has_no_effect(scene: Scene) -> None:
    scene.relay.strike(Fault.DROP_BEFORE)
    with pytest.raises(LOST):
        scene.change("never-arrived")
    assert scene.works(scene.password)
    assert not scene.works("never-arrived")


def test_a_held_password_change_takes_effect_after_its_client_is_gone(scene: Scene) -> None:
    scene.relay.strike(Fault.HOLD)
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(scene.change, "late")
        scene.relay.wait_until_struck()
        scene.hang_up()
        with pytest.raises(LOST):
            change.result()
    assert scene.works(scene.password)
    scene.relay.release()
    until("the late change takes effect", lambda: scene.works("late"))


def test_what_is_still_held_when_the_relay_ends_never_arrives(scene: Scene) -> None:
    scene.relay.strike(Fault.HOLD)
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(scene.change, "never-released")
        scene.relay.wait_until_struck()
        scene.relay.__exit__(None, None, None)
        with pytest.raises(LOST):
            change.result()
    until("the server ends the session", lambda: not sessions(scene.facts, scene.user))
    assert scene.works(scene.password)


def test_a_swallowed_answer_leaves_the_client_waiting_on_what_is_done(scene: Scene) -> None:
    scene.relay.strike(Fault.SWALLOW)
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(scene.change, "done-unheard")
        scene.relay.wait_until_answered()
        assert scene.works("done-unheard")
        assert change.running()
        scene.hang_up()
        with pytest.raises(LOST):
            change.result()


def test_only_the_flight_that_was_named_is_struck(scene: Scene) -> None:
    scene.relay.strike(Fault.DROP_AFTER, at=3)
    assert scene.session.run("SELECT 1") == [(1,)]
    assert scene.session.run("SELECT 2") == [(2,)]
    with pytest.raises(LOST):
        scene.session.run("SELECT 3")


def test_a_black_hole_accepts_and_never_answers(scene: Scene) -> None:
    scene.relay.black_hole()
    with socket.create_connection(("127.0.0.1", scene.relay.port), timeout=0.3) as client:
        client.sendall(b"anybody there?")
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_black_hole_at_a_flight_silences_its_connection_and_all_new_ones(scene: Scene) -> None:
    scene.relay.strike(Fault.BLACK_HOLE)
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(scene.change, "sunk")
        scene.relay.wait_until_struck()
        with socket.create_connection(("127.0.0.1", scene.relay.port), timeout=0.3) as client, pytest.raises(TimeoutError):
            client.recv(1)
        assert change.running()
        scene.hang_up()
        with pytest.raises(LOST):
            change.result()
    assert scene.works(scene.password)


def test_logins_pass_again_after_a_black_hole(scene: Scene) -> None:
    scene.relay.black_hole()
    scene.relay.pass_all()
    assert can_log_in(through(scene.facts, scene.relay.port), scene.user, scene.password)


def test_a_cut_ends_open_connections_and_no_new_ones(scene: Scene) -> None:
    scene.relay.cut()
    with pytest.raises(LOST):
        scene.session.run("SELECT 1")
    assert can_log_in(through(scene.facts, scene.relay.port), scene.user, scene.password)


def test_a_strike_at_any_flight_of_a_login_leaves_the_next_login_well(scene: Scene) -> None:
    relayed, before = through(scene.facts, scene.relay.port), scene.relay.flights
    with log_in(relayed, scene.user, scene.password) as session:
        session.run("SELECT 1")
        of_a_login = scene.relay.flights - before
    assert of_a_login >= 4, "hello, key, password, statement"
    for at in range(1, of_a_login):
        scene.relay.strike(Fault.DROP_BEFORE, at, of_new=True)
        with pytest.raises(LOST):
            can_log_in(relayed, scene.user, scene.password)
    assert can_log_in(relayed, scene.user, scene.password)
