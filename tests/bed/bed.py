"""One bed: a named set of real parts on loopback, its state folder, and what its parts said about themselves."""

import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bed import cgroup, paths
from tests.bed.locks import locked
from tests.bed.pki import Authority
from tests.bed.processes import Processes
from tests.bed.progress import Say, say

Facts = Mapping[str, object]


@dataclass
class Bed:
    """What a part needs to start: a folder for its data, the processes' book, the CA, and a voice for progress."""

    name: str
    say: Say = say
    part: str = ""
    folder: Path = field(init=False)
    processes: Processes = field(init=False)
    authority: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.folder = paths.state(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.folder, self.part)
        self.authority = Authority(self.folder / "pki")

    def for_part(self, part: str) -> "Bed":
        """The same bed; what is started through it is recorded as that part's."""
        return replace(self, part=part)

    @property
    def _facts_file(self) -> Path:
        return self.folder / "bed.json"

    def facts(self) -> dict[str, Facts]:
        """What each part that is up said of itself (ports, paths, users), by part."""
        return json.loads(self._facts_file.read_text()) if self._facts_file.exists() else {}

    def remember(self, part: str, facts: Facts) -> None:
        self._write({**self.facts(), part: facts})

    def forget(self, part: str) -> None:
        self._write({other: facts for other, facts in self.facts().items() if other != part})

    def _write(self, facts: Mapping[str, Facts]) -> None:
        """By renaming: a reader never sees half a file."""
        draft = self._facts_file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(facts, indent=2))
        draft.rename(self._facts_file)

    def alive(self, part: str) -> bool:
        """Whether the part came up and none of its processes has ended since."""
        return part in self.facts() and all(one.alive for one in self.processes.of_part(part))

    def end(self) -> None:
        """End every process of this bed, and what a real node leaves in the kernel; the folder stays, with its logs."""
        self.processes.end_all()
        cgroup.remove(self.folder)

    def remove(self) -> None:
        """End it and delete its folder."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def held(name: str, voice: Say = say) -> AbstractContextManager[None]:
    """Hold a bed's lock: one run at a time brings it up or down. The file is beside the bed, which may be removed."""
    return locked(paths.state(f".{name}.lock"), f"the bed {name}", voice)


def exists(name: str) -> bool:
    return paths.state(name).is_dir()


def names() -> list[str]:
    """All beds that were left standing, or are."""
    folder = paths.state("x").parent
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
