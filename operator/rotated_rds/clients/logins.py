"""When a login may be tried at all: one at a time an endpoint, half the workers in all, and never one that would lock a user out."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr

from rotated_rds.clients import databases
from rotated_rds.clients.addresses import joined, resolve
from rotated_rds.clients.deadline import Deadline
from rotated_rds.clients.pauses import Pauses
from rotated_rds.clients.places import Places
from rotated_rds.clients.sessions import LOGIN_TIMEOUT
from rotated_rds.model.database import TIMED_OUT, Endpoint, Login, Verdict

_REFUSED_AGAIN = (timedelta(minutes=5), timedelta(hours=1))  # the first pause, and the longest
_TIMED_OUT_AGAIN = (timedelta(seconds=1), timedelta(minutes=5))

QUEUED = "queued"
LEFT_ALONE = "left-alone"
_ANYWHERE = "anywhere"


class LogIn(Protocol):
    def __call__(
        self, endpoint: Endpoint, username: str, password: SecretStr, *, timeout: timedelta, addresses: Sequence[str] | None
    ) -> Login: ...


class Logins:
    """Shared by all workers. limit: logins at once. Nothing here is kept over a restart (SAFETY.md B4)."""

    def __init__(
        self,
        limit: int,
        *,
        timeout: timedelta = LOGIN_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        log_in: LogIn = databases.login,
    ) -> None:
        self._timeout = timeout
        self._log_in = log_in
        self._limit = limit
        self._places = Places()
        self._refused: Pauses[tuple[str, str], Login] = Pauses(*_REFUSED_AGAIN, clock)
        self._timed_out: Pauses[str, Login] = Pauses(*_TIMED_OUT_AGAIN, clock)

    def try_version(
        self, endpoint: Endpoint, version: str, username: str, password: SecretStr, *, again: bool = False, hurried: bool = False
    ) -> Login:
        """Log in with a version's credential, or answer from memory. Raises nothing.

        A version that an address refused is not tried there for 5 minutes, doubling to an hour; an endpoint that timed out is not
        tried for a second, doubling to 5 minutes (code LEFT_ALONE). again: now, whatever is remembered; hurried: unless it was refused.
        BUSY with the code QUEUED: other logins are under way, try later.
        """
        hurried = again or hurried
        if not hurried and (left_alone := self._timed_out.current(endpoint.address)) is not None:
            return left_alone
        with self._places.place(_ANYWHERE, self._limit) as ours:
            return (
                self._with_a_place(endpoint, version, username, password, again=again, hurried=hurried)
                if ours
                else Login(Verdict.BUSY, QUEUED)
            )

    def forget(self, version: str) -> None:
        """Let a version be tried again: we have just changed the password that it holds."""
        self._refused.drop(lambda key: key[0] == version)

    def _with_a_place(self, endpoint: Endpoint, version: str, username: str, password: SecretStr, *, again: bool, hurried: bool) -> Login:
        deadline = Deadline(self._timeout)
        addresses = resolve(endpoint.host, endpoint.port, deadline)
        left = timedelta(seconds=deadline.left())  # waiting for our turn takes nothing of it
        with self._places.place(joined(min(addresses, default=endpoint.host), endpoint.port), 1) as ours:
            if not ours:
                return Login(Verdict.BUSY, QUEUED)
            if not again and (known := self._known(endpoint, version, addresses, hurried=hurried)) is not None:
                return known
            login = self._log_in(endpoint, username, password, timeout=left, addresses=addresses)
            self._remember(endpoint, version, login)
            return login

    def _known(self, endpoint: Endpoint, version: str, addresses: Sequence[str], *, hurried: bool) -> Login | None:
        """Look up what was learned of this version, perhaps while we waited for our turn."""
        refusals = (self._refused.current((version, joined(ip, endpoint.port))) for ip in addresses)
        refused = next((login for login in refusals if login is not None), None)
        return refused if refused or hurried else self._timed_out.current(endpoint.address)

    def _remember(self, endpoint: Endpoint, version: str, login: Login) -> None:
        if login.verdict is Verdict.REFUSED:
            self._refused.note((version, login.address), login)
        elif login.verdict.proves:
            self._refused.forgive((version, login.address))
        if login.code == TIMED_OUT:
            self._timed_out.note(endpoint.address, Login(Verdict.UNREACHABLE, LEFT_ALONE, login.address))
        else:
            self._timed_out.forgive(endpoint.address)
