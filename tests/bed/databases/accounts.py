"""Run a database as an account without rights of its own: PostgreSQL refuses root, and the others should not have it."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bed.processes import BedError

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2  # bits of capabilities(7)


@dataclass(frozen=True)
class Account:
    """Who runs a database: a system account when we are root, else ourselves (`name` is None)."""

    name: str | None

    def wrap(self, argv: Sequence[str | Path], folder: Path) -> list[str]:
        """The command that runs argv as this account, able to reach `folder` also below a home closed to it."""
        words = [str(word) for word in argv]
        if self.name is None:
            return words
        entry = pwd.getpwnam(self.name)
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        if not _open_to_all(folder):
            # The search right alone lets it pass through /root; what it writes it owns.
            drop += [f"--inh-caps=+{_passage()}", f"--ambient-caps=+{_passage()}"]
        return [*drop, "--", *words]

    def own(self, *paths: Path) -> None:
        """Hand files and folders, with all below them, to the account."""
        if self.name is not None:
            entry = pwd.getpwnam(self.name)
            subprocess.run(["chown", "-R", f"{entry.pw_uid}:{entry.pw_gid}", *map(str, paths)], check=True)

    def folder(self, path: Path) -> Path:
        """Make a folder that only the account may enter."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.own(path)
        return path


def account(name: str, package: str) -> Account:
    """The system account that a Debian package brings; ourselves when we are not root and cannot change who we are."""
    if os.geteuid() != 0:
        return Account(None)
    try:
        pwd.getpwnam(name)
    except KeyError as missing:
        raise BedError(f"there is no account {name!r} to run a database as; apt-get install {package}") from missing
    return Account(name)


def _open_to_all(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents)


def _passage() -> str:
    """The narrowest capability in our bounding set that passes through closed folders (containers often lack the first)."""
    status = Path("/proc/self/status").read_text()
    bounding = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    for name, bit in (("dac_read_search", _DAC_READ_SEARCH), ("dac_override", _DAC_OVERRIDE)):
        if bounding >> bit & 1:
            return name
    raise BedError("database accounts cannot enter the cache folder; set XDG_CACHE_HOME to a folder that everybody may enter")
