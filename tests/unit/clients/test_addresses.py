"""Names become addresses in time, or not at all."""

import socket
import threading
import time
from datetime import timedelta

import pytest

from rotated_rds.clients.addresses import dial, joined, resolve
from rotated_rds.clients.deadline import Deadline

SOON = timedelta(seconds=0.3)


def within(seconds: float = 5) -> Deadline:
    return Deadline(timedelta(seconds=seconds))


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.1.2.3", "::1", "fd00::1"])
def test_an_address_is_its_own_answer_without_any_lookup(ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    assert resolve(ip, 5432, within()) == (ip,)


def test_a_name_gives_each_of_its_addresses_once() -> None:
    found = resolve("localhost", 5432, within())
    assert found
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["", "a" * 64, "a..b", "\ud800"])
def test_a_name_that_means_nothing_gives_none(name: str) -> None:
    assert resolve(name, 5432, within()) == ()


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        answered.wait(60)
        return []

    # A real resolver that stays silent would need the machine's own configuration.
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    began = time.monotonic()
    assert resolve("db.example", 5432, Deadline(SOON)) == ()
    assert time.monotonic() - began < SOON.total_seconds() + 30
    answered.set()


def test_the_first_address_that_answers_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        ip, sock = dial(("127.0.0.2", "127.0.0.1"), port, within())
    assert sock is not None
    sock.close()
    assert ip == "127.0.0.1"


def test_where_no_address_answers_the_last_one_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    assert dial(("127.0.0.2", "127.0.0.1"), port, within()) == ("127.0.0.1", None)


def test_nothing_is_dialled_after_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert dial(("127.0.0.1",), int(listener.getsockname()[1]), Deadline(timedelta(0)))[1] is None


def test_an_IPv6_address_stands_in_brackets_before_its_port() -> None:
    assert joined("::1", 5432) == "[::1]:5432"
    assert joined("127.0.0.1", 5432) == "127.0.0.1:5432"
