"""A Debian package unpacked into the cache and not installed: nothing of it is started, and no other package comes along."""

import shutil
from pathlib import Path

from tests.bed import paths
from tests.bed.locks import locked
from tests.bed.processes import BedError, run
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
    download = ["apt-get", "-qq", "download", package]
    try:
        run(download, cwd=scratch)
    except BedError:
        run(["apt-get", "-qq", "update"])  # a fresh machine knows no packages yet
        run(download, cwd=scratch)
    (file,) = scratch.glob("*.deb")
    run(["dpkg-deb", "-x", file, scratch])
    file.unlink()
    (scratch / "stamp").touch()
    scratch.rename(folder)
