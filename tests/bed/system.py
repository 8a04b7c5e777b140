"""What the machine itself must have, by apt and only when missing: `python3 -m tests.bed.system` (standard library only)."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.bed.processes import BedError
from tests.bed.progress import elapsing, say

_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/rotated-rds.conf")
MARK = "written by rotated-rds while it installs packages"


@dataclass(frozen=True)
class Need:
    """Something the bed uses, the Debian packages that bring it, and how to see that it is there."""

    packages: tuple[str, ...]
    there: Callable[[], bool]


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin") is not None


def _file(path: str) -> Callable[[], bool]:
    return lambda: Path(path).exists()


def _account(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


NEEDS = (
    Need(("python3-venv",), lambda: find_spec("ensurepip") is not None),
    Need(("ca-certificates",), _file("/etc/ssl/certs/ca-certificates.crt")),
    Need(("git",), _program("git")),
    Need(("postgresql-15",), _file("/usr/lib/postgresql/15/bin/postgres")),
    # The core packages: `mariadb-server` would lay out and run an instance of its own.
    Need(("mariadb-server-core", "mariadb-client-core"), lambda: _program("mariadbd")() and _program("my_print_defaults")()),
    Need(("debootstrap",), _program("debootstrap")),
    # A real node: its runtime, its images, its Services, its Pods' network. It needs root, as its tests say.
    Need(("runc",), _program("runc")),
    Need(("buildah",), _program("buildah")),
    Need(("nftables",), _program("nft")),
    Need(("iproute2",), _program("ip")),
    Need(("containernetworking-plugins",), _file("/usr/lib/cni/bridge")),
)


def missing() -> list[str]:
    return [package for need in NEEDS if not need.there() for package in need.packages]


def ensure() -> None:
    """Install what is missing, as root or through sudo; nothing is started, no database is laid out."""
    packages = missing()
    if not packages and _account("mysql"):
        return
    if shutil.which("apt-get") is None:
        raise BedError(f"this machine lacks {', '.join(packages)} (Debian's names) and has no apt-get: install them by its own means")
    if os.geteuid() != 0:
        _again_as_root(packages)
        return
    if packages:
        _install(packages)
    if not _account("mysql"):
        _run("adduser", "--quiet", "--system", "--group", "--no-create-home", "--home", "/nonexistent", "mysql")


def _again_as_root(packages: list[str]) -> None:
    if shutil.which("sudo") is None:
        raise BedError(f"root must install {' '.join(packages)}, and there is no sudo: run `apt-get install` as root, then again")
    say(f"asking sudo to install {' '.join(packages)}")
    subprocess.run(["sudo", sys.executable, "-m", __spec__.name], check=True)


def _install(packages: list[str]) -> None:
    with (
        elapsing(f"installing {' '.join(packages)}", say),
        standing(_POLICY, f"#!/bin/sh\n# {MARK}\nexit 101\n", 0o755),
        standing(_NO_CLUSTER, f"# {MARK}\ncreate_main_cluster = false\n", 0o644),
    ):
        _apt("update")
        _apt("install", "--no-install-recommends", *packages)


def _apt(*words: str) -> None:
    _run("apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=600", *words)


def _run(*words: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{' '.join(words)} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")


@contextmanager
def standing(path: Path, text: str, mode: int) -> Generator[None]:
    """A file while the block runs; what stood there before, unless it is a killed run's, comes back."""
    before = (path.read_text(), path.stat().st_mode) if path.exists() else None
    folder_is_new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, text, mode)
    try:
        yield
    finally:
        if before is None or MARK in before[0]:
            path.unlink()
        else:
            _write(path, *before)
        if folder_is_new and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode & 0o777)


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - `make` runs this with whatever python3 the machine has
        say(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.12 …")
        return 1
    try:
        ensure()
    except (BedError, subprocess.CalledProcessError) as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
