"""The folder that a database starts on: its data copied from a template in the cache, its certificate beside it."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bed import paths
from tests.bed.bed import Bed
from tests.bed.databases.accounts import Account
from tests.bed.locks import locked
from tests.bed.processes import run
from tests.bed.progress import elapsing
from tests.bed.reach import reach

_NAMES = {"localhost", "127.0.0.1"}


@dataclass(frozen=True)
class Ground:
    """A part's folder: `data` of the database, `tls` with server.crt and server.key, all owned by its account."""

    folder: Path

    @property
    def part(self) -> str:
        return self.folder.name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def certificate(self) -> Path:
        return self.folder / "tls" / "server.crt"

    @property
    def key(self) -> Path:
        return self.folder / "tls" / "server.key"


def lay(bed: Bed, part: str, account: Account) -> Ground:
    """An empty folder of the part with a certificate in it; what a dead run left there is gone."""
    ground = Ground(bed.folder / part)
    half_started = bed.processes.named(part)
    if half_started is not None:
        bed.processes.end(half_started)
    shutil.rmtree(ground.folder, ignore_errors=True)
    tls = account.folder(account.folder(ground.folder) / "tls")
    pair = bed.authority.issue(part, "localhost", names=sorted(_NAMES | {reach(bed).address}))
    shutil.copy(pair.certificate, ground.certificate)
    shutil.copy(pair.key, ground.key)
    account.own(tls)
    return ground


def copy_template(bed: Bed, name: str, recipe: str, build: Callable[[Path], None], into: Path) -> None:
    """Copy the data folder that `recipe` describes; `build` makes it into an empty folder when the cache has none."""
    shelf = paths.cache() / "templates"
    template = shelf / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with locked(shelf / f"{name}.lock", f"the template of {name}", bed.say):
        if not template.exists():
            for old in shelf.glob(f"{name}-*"):
                shutil.rmtree(old)
            with elapsing(f"preparing an empty {name}", bed.say):
                _build(build, shelf / f"{name}.new", template)
        run(["cp", "-a", "--reflink=auto", template, into])


def _build(build: Callable[[Path], None], scratch: Path, template: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    build(scratch)
    scratch.rename(template)
