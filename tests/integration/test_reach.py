"""SAFETY.md B1: what lies between a login and its server: TLS, black holes, closed ports, other protocols; never a raise, never late."""

import select
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from rotated_rds.model.database import TIMED_OUT, Tls, TlsMode, Verdict
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.databases import through
from tests.support.logins import ENGINES, User, endpoint, log_in_at, made_at, restart, user_at
from tests.support.outages import another, serve_certificate
from tests.support.tcp import Fault, Relay

BRIEF = timedelta(seconds=0.5)
SLACK = 10.0  # seconds; what has no deadline waits for ever here
"""Seconds over a deadline that a busy machine may need."""


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(database: Facts) -> Generator[User]:
    with user_at(database) as made:
        yield made


@pytest.mark.parametrize("mode", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_B1_a_certificate_of_an_unknown_authority_is_a_matter_of_TLS(database: Facts, user: User, mode: TlsMode) -> None:
    assert log_in_at(endpoint(database, Tls(mode)), user).verdict is Verdict.TLS


def test_B1_a_CA_file_that_is_not_there_is_a_matter_of_TLS(database: Facts, user: User) -> None:
    assert log_in_at(endpoint(database, Tls(ca_file="/none/such.pem")), user).verdict is Verdict.TLS


def test_B1_a_certificate_for_another_name_is_a_matter_of_TLS_unless_only_the_authority_is_checked(database: Facts, user: User) -> None:
    ca = str(database["ca"])
    assert log_in_at(endpoint(database, Tls(TlsMode.VERIFY_FULL, ca, "db.example")), user).verdict is Verdict.TLS
    assert log_in_at(endpoint(database, Tls(TlsMode.VERIFY_CA, ca, "db.example")), user).verdict is Verdict.OK


@pytest.mark.parametrize("engine", ENGINES)
def test_the_name_to_check_may_differ_from_the_host(bed: Bed, engine: str) -> None:
    with another(bed, engine) as facts:
        user = made_at(facts)
        serve_certificate(facts, bed.authority, ["db.example"])
        named = endpoint(facts, Tls(TlsMode.VERIFY_FULL, str(facts["ca"]), "db.example"))
        until("the new certificate is shown", lambda: log_in_at(named, user).verdict is Verdict.OK)
        assert log_in_at(endpoint(facts), user).verdict is Verdict.TLS


def test_without_a_check_any_certificate_will_do_and_without_TLS_none_is_asked_for(database: Facts, user: User) -> None:
    assert log_in_at(endpoint(database, Tls(TlsMode.REQUIRE)), user).verdict is Verdict.OK
    assert log_in_at(endpoint(database, Tls(TlsMode.DISABLE)), user).verdict is Verdict.OK


@pytest.mark.parametrize(("engine", "off"), [("postgres", ("-c", "ssl=off")), ("mariadb", ("--skip-ssl",)), ("mysql", ("--tls-version=",))])
def test_B1_a_server_without_TLS_is_never_talked_to_in_the_clear(bed: Bed, engine: str, off: tuple[str, ...]) -> None:
    with another(bed, engine) as facts:
        user = made_at(facts)
        restart(bed, facts, off, lambda: log_in_at(endpoint(facts, Tls(TlsMode.DISABLE)), user).verdict is Verdict.OK)
        for mode in (TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
            assert log_in_at(endpoint(facts, Tls(mode, str(facts["ca"]))), user).verdict is Verdict.TLS


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B1_a_server_that_insists_on_TLS_is_a_matter_of_TLS_where_it_says_so(bed: Bed, engine: str) -> None:
    with another(bed, engine, require_secure_transport="ON") as facts:
        user = made_at(facts)
        login = log_in_at(endpoint(facts, Tls(TlsMode.DISABLE)), user)
        # MariaDB says what it says to a wrong password: `check` looks at the setting before any change (B3).
        assert login.verdict is (Verdict.TLS if engine == "mysql" else Verdict.REFUSED)


def test_B1_a_closed_port_is_unreachable_at_once(database: Facts, user: User) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    login = log_in_at(endpoint(through(database, port)), user)
    assert (login.verdict, login.code) == (Verdict.UNREACHABLE, ""), "TIMED_OUT is the code of one that was waited for"


def test_B1_a_name_that_does_not_resolve_is_unreachable(database: Facts, user: User) -> None:
    login = log_in_at(endpoint({**database, "host": "a" * 64}), user)
    assert (login.verdict, login.code) == (Verdict.UNREACHABLE, "dns")


def test_B1_a_black_hole_is_unreachable_when_the_time_is_up(database: Facts, user: User) -> None:
    with Relay(int(str(database["port"]))) as relay:
        relay.black_hole()
        assert_in_time(through(database, relay.port), user)


def test_B1_a_black_hole_at_any_moment_of_the_login_is_unreachable(database: Facts, user: User) -> None:
    for flight in range(1, 20):
        with Relay(int(str(database["port"]))) as relay:
            relay.strike(Fault.BLACK_HOLE, flight)
            began = time.monotonic()
            login = log_in_at(endpoint(through(database, relay.port)), user, BRIEF)
            assert time.monotonic() - began < BRIEF.total_seconds() + SLACK
            if not relay.struck:
                assert login.verdict is Verdict.OK
                return
            assert login.verdict in {Verdict.UNREACHABLE, Verdict.OK}, flight
    pytest.fail("no login is that long")


def test_B1_a_connection_cut_at_any_moment_of_the_login_says_nothing_of_the_password(database: Facts, user: User) -> None:
    for flight in range(1, 20):
        with Relay(int(str(database["port"]))) as relay:
            relay.strike(Fault.DROP_AFTER, flight)
            login = log_in_at(endpoint(through(database, relay.port)), user)
            if not relay.struck:
                assert login.verdict is Verdict.OK
                return
            assert login.verdict in {Verdict.UNREACHABLE, Verdict.UNKNOWN, Verdict.OK}, flight
    pytest.fail("no login is that long")


def assert_in_time(facts: Facts, user: User) -> None:
    began = time.monotonic()
    login = log_in_at(endpoint(facts), user, BRIEF)
    assert (login.verdict, login.code) == (Verdict.UNREACHABLE, TIMED_OUT)
    assert time.monotonic() - began < BRIEF.total_seconds() + SLACK


@pytest.mark.parametrize("engine", ENGINES)
def test_B1_a_server_that_drips_is_given_no_more_time_than_a_silent_one(request: pytest.FixtureRequest, engine: str) -> None:
    facts: Facts = request.getfixturevalue(engine)
    with dripping() as port:
        assert_in_time(through(facts, port), User())


@contextmanager
def dripping() -> Generator[int]:
    """A listener that promises a long greeting, or a long TLS record, and sends a byte of it every 50 ms."""
    over = threading.Event()

    def drip() -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            greet(peer)
            for _ in range(200):  # a login that waits for all of it fails the test, but ends
                if over.wait(0.05):
                    return
                peer.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            thread.join()


def greet(peer: socket.socket) -> None:
    """Promise 64 KiB of MySQL's greeting to who waits for it, and a long TLS record to who asks for TLS as PostgreSQL's clients do."""
    client_speaks, _, _ = select.select([peer], [], [], 0.2)
    if not client_speaks:
        peer.sendall(b"\xff\xff\x00\x00")
        return
    for answer in (b"S", b"\x16\x03\x03\x40\x00"):
        peer.recv(4096)
        peer.sendall(answer)


def test_B1_another_protocol_tells_nothing_and_raises_nothing(postgres: Facts, mysql: Facts) -> None:
    answers = [
        log_in_at(endpoint({**postgres, "port": mysql["port"]}), User(), BRIEF),
        log_in_at(endpoint({**mysql, "port": postgres["port"]}), User(), BRIEF),
    ]
    assert all(login.verdict in {Verdict.UNKNOWN, Verdict.TLS, Verdict.UNREACHABLE} for login in answers)
