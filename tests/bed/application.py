"""A simulated application: what the container of a pod would run. It logs in over and over with the credential it was started with.

kwok's pods run no container, so `tests/bed/kubelet.py` starts one such process beside each pod. Logins are real, by real drivers.
"""

import contextlib
import json
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql

EVERY = 0.1  # seconds from one login to the next
PREFIX = "DB_"
_TIMEOUT = 3
_REMEMBERED = 1000  # failures whose moment is kept


@dataclass
class Tally:
    """Logins of one process, or of several together. failures: the moments (seconds since 1970) of the newest failed ones."""

    logins: int = 0
    failed: int = 0
    failures: list[float] = field(default_factory=list[float])
    error: str = ""

    @classmethod
    def read(cls, file: Path) -> "Tally":
        return cls(**json.loads(file.read_text()))

    @classmethod
    def together(cls, tallies: Iterable["Tally"]) -> "Tally":
        every = list(tallies)
        moments = sorted(moment for one in every for moment in one.failures)
        error = next((one.error for one in reversed(every) if one.error), "")
        return cls(sum(one.logins for one in every), sum(one.failed for one in every), moments, error)

    def since(self, moment: float) -> list[float]:
        """Moments of the failures from then on."""
        return [failure for failure in self.failures if failure >= moment]

    def write(self, file: Path) -> None:
        """By renaming: a reader never sees half a file."""
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(file)

    def count(self, login: Callable[[], None]) -> None:
        """One attempt. The drivers' words name user and host, never a password."""
        try:
            login()
            self.logins += 1
        except (psycopg.Error, pymysql.Error, OSError) as error:
            self.failed += 1
            self.failures = [*self.failures, time.time()][-_REMEMBERED:]
            self.error = str(error)


def tallies(folder: Path) -> dict[str, Tally]:
    """What every process, also those that ended, has counted; by its pod."""
    return {file.stem: Tally.read(file) for file in sorted(folder.glob("*.json"))}


def total(folder: Path) -> Tally:
    return Tally.together(tallies(folder).values())


def login_of(environment: Mapping[str, str]) -> Callable[[], None]:
    """A login with the credential of an environment; keys as the operator writes them, with or without a prefix."""

    def value(key: str) -> str:
        return environment.get(PREFIX + key) or environment[key]

    reach: dict[str, Any] = {"host": value("host"), "port": int(value("port")), "user": value("username"), "password": value("password")}

    def postgres() -> None:
        with psycopg.connect(**reach, dbname=value("dbname"), sslmode="require", connect_timeout=_TIMEOUT):
            pass

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once, as a pool does: with the machine's CAs it takes longer than a login
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # PostgreSQL's `require`

    def mysql() -> None:
        pymysql.connect(**reach, connect_timeout=_TIMEOUT, ssl=tls).close()

    return postgres if value("engine") == "postgres" else mysql


def main(file: Path) -> None:
    """Until SIGTERM, which every pod gets at its end."""
    over, tally, login = threading.Event(), Tally(), login_of(os.environ)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: over.set())
    due = time.monotonic()
    while not over.is_set():
        tally.count(login)
        tally.write(file)
        due = max(due + EVERY, time.monotonic())
        over.wait(due - time.monotonic())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]))
