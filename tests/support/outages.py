"""Databases of a test's own, and what can befall them: stopped, started, frozen, full, read only, of another name."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bed.bed import Bed, Facts
from tests.bed.databases import INSTANCES, PARTS
from tests.bed.databases import postgres as postgresql
from tests.bed.databases.ground import Ground
from tests.bed.databases.server import Server, launch
from tests.bed.databases.sql import answers, as_root
from tests.bed.pki import Authority
from tests.bed.processes import BedError, Recorded

# The shell resumes what it stopped when its input ends, also when the test that holds the other end is killed.
_FREEZE = """
kill -STOP "$1"; children=$(cat "/proc/$1/task/$1/children")
[ -z "$children" ] || kill -STOP $children
echo frozen; read -r _
[ -z "$children" ] || kill -CONT $children
kill -CONT "$1"
"""

_RELOAD_TLS = {"postgres": "SELECT pg_reload_conf()", "mariadb": "FLUSH SSL", "mysql": "ALTER INSTANCE RELOAD TLS"}


def start_another(bed: Bed, name: str, engine: str = "postgres", settings: Mapping[str, str] | None = None) -> Facts:
    """One more server for a test that would disturb others; settings as the engine names them (`max_connections`, …)."""
    return INSTANCES[engine](bed, f"{engine}-{name}", settings or {}).facts()


def start_standby(bed: Bed, name: str, primary: Facts) -> Facts:
    """A read-only streaming copy of a PostgreSQL, with its users and passwords as they are now and will be."""
    return postgresql.standby(bed, f"postgres-{name}", Server.of(primary)).facts()


def remove(bed: Bed, facts: Facts) -> None:
    """End a server that a test started, and delete its data; its log stays."""
    server = _own(facts)
    one = bed.processes.named(server.part)
    if one is not None:
        bed.processes.end(one)
    shutil.rmtree(server.folder)


@contextmanager
def another(bed: Bed, engine: str = "postgres", **settings: str) -> Generator[Facts]:
    """A server for the block alone."""
    facts = start_another(bed, secrets.token_hex(4), engine, settings)
    try:
        yield facts
    finally:
        remove(bed, facts)


@contextmanager
def standby(bed: Bed, primary: Facts) -> Generator[Facts]:
    """A read-only copy of a PostgreSQL for the block."""
    facts = start_standby(bed, secrets.token_hex(4), primary)
    try:
        yield facts
    finally:
        remove(bed, facts)


def serve_certificate(facts: Facts, authority: Authority, names: Sequence[str]) -> None:
    """Let a server show another certificate from now on: for other names, or by another authority."""
    server = _own(facts)
    pair = authority.issue(f"{server.part}-other", names[0], names=names)
    ground = Ground(Path(server.folder))
    with as_root(server) as root:
        shutil.copyfile(pair.certificate, ground.certificate)
        shutil.copyfile(pair.key, ground.key)
        root.run(_RELOAD_TLS[server.engine])


def stop(bed: Bed, facts: Facts) -> None:
    """Shut a server down in order: its sessions are cut, its port refuses."""
    server = _own(facts)
    bed.processes.end(_living(bed, server), first=signal.SIGINT if server.engine == "postgres" else signal.SIGTERM)


def start(bed: Bed, facts: Facts) -> None:
    """Start a stopped server again on its data and port; returns when it answers."""
    launch(bed, _own(facts), answers)


@contextmanager
def stopped(bed: Bed, facts: Facts) -> Generator[None]:
    """The server is down for the block."""
    stop(bed, facts)
    try:
        yield
    finally:
        start(bed, facts)


@contextmanager
def frozen(bed: Bed, facts: Facts) -> Generator[None]:
    """The server neither answers nor refuses for the block (SIGSTOP): connections open, then nothing."""
    one = _living(bed, _own(facts))
    freezer = subprocess.Popen(
        ["sh", "-c", _FREEZE, "freeze", str(one.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.defpath},
        start_new_session=True,
    )
    try:
        if freezer.stdout is None or freezer.stdout.readline() != b"frozen\n":
            raise BedError(f"{one.name} does not freeze")
        yield
    finally:
        freezer.communicate()


def _own(facts: Facts) -> Server:
    server = Server.of(facts)
    if server.part in PARTS:
        raise ValueError(f"{server.part} is shared with other tests: start_another gives one that may be disturbed")
    return server


def _living(bed: Bed, server: Server) -> Recorded:
    one = bed.processes.named(server.part)
    if one is None:
        raise BedError(f"{server.part} is not up")
    return one
