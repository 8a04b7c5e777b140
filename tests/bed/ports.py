"""Start a server on free ports, and again on others when somebody took them in between."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bed.bed import Bed
from tests.bed.processes import BedError, free_port, until

_TRIES = 3
_TAKEN = "address already in use"

LESS_OFTEN = {"GOGC": "400"}
"""For Go's programs: a quarter of an API server's time goes into collecting garbage, and memory is what a machine has most of."""


def on_free_ports(
    bed: Bed, name: str, count: int, argv: Callable[[Sequence[int]], Sequence[str | Path]], ready: Callable[[Sequence[int]], bool]
) -> list[int]:
    """The ports it serves on, once `ready` says so. argv: its command line for the given ports.

    It is one of Go's, and ended by SIGKILL: nothing that it holds outlives the bed.
    """
    for _ in range(_TRIES):
        ports = [free_port() for _ in range(count)]
        one = bed.processes.start(name, argv(ports), env=os.environ | LESS_OFTEN, ending=signal.SIGKILL)
        until(f"{name} serves", lambda one=one, ports=ports: not one.alive or ready(ports))
        if one.alive:
            return ports
        if _TAKEN not in bed.processes.tail(name):
            break
    raise BedError(f"{name} does not start:\n{bed.processes.tail(name)}")


def alive_until(bed: Bed, name: str, check: Callable[[], bool], *, what: str, seconds: float = 60.0) -> None:
    """Wait for a condition that this process brings about; its last words when it dies before."""
    until(what, lambda: bed.processes.named(name) is None or check(), seconds=seconds)
    if bed.processes.named(name) is None:
        raise BedError(f"{name} ended before {what}:\n{bed.processes.tail(name)}")
