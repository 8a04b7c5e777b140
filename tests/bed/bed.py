"""One bed: a named set of real parts on loopback, its state folder, and what its parts said about themselves."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bed import paths
from tests.bed.pki import Authority
from tests.bed.processes import Processes

Facts = Mapping[str, object]
Say = Callable[[str], None]


@dataclass
class Bed:
    """What a part needs to start: a folder for its data, the processes' book, the CA, and a voice for progress."""

    name: str
    say: Say = print
    folder: Path = field(init=False)
    processes: Processes = field(init=False)
    authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.folder = paths.state(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.folder)
        self.authority = Authority(self.folder / "pki")

    @property
    def _facts_file(self) -> Path:
        return self.folder / "bed.json"

    def facts(self) -> dict[str, Facts]:
        """What each part that is up said of itself (ports, paths, users), by part."""
        return json.loads(self._facts_file.read_text()) if self._facts_file.exists() else {}

    def remember(self, part: str, facts: Facts) -> None:
        self._facts_file.write_text(json.dumps({**self.facts(), part: facts}, indent=2))

    def remove(self) -> None:
        """End every process of this bed and delete its folder."""
        self.processes.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)
