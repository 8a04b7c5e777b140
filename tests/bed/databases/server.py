"""What one database server of the bed says of itself, and how it is started, also again."""

import json
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from tests.bed.bed import Bed, Facts
from tests.bed.ports import alive_until
from tests.bed.processes import BedError, free_port

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_PATIENCE = 30.0
_TRIES = 3
_TAKEN = "address already in use"


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
    def of(cls, facts: Facts) -> "Server":
        return cls(**cast("dict[str, Any]", dict(facts)))

    def facts(self) -> Facts:
        return asdict(self)


def remembered(bed: Bed, part: str) -> Server | None:
    """The part's server, when its process lives and it came up whole."""
    file = bed.folder / part / "server.json"
    if bed.processes.named(part) is None or not file.exists():
        return None
    return Server.of(json.loads(file.read_text()))


def keep(server: Server) -> Server:
    """Write the server down where `remembered` finds it: it is up whole."""
    file = Path(server.folder) / "server.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(server.facts()))
    return server


def launch(bed: Bed, server: Server, answers: Callable[[Server], bool]) -> None:
    """Start the server's process and wait until it answers; BedError with its log's tail when it dies instead."""
    # PostgreSQL ends its children at SIGQUIT; the two others are one process that keeps all it has in its folder.
    ending = signal.SIGQUIT if server.engine == "postgres" else signal.SIGKILL
    bed.processes.start(server.part, server.argv, env=_ENVIRONMENT, ending=ending)
    alive_until(bed, server.part, lambda: answers(server), what=f"{server.part} answers", seconds=_PATIENCE)


def launch_on_free_port(bed: Bed, configure: Callable[[int], Server], answers: Callable[[Server], bool]) -> Server:
    """Launch what `configure` makes for a port; again with another one when somebody took the first in between."""
    for _ in range(_TRIES - 1):
        server = configure(free_port())
        try:
            launch(bed, server, answers)
        except BedError as error:
            if _TAKEN not in str(error).lower():
                raise
        else:
            return server
    server = configure(free_port())
    launch(bed, server, answers)
    return server
