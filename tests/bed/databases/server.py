"""What one database server of the bed says of itself, and how it is started again."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bed.bed import Bed
from tests.bed.processes import BedError, until

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_PATIENCE = 30.0


@dataclass(frozen=True)
class Server:
    """The facts of a part. `part` names its process and its folder; `argv` starts it on what the folder holds."""

    engine: str
    part: str
    port: int
    ca: str
    admin_user: str
    admin_password: str
    root_user: str
    root_password: str
    folder: str
    logs: list[str]
    argv: list[str]
    version: str = ""
    host: str = "localhost"

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Server":
        return cls(**facts)

    def facts(self) -> dict[str, object]:
        return asdict(self)


def remembered(bed: Bed, part: str) -> Server | None:
    """The part's server, when its process lives and answered once."""
    file = bed.folder / part / "server.json"
    if bed.processes.named(part) is None or not file.exists():
        return None
    return Server.of(json.loads(file.read_text()))


def keep(server: Server) -> Server:
    """Write the server down where `remembered` finds it."""
    file = Path(server.folder) / "server.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(server.facts()))
    return server


def launch(bed: Bed, server: Server, answers: Callable[[], bool]) -> None:
    """Start the server's process and wait until it answers; BedError with its log's tail when it dies instead."""
    recorded = bed.processes.start(server.part, server.argv, env=_ENVIRONMENT)

    def ready() -> bool:
        if answers():
            return True
        if not recorded.alive:
            raise BedError(f"{server.part} ended while it started:\n{bed.processes.tail(server.part)}")
        return False

    until(f"{server.part} answers", ready, seconds=_PATIENCE, every=0.05)
