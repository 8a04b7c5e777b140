"""A test may have a database of its own and do to it what it likes; when it ends, or is killed, nothing is left of it."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.bed.bed import Bed, Facts
from tests.bed.paths import REPO
from tests.bed.processes import until
from tests.support.databases import can_log_in, execute_as_root, log_in, new_user, set_password
from tests.support.outages import another, frozen, remove, serve_certificate, standby, start_another, stopped

ENGINES = ("postgres", "mariadb", "mysql")
LOST = (psycopg.OperationalError, pymysql.err.OperationalError)


@pytest.fixture(params=ENGINES)
def own(request: pytest.FixtureRequest, bed: Bed) -> Generator[Facts]:
    with another(bed, request.param) as facts:
        yield facts


def test_a_stopped_server_refuses_and_comes_back_with_its_users(bed: Bed, own: Facts) -> None:
    new_user(own, "survivor", "as-before")
    with log_in(own, "survivor", "as-before") as opened:
        with stopped(bed, own), pytest.raises(LOST):
            can_log_in(own, "survivor", "as-before")
        with pytest.raises(LOST):
            opened.run("SELECT 1")
    assert can_log_in(own, "survivor", "as-before")


def test_a_frozen_server_accepts_and_is_silent_until_it_thaws(bed: Bed, own: Facts) -> None:
    new_user(own, "patient", "waits")
    with log_in(own, "patient", "waits") as opened:
        with frozen(bed, own), socket.create_connection(("127.0.0.1", int(str(own["port"])))) as client:
            client.settimeout(0.3)
            client.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # PostgreSQL's SSLRequest; MySQL would speak first
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert opened.run("SELECT 1") == [(1,)]
    assert can_log_in(own, "patient", "waits")


def test_a_server_thaws_when_the_test_that_froze_it_is_killed(bed: Bed) -> None:
    with another(bed) as facts:
        new_user(facts, "left", "in-the-cold")
        script = (
            "import json, sys, threading\n"
            "from tests.bed.bed import Bed\n"
            "from tests.support.outages import frozen\n"
            "with frozen(Bed(sys.argv[1]), json.loads(sys.argv[2])):\n"
            "    print('frozen', flush=True)\n"
            "    threading.Event().wait()\n"
        )
        argv = [sys.executable, "-c", script, bed.name, json.dumps(facts)]
        with subprocess.Popen(argv, cwd=REPO, env={**os.environ, "PYTHONPATH": str(REPO)}, stdout=subprocess.PIPE) as test:
            assert test.stdout is not None
            assert test.stdout.readline() == b"frozen\n"
            test.kill()
        assert can_log_in(facts, "left", "in-the-cold")


def test_a_certificate_for_another_name_is_turned_away(bed: Bed, own: Facts) -> None:
    new_user(own, "careful", "looks-first")
    assert can_log_in(own, "careful", "looks-first")
    serve_certificate(own, bed.authority, ["elsewhere.example"])

    def turned_away() -> bool:
        try:
            return not can_log_in(own, "careful", "looks-first")
        except LOST as error:
            return any(words in str(error) for words in ("does not match host name", "Hostname mismatch"))

    until("the certificate is another", turned_away)
    assert can_log_in(own, "careful", "looks-first", tls=False)


def test_settings_are_the_servers_own(bed: Bed) -> None:
    with another(bed, max_connections="6", superuser_reserved_connections="4") as facts:
        new_user(facts, "crowd", "pushing")
        with log_in(facts, "crowd", "pushing"), log_in(facts, "crowd", "pushing"):
            with pytest.raises(LOST, match="remaining connection slots are reserved"):
                can_log_in(facts, "crowd", "pushing")
            assert execute_as_root(facts, "SHOW max_connections") == [("6",)]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_settings_of_mysql_and_mariadb_are_options_of_the_server(bed: Bed, engine: str) -> None:
    with another(bed, engine, max_connections="17") as facts:
        assert execute_as_root(facts, "SELECT @@max_connections") == [(17,)]


def test_a_standby_reads_follows_and_does_not_write(bed: Bed) -> None:
    with another(bed) as primary, standby(bed, primary) as copy:
        new_user(primary, "reader", "on-both")
        until("the user is on the standby", lambda: can_log_in(copy, "reader", "on-both"))
        set_password(primary, "reader", "changed")
        until("the change is on the standby", lambda: can_log_in(copy, "reader", "changed"))
        with log_in(copy, "reader", "changed") as opened, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            opened.run("ALTER ROLE reader PASSWORD 'on the wrong node'")


def test_nothing_is_left_of_a_removed_server(bed: Bed, own: Facts) -> None:
    facts = start_another(bed, "gone", str(own["engine"]))
    process = bed.processes.named(str(facts["part"]))
    assert process is not None
    family = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    remove(bed, facts)
    assert not process.alive
    assert not Path(str(facts["folder"])).exists()
    until("its children end", lambda: not any(Path(f"/proc/{child}").exists() for child in family))


def test_a_killed_server_is_no_obstacle_to_the_next(bed: Bed, own: Facts) -> None:
    name = secrets.token_hex(4)
    first = start_another(bed, name, str(own["engine"]))
    new_user(first, "lost", "with-the-first")
    process = bed.processes.named(str(first["part"]))
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until("it is dead", lambda: not process.alive)
    second = start_another(bed, name, str(own["engine"]))
    assert not can_log_in(second, "lost", "with-the-first")
    remove(bed, second)


def test_a_shared_server_is_not_to_be_stopped(bed: Bed, postgres: Facts) -> None:
    with pytest.raises(ValueError, match="shared with other tests"), stopped(bed, postgres):
        pass
