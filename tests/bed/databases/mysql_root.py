"""The programs of MySQL 9, which Debian has in sid alone: unpacked once into the cache, run from there without a chroot."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.bed import paths
from tests.bed.locks import locked
from tests.bed.processes import BedError, run
from tests.bed.progress import Say, elapsing

_SUITE = "sid"
_PACKAGE = "mysql-server-core"


@dataclass(frozen=True)
class Root:
    """A Debian tree in a folder."""

    folder: Path

    def program(self) -> list[str]:
        """The server by sid's own loader and libraries, so that it may read and write outside the tree as anybody may."""
        usr = self.folder / "usr"
        loader = next(self.folder.glob("lib*/ld-linux*.so.*"))
        libraries = [*usr.glob("lib/*-linux-gnu"), usr / "lib/mysql/private"]
        return [
            str(loader),
            "--library-path",
            ":".join(map(str, libraries)),
            str(usr / "sbin/mysqld"),
            "--no-defaults",
            f"--basedir={usr}",
            f"--lc-messages-dir={usr / 'share/mysql'}",
            f"--character-sets-dir={usr / 'share/mysql/charsets'}",
            f"--plugin-dir={usr / 'lib/mysql/plugin'}",
        ]


def mysql_root(say: Say) -> Root:
    """The tree, unpacked if the cache has none yet (about a minute, 560 MB)."""
    folder = paths.cache() / "mysql-sid"
    with locked(paths.cache() / "mysql-sid.lock", "the programs of MySQL", say):
        if not (folder / "stamp").exists():
            _require_means()
            with elapsing("unpacking MySQL 9 from Debian sid", say):
                _unpack(folder)
    return Root(folder)


def _require_means() -> None:
    if os.geteuid() != 0:
        raise BedError("MySQL is left out on this machine: unpacking it (debootstrap) needs root")
    if shutil.which("debootstrap") is None:
        raise BedError("debootstrap is not installed; apt-get install debootstrap")


def _unpack(folder: Path) -> None:
    scratch = folder.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", f"--include={_PACKAGE}", _SUITE, scratch])
    shutil.rmtree(scratch / "var/cache/apt/archives", ignore_errors=True)
    (scratch / "stamp").touch()
    scratch.rename(folder)
