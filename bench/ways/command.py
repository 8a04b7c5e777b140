"""The command: `python -m bench ways [word …]`, 0 only when everything is as promised."""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.ground import load
from bench.ways.course import play
from bench.ways.ground import Ground, ground
from bench.ways.plan import Amount, Cell, chosen
from bench.ways.shop import RATE
from bench.ways.told import Told, problems, table
from tests.bed.processes import BedError
from tests.bed.progress import elapsing, say


def main(words: Sequence[str]) -> int:
    arguments = _parser().parse_args(words)
    try:
        wanted = chosen(arguments.words)
    except ValueError as unknown:
        say(f"error: {unknown}")
        return 2
    amount, began, rows = Amount(arguments.rotations, arguments.few), time.monotonic(), list[Told]()
    before = load()
    try:
        with ground() as made:
            for number, cell in enumerate(wanted, 1):
                rows.append(_played(made, cell, amount, f"{number}/{len(wanted)}"))
    except BedError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    wrong = problems(rows, amount)
    machine = f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, Python {platform.python_version()}"
    told = f"{machine}; {time.monotonic() - began:.0f} s; load {before:.1f} → {load():.1f}; {RATE:.0f} log-ins a second wanted"
    say("\n".join(["", *table(rows), "", told, *(f"NOT AS PROMISED: {text}" for text in wrong)]))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": told, "cells": [asdict(one) for one in rows], "problems": wrong}, indent=2) + "\n")
    return 1 if wrong else 0


def _played(made: Ground, cell: Cell, amount: Amount, place: str) -> Told:
    title, began = f"{place} {' '.join(cell.axes)}", time.monotonic()
    with elapsing(title, say):
        told = play(made, cell, amount)
    say(f"{title}: {' · '.join(text for text in told.row()[3:] if text)} · {time.monotonic() - began:.0f} s")
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench ways", description="Each method with each strategy on each engine, with its failed log-ins."
    )
    parser.add_argument("words", nargs="*", metavar="word", help="of methods, strategies, engines, or how they begin; all cells when none")
    parser.add_argument("--rotations", type=int, default=20, help="of each cell that no log-in may fail in (20)")
    parser.add_argument("--few", type=int, default=5, help="of each other cell (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same once more, for a tool")
    return parser
