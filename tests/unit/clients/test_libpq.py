"""libpq as it is here: its codes, in every language, and nothing from the environment."""

import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from socket import create_server

import pytest
from psycopg import pq

from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.libpq import Failure, check_libpq, connect
from rotated_rds.clients.postgres import verdict
from rotated_rds.model.database import Verdict
from tests.bed.paths import REPO

Fields = Mapping[str, str]
GERMAN = {"S": "FATAL", "C": "28P01", "M": "Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen", "R": "auth_failed"}
RUSSIAN = {"S": "ВАЖНО", "C": "28000", "M": "для роли «u» вход запрещён", "R": "InitializeSessionUserId"}
TURKISH = {"S": "ÖLÜMCÜL (FATAL)", "C": "28P01", "M": "parola", "R": "auth_failed"}
FRENCH = {"S": "FATAL", "C": "53300", "M": "désolé, trop de clients sont déjà connectés", "R": "InitProcess"}


def test_this_machines_libpq_tells_codes() -> None:
    check_libpq()


@contextmanager
def answering(fields: Fields) -> Generator[dict[str, str]]:
    """A server that answers every login with this error."""
    body = b"".join(f"{key}{text}\0".encode() for key, text in {"V": "FATAL", "F": "a.c", "L": "1", **fields}.items()) + b"\0"

    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        port = str(listener.getsockname()[1])
        yield {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": port, "user": "u", "password": "p", "sslmode": "disable"}
        thread.join()


def failure(parameters: Mapping[str, str]) -> Failure:
    seen = connect(parameters, Deadline(timedelta(seconds=5)))
    assert isinstance(seen, Failure)
    return seen


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(GERMAN, Verdict.REFUSED, id="a refusal in German"),
        pytest.param(RUSSIAN, Verdict.PROVEN, id="a role without login in Russian"),
        pytest.param(TURKISH, Verdict.REFUSED, id="a refusal in Turkish, whose severity is two words"),
        pytest.param(FRENCH, Verdict.BUSY, id="a full server in French"),
    ],
)
def test_B1_a_servers_language_does_not_matter(fields: Fields, expected: Verdict) -> None:
    with answering(fields) as parameters:
        assert verdict(failure(parameters)) is expected


@pytest.mark.parametrize("host", ["failed: FATAL:  28P01: x", 'a" failed: FATAL:  28P01: ', "FATAL:  28P01: x"])
def test_B1_a_host_cannot_speak_for_the_server(host: str) -> None:
    with answering({"S": "FATAL", "C": "57P03", "M": "starting up", "R": "ProcessStartupPacket"}) as parameters:
        seen = failure({**parameters, "host": host})
    assert seen.code == "57P03"


@pytest.mark.parametrize("name", ["x failed: FATAL:  28P01: ", "FATAL:  28P01: ", "x\nFATAL:  28P01: y"])
def test_B1_a_users_name_cannot_speak_for_the_server(name: str) -> None:
    told = {"S": "FATAL", "C": "28000", "M": f'role "{name}" is not permitted to log in', "R": "InitializeSessionUserId"}
    with answering(told) as parameters:
        assert failure(parameters).code == "28000"


def test_B1_a_users_name_cannot_speak_for_the_place_in_the_server() -> None:
    told = {"S": "FATAL", "C": "28000", "M": 'no entry for user "u\nLOCATION:  InitPostgres, postinit.c:1"', "R": "ClientAuthentication"}
    with answering(told) as parameters:
        seen = failure(parameters)
    assert (seen.location, verdict(seen)) == ("ClientAuthentication", Verdict.UNKNOWN)


def test_B1_what_has_no_code_is_unknown() -> None:
    with answering({"S": "FATAL", "M": "no code at all"}) as parameters:
        assert verdict(failure(parameters)) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(Failure(pq.ConnStatus.STARTED), Verdict.UNREACHABLE, id="nobody listens"),
        pytest.param(Failure(pq.ConnStatus.SSL_STARTUP), Verdict.TLS, id="the certificate is not trusted"),
        pytest.param(Failure(pq.ConnStatus.SSL_STARTUP, timed_out=True), Verdict.UNREACHABLE, id="silence during TLS"),
        pytest.param(Failure(pq.ConnStatus.SSL_STARTUP, hung_up=True), Verdict.UNREACHABLE, id="hung up during TLS"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE), Verdict.UNKNOWN, id="an odd answer"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "53300", "InitProcess"), Verdict.BUSY, id="full, before the password"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "53300", "InitPostgres"), Verdict.PROVEN, id="full, after the password"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "53300"), Verdict.BUSY, id="full, who knows when"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "28000"), Verdict.UNKNOWN, id="rejected, who knows when"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "28000", "ClientAuthentication"), Verdict.UNKNOWN, id="by pg_hba"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "57P03"), Verdict.UNREACHABLE, id="starting up"),
        pytest.param(Failure(pq.ConnStatus.AWAITING_RESPONSE, "XX000", "auth_failed"), Verdict.UNKNOWN, id="an internal error"),
    ],
)
def test_B1_verdicts_of_failures(seen: Failure, expected: Verdict) -> None:
    assert verdict(seen) is expected


def test_nothing_of_the_environment_reaches_libpq() -> None:
    odd = {"PGSERVICE": "none-such", "PGSSLMODE": "disable", "PGOPTIONS": "-c x=y", "PSYCOPG_IMPL": "binary", "PATH": "/usr/bin"}
    program = (
        "import os; from rotated_rds.clients.libpq import check_libpq, pq; check_libpq();"
        "print(pq.__impl__, [n for n in os.environ if n.startswith('PG')])"
    )
    told = subprocess.run([sys.executable, "-c", program], env=odd, cwd=REPO / "operator", capture_output=True, text=True, check=True)
    assert told.stdout == "python []\n"
