"""Build and unpack into the cache all that the parts need, so that they start in seconds."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.bed import build, paths, prometheus
from tests.bed.databases.mysql_root import mysql_root
from tests.bed.node import able, images
from tests.bed.processes import BedError
from tests.bed.progress import Say, say


def prepare(voice: Say) -> None:
    """Compiling goes on beside unpacking. What only a real node needs is left out where none can run."""
    lacking = able.lacking()
    if lacking:
        voice(f"no real node on this machine, so nothing is built for one; it lacks {'; '.join(lacking)}")
    left_out = (*build.ON_REQUEST, *(build.NODE if lacking else ()))
    programs = [name for name in build.PROGRAMS if name not in left_out]
    with ThreadPoolExecutor(2) as pool:
        each = [pool.submit(build.ensure, programs, voice), pool.submit(_unpack, voice, node=not lacking)]
    for one in each:
        one.result()


def _unpack(voice: Say, *, node: bool) -> None:
    prometheus.program("promtool", voice)
    prometheus.operator_crds(voice=voice)
    _unpack_mysql(voice)
    if node:
        images.base(voice)


def _unpack_mysql(voice: Say) -> None:
    if os.geteuid() == 0 or (paths.cache() / "mysql-sid" / "stamp").exists():
        mysql_root(voice)
        return
    if shutil.which("sudo") is None:
        raise BedError("unpacking MySQL (debootstrap) needs root once, and there is no sudo: run `make setup` as root, then again")
    voice("asking sudo to unpack MySQL")
    kept = [f"{name}={os.environ[name]}" for name in ("HOME", "XDG_CACHE_HOME", "PYTHONPATH") if name in os.environ]
    done = subprocess.run(["sudo", "env", *kept, sys.executable, "-m", __name__, str(os.getuid()), str(os.getgid())], check=False)
    if done.returncode:
        raise BedError("MySQL could not be unpacked as root")


def _unpack_as_root_for(user: str, group: str) -> None:
    """What root unpacked into a user's cache becomes that user's, who must be able to remove it."""
    owned = [str(mysql_root(say).folder), *map(str, paths.cache().glob("mysql-sid*"))]
    subprocess.run(["chown", "-R", f"{user}:{group}", *owned], check=True)


if __name__ == "__main__":
    try:
        _unpack_as_root_for(*sys.argv[1:])
    except BedError as error:
        say(f"error: {error}")
        sys.exit(1)
