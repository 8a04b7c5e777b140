"""What the API server's watch tells, with the moment at which it told it: how a user would see a change arrive."""

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from rotated_rds.model.document import text
from tests.bed.processes import BedError

T = TypeVar("T")
OURS = quote("app.kubernetes.io/managed-by=rotated-rds-operator")
SECRETS = f"/api/v1/secrets?labelSelector={OURS}"
VERSION = "rotated-rds.io/version-id"


@dataclass(frozen=True)
class Sight:
    """One event of a watch. at: on the monotonic clock."""

    at: float
    kind: str
    body: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        return self.body["metadata"]["namespace"], self.body["metadata"]["name"]

    @property
    def version(self) -> str | None:
        """The AWS version that a mirrored Secret holds."""
        return text(self.body, "metadata", "annotations", VERSION)

    def content(self, key: str) -> str:
        return base64.b64decode(text(self.body, "data", key) or "").decode()


@dataclass
class Watching:
    """All sights of one path since it began, and a way to wait for one."""

    sights: list[Sight] = field(default_factory=list[Sight])
    _news: threading.Condition = field(default_factory=threading.Condition)

    def add(self, line: bytes) -> None:
        event: dict[str, Any] = json.loads(line)
        with self._news:
            self.sights.append(Sight(time.monotonic(), event["type"], event["object"]))
            self._news.notify_all()

    def wait(self, what: str, find: Callable[[], T | None], seconds: float = 60.0) -> T:
        """Until `find` finds something in the sights. BedError, naming `what`, when it does not in time."""
        deadline = time.monotonic() + seconds
        with self._news:
            while (found := find()) is None:
                if not self._news.wait(deadline - time.monotonic()):
                    raise BedError(f"{what}: not seen within {seconds:.0f} s")
        return found

    def first(self, what: str, fits: Callable[[Sight], bool], *, after: float, seconds: float = 60.0) -> Sight:
        """The first sight after a moment that fits."""
        return self.wait(what, lambda: next((one for one in self.sights if one.at >= after and fits(one)), None), seconds)


@contextmanager
def watching(kubeconfig: Path, path: str) -> Generator[Watching]:
    """Watch a list from now on. kubeconfig: one with a token."""
    connection, headers = _connection(kubeconfig)
    mark = "&" if "?" in path else "?"
    connection.request("GET", f"{path}{mark}limit=1", headers=headers)
    now = json.loads(connection.getresponse().read())["metadata"]["resourceVersion"]
    connection.request("GET", f"{path}{mark}watch=1&resourceVersion={now}", headers=headers)
    line = connection.sock  # of this request: the one before may have had another
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise BedError(f"watch of {path}: {answer.status} {answer.read().decode()}")
    seen = Watching()
    reader = threading.Thread(target=_read, args=(answer, seen), daemon=True)
    reader.start()
    try:
        yield seen
    finally:
        line.shutdown(socket.SHUT_RDWR)  # a close alone would wait for the reader
        reader.join()
        connection.close()


def _read(answer: http.client.HTTPResponse, seen: Watching) -> None:
    try:
        while line := answer.readline():
            seen.add(line)
    except (OSError, ValueError, AttributeError):  # closed from the other side: the measurement is over
        return


def _connection(kubeconfig: Path) -> tuple[http.client.HTTPSConnection, dict[str, str]]:
    config: dict[str, Any] = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    address = urlsplit(str(cluster["server"]))
    tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    return http.client.HTTPSConnection(address.hostname or "", address.port, context=tls), {"Authorization": f"Bearer {user['token']}"}
