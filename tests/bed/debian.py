"""A Debian package unpacked into the cache and not installed: nothing of it is started, and no other package comes along."""

import shutil
import subprocess
from pathlib import Path

from tests.bed import paths
from tests.bed.locks import locked
from tests.bed.processes import BedError
from tests.bed.progress import Say, elapsing, say


def unpacked(package: str, voice: Say = say) -> Path:
    """The root of its files. Raises BedError on a machine without apt-get, or when it cannot be had."""
    folder = paths.cache() / f"{package}-debian"
    with locked(folder.with_suffix(".lock"), f"Debian's {package}", voice):
        if not (folder / "stamp").exists():
            with elapsing(f"unpacking Debian's {package}", voice):
                _unpack(package, folder)
    return folder


def _unpack(package: str, folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise BedError(f"this machine has no apt-get, which would bring the files of Debian's {package}: install it")
    scratch = folder.with_suffix(".new")
    for old in (scratch, folder):
        shutil.rmtree(old, ignore_errors=True)
    scratch.mkdir(parents=True)
    if _run("apt-get", "-qq", "download", package, cwd=scratch):
        _must("apt-get", "-qq", "update", cwd=scratch)  # a fresh machine knows no packages yet
        _must("apt-get", "-qq", "download", package, cwd=scratch)
    (file,) = scratch.glob("*.deb")
    _must("dpkg-deb", "-x", file.name, ".", cwd=scratch)
    file.unlink()
    (scratch / "stamp").touch()
    scratch.rename(folder)


def _run(*words: str, cwd: Path) -> str | None:
    """What it complains of; None when it went well."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr)[-2000:] or f"code {done.returncode}" if done.returncode else None


def _must(*words: str, cwd: Path) -> None:
    if complaint := _run(*words, cwd=cwd):
        raise BedError(f"{' '.join(words)} failed:\n{complaint}")
