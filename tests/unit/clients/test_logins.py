"""The memory of logins, without any database: what is kept, for how long, and that it does not grow."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import SecretStr

from rotated_rds.clients import pauses
from rotated_rds.clients.logins import Logins
from rotated_rds.model.database import Endpoint, Engine, Login, Verdict

WHERE = Endpoint(Engine.POSTGRES, "127.0.0.1", 5432)
SECRET = SecretStr("secret")


class Server:
    """Answers as it is told, and counts how often it is asked."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.asked = 0
        self._verdicts = verdicts

    def __call__(
        self, endpoint: Endpoint, username: str, password: SecretStr, *, timeout: timedelta, addresses: Sequence[str] | None
    ) -> Login:
        del endpoint, username, password, timeout, addresses
        self.asked += 1
        return Login(self._verdicts[min(self.asked, len(self._verdicts)) - 1], "28P01", "127.0.0.1:5432")


def attempt(logins: Logins, version: str, *, again: bool = False) -> Verdict:
    return logins.try_version(WHERE, version, "u", SECRET, again=again).verdict


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.REFUSED])
def test_B4_only_a_refusal_is_remembered(verdict: Verdict) -> None:
    server = Server(verdict)
    logins = Logins(1, log_in=server)
    assert [attempt(logins, "v1"), attempt(logins, "v1")] == [verdict, verdict]
    assert server.asked == 2


def test_B4_a_login_that_succeeds_takes_the_refusals_before_it_from_memory() -> None:
    server = Server(Verdict.REFUSED, Verdict.OK)
    logins = Logins(1, log_in=server)
    assert attempt(logins, "v1") is Verdict.REFUSED
    assert attempt(logins, "v1", again=True) is Verdict.OK
    assert attempt(logins, "v1") is Verdict.OK
    assert server.asked == 3


def test_forgetting_one_version_keeps_the_others() -> None:
    server = Server(Verdict.REFUSED)
    logins = Logins(1, log_in=server)
    for version in ("v1", "v2"):
        attempt(logins, version)
    logins.forget("v1")
    attempt(logins, "v2")
    assert server.asked == 2
    attempt(logins, "v1")
    assert server.asked == 3


def test_the_memory_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "MOST", 3)
    server = Server(Verdict.REFUSED)
    logins = Logins(1, log_in=server)
    for version in ("v1", "v2", "v3", "v4"):
        attempt(logins, version)
    for version in ("v2", "v3", "v4"):
        attempt(logins, version)
    assert server.asked == 4
    attempt(logins, "v1")
    assert server.asked == 5


def test_a_host_that_does_not_resolve_is_asked_for_without_addresses() -> None:
    seen: list[Sequence[str] | None] = []

    def log_in(endpoint: Endpoint, username: str, password: SecretStr, *, timeout: timedelta, addresses: Sequence[str] | None) -> Login:
        del endpoint, username, password, timeout
        seen.append(addresses)
        return Login(Verdict.UNREACHABLE, "dns")

    where = Endpoint(Engine.POSTGRES, "a" * 64, 5432)
    assert Logins(1, log_in=log_in).try_version(where, "v1", "u", SECRET).code == "dns"
    assert seen == [()]
