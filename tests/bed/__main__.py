"""The bed's command: `python -m tests.bed up|down|status|prepare`."""

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from tests.bed import parts
from tests.bed.bed import Bed, exists, held, names
from tests.bed.processes import BedError
from tests.bed.progress import say
from tests.bed.table import table


def up(name: str, wanted: Sequence[str], *, reuse: bool) -> int:
    with held(name):
        if not reuse and exists(name):
            say(f"ending what an earlier run left in the bed {name}")
            Bed(name).remove()
        bed = Bed(name)
        parts.bring_up(bed, wanted)
    return status([name])


def down(wanted: Sequence[str]) -> int:
    for name in wanted:
        with held(name):
            Bed(name).remove()
        say(f"the bed {name} is down")
    return 0


def status(wanted: Sequence[str]) -> int:
    """Print what stands; 0 when every part of every bed asked for is alive."""
    well = bool(wanted)
    for name in wanted:
        if not exists(name):
            say(f"the bed {name} is down")
            well = False
            continue
        bed = Bed(name)
        lines, good = table(bed)
        say(f"bed {name} in {bed.folder}")
        say("\n".join(lines))
        well = well and good
    if not wanted:
        say("no bed is up")
    return 0 if well else 1


def main(words: Sequence[str]) -> int:
    arguments = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    named = getattr(arguments, "name", None)
    given = [named] if named else None
    try:
        if arguments.command == "up":
            wanted = arguments.only.split(",") if arguments.only else parts.PARTS
            return up(arguments.name or "bed", parts.chosen(wanted), reuse=arguments.reuse)
        if arguments.command == "down":
            return down(names() if arguments.all else given or ["bed"])
        if arguments.command == "prepare":
            importlib.import_module("tests.bed.prepare").prepare(say)
            return 0
        return status(given or names())
    except BedError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: what was started has been ended")
        return 130


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends what we started, as Ctrl-C does."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rises = commands.add_parser("up", help="end what an earlier run left, and start")
    rises.add_argument("--only", metavar="PART,…", help=f"some of {', '.join(parts.ALL)}; all but a node when not given")
    rises.add_argument("--reuse", action="store_true", help="keep the parts that are alive")
    falls = commands.add_parser("down", help="end every process and remove the state")
    falls.add_argument("--all", action="store_true", help="every bed of this machine's user")
    shows = commands.add_parser("status", help="what stands")
    commands.add_parser("prepare", help="build and unpack what parts need, into the cache")
    for command in (rises, falls, shows):
        command.add_argument("--name", help="which bed (default: bed; status: all)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
