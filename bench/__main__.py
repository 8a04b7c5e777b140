"""The command: `python -m bench [name …] [--json FILE]`; `python -m bench ways [word …]` is one of its own (bench/ways)."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import FrameType

from bench import drift, failover, propagation, quiet, rotation, startup
from bench.figures import Figure, table
from bench.ground import Ground, ground, load
from bench.ways import command as ways
from tests.bed.processes import BedError
from tests.bed.progress import say

MEASUREMENTS: dict[str, Callable[[Ground], list[Figure]]] = {
    "first-sync": startup.first_sync,
    "start": startup.quiet_start,
    "quiet": quiet.with_queue,
    "propagation": propagation.steady,
    "burst": propagation.burst,
    "drift": drift.repair,
    "rotation": rotation.request,
    "quiet-sweep": quiet.without_queue,
    "failover": failover.failover,
}
ALONE = ("failover",)
"""Only when it is named: it takes a quarter of an hour."""


def main(words: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if words[:1] == ["ways"]:
        return ways.main(words[1:])
    arguments = _parser().parse_args(words)
    figures: list[Figure] = []
    loads: list[str] = []
    try:
        with ground(arguments.size, arguments.rounds, say) as made:
            for name in list(chain.from_iterable(arguments.names)) or [one for one in MEASUREMENTS if one not in ALONE]:
                before, began = load(), time.monotonic()
                figures += MEASUREMENTS[name](made)
                loads.append(f"{name} {before:.1f} → {load():.1f}")
                say(f"bench: {name} took {time.monotonic() - began:.0f} s, load {before:.1f} → {load():.1f}")
    except BedError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    machine = f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, Python {platform.python_version()}; load: {', '.join(loads)}"
    print("\n".join(["", *table(figures), "", machine]))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "figures": [one.document() for one in figures]}, indent=2) + "\n")
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill takes the bed down, as Ctrl-C does."""
    raise KeyboardInterrupt


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Figures of the operator among 1,000 resources on a bed; `ways`: see `ways --help`."
    )
    said = f"some of {', '.join(MEASUREMENTS)}; all but {', '.join(ALONE)} when none is named"
    parser.add_argument("names", nargs="*", type=_names, metavar="name", help=said)
    parser.add_argument(
        "--size", type=int, default=1000, help="how many resources (1000: what is promised is promised for it; at least 200)"
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many SIGTERMs and how many kills failover measures (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures once more, for a tool")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
