"""The parts a bed can have, in the order they start, each loaded only when it is asked for."""

import importlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from tests.bed import build, cgroup, kubernetes
from tests.bed.bed import Bed, Facts
from tests.bed.processes import BedError

Starter = Callable[[Bed], Facts]

# A real node's network comes first: the others then listen there. AWS comes late: its RDS answers name the databases' endpoints.
_FIRST = ("network",)
_TOGETHER = ("kubernetes", "postgres", "mariadb", "mysql")
_AFTER = ("aws", "node", "rollouts")
PARTS = (*_TOGETHER, "aws")
"""What a bed has when nobody chooses: all of it on loopback, Pods by kwok."""
ALL = (*_FIRST, *_TOGETHER, *_AFTER)
_MODULES = {
    "network": "tests.bed.node.network",
    "kubernetes": "tests.bed.kubernetes",
    "aws": "tests.bed.aws",
    "node": "tests.bed.node",
    "rollouts": "tests.bed.rollouts",
}
_DATABASES = "tests.bed.databases"


def chosen(names: Iterable[str]) -> list[str]:
    """Those parts in the order they start, a node with what it stands on. BedError names what there is not."""
    wanted = set(names)
    if unknown := wanted - set(ALL):
        raise BedError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    if "node" in wanted:
        wanted |= {"network", "kubernetes"}
    if "rollouts" in wanted:
        wanted.add("kubernetes")
    return [part for part in ALL if part in wanted]


def starter(part: str) -> Starter:
    """What starts the part. BedError when its module does not load."""
    module = _MODULES.get(part, _DATABASES)
    try:
        loaded = importlib.import_module(module)
        return loaded.start if part in _MODULES else loaded.PARTS[part]
    except (ImportError, AttributeError, KeyError) as error:
        raise BedError(f"the part {part} does not load: {error!r}") from error


def alive(bed: Bed, part: str) -> bool:
    """Whether a part came up, its processes run, and it answers where it can be asked."""
    if not bed.alive(part):
        return False
    asked = getattr(importlib.import_module(_MODULES[part]), "healthy", None) if part in _MODULES else None
    return asked is None or asked(bed)


def bring_up(bed: Bed, wanted: Iterable[str]) -> None:
    """Start what is wanted and not alive. When one part fails, all that this call started is ended again."""
    missing = _missing(bed, chosen(wanted))
    starters = {part: starter(part) for part in missing}
    if "kubernetes" in missing:
        build.ensure(kubernetes.PROGRAMS, bed.say)  # here, where an interrupt ends the compiler too
    _end(bed, missing)
    try:
        for group in (_FIRST, _TOGETHER, _AFTER):
            _start_together(bed, {part: start for part, start in starters.items() if part in group})
    except BaseException:
        _end(bed, missing)
        raise


def _missing(bed: Bed, wanted: Sequence[str]) -> list[str]:
    """Those that are not alive; all of them when a node or its network is to be made anew, for they stand on it."""
    missing = [part for part in wanted if not alive(bed, part)]
    return list(wanted) if {"network", "node"} & set(missing) else missing


def _end(bed: Bed, parts: Sequence[str]) -> None:
    for part in reversed(parts):
        bed.processes.end_part(part)
        bed.forget(part)
    if "network" in parts:
        cgroup.remove(bed.folder)


def _start_together(bed: Bed, starters: Mapping[str, Starter]) -> None:
    if not starters:
        return
    pool = ThreadPoolExecutor(len(starters))
    running = {part: pool.submit(_start, bed, part, start) for part, start in starters.items()}
    try:
        wait(running.values())
    except BaseException:
        _end(bed, list(starters))  # so that those who wait for a process give up
        raise
    finally:
        pool.shutdown()
    errors = {part: error for part, one in running.items() if (error := one.exception())}
    for part in running.keys() - errors.keys():
        bed.remember(part, running[part].result())
    for part, error in errors.items():
        raise BedError(f"{part} does not start: {error}") from error


def _start(bed: Bed, part: str, start: Starter) -> Facts:
    begun = time.monotonic()
    facts = start(bed.for_part(part))
    bed.say(f"{part}: up in {time.monotonic() - begun:.1f} s")
    return facts
