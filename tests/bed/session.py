"""One bed for one test session: the session's first process claims it, any of its workers starts parts, the first ends it."""

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.bed import paths
from tests.bed.bed import Bed, exists, held, names
from tests.bed.locks import take
from tests.bed.parts import bring_up
from tests.bed.pki import Authority
from tests.bed.processes import BedError

_NAME, _SESSION = "ROTATED_RDS_TEST_BED", "ROTATED_RDS_TEST_SESSION"
_FIRST = "test"


def claim() -> None:
    """Choose this session's bed by locking its name as long as this process lives; two sessions at once get two beds.

    Workers are children of this process and read the choice from the environment.
    """
    if not _kept():
        _clear_orphans()
    name = next(name for name in _possible() if take(_lock(name), wait=False) is not None)
    os.environ[_NAME], os.environ[_SESSION] = name, uuid.uuid4().hex
    _lock(name).write_text(os.environ[_SESSION])


def need(wanted: Iterable[str]) -> Bed:
    """The session's bed with these parts up. Whoever asks first starts them; what an earlier session left is ended before."""
    name, session = os.environ[_NAME], os.environ[_SESSION]
    with held(name):
        if _lock(name).read_text() != session:
            raise BedError("another session has the bed by now: this worker's session was killed")
        if exists(name) and not _kept() and _owner(name) != session:
            Bed(name).remove()
        bed = Bed(name)
        _mark(name).write_text(session)
        failure = bed.folder / f"failed-{session}"
        if failure.exists():
            raise BedError(f"already in this session: {failure.read_text()}")
        try:
            bring_up(bed, wanted)
        except BedError as error:
            failure.write_text(str(error))
            raise
    return bed


def trust_little(bed: Bed) -> None:
    """One CA, which has signed nothing, stands for the machine's own: libpq reads all of them for each login, 20 ms."""
    os.environ["SSL_CERT_FILE"] = str(Authority(bed.folder / f"pki-elsewhere-{os.getpid()}").ca.certificate)


def close() -> None:
    """End the session's bed, unless it is kept or was never started."""
    name = os.environ[_NAME]
    if _kept() or _owner(name) != os.environ[_SESSION]:
        return
    with held(name):
        Bed(name).remove()


def _kept() -> bool:
    return os.environ.get("KEEP_BED", "") not in {"", "0"}


def _possible() -> Iterable[str]:
    yield _FIRST
    yield from (f"{_FIRST}-{number}" for number in count(2))


def _clear_orphans() -> None:
    """End the beds of sessions that were killed while another held the first name."""
    for name in names():
        if not name.startswith(f"{_FIRST}-"):
            continue
        lock = take(_lock(name), wait=False)
        if lock is not None:
            Bed(name).remove()
            os.close(lock)


def _lock(name: str) -> Path:
    return paths.state(f".{name}.session.lock")


def _mark(name: str) -> Path:
    return paths.state(name) / "session"


def _owner(name: str) -> str | None:
    with suppress(OSError):
        return _mark(name).read_text()
    return None
