"""What AWS's own rotation functions do wrong, and which test shows it of ours: `python -m tests.contract.weaknesses` prints the table.

`--write` puts it into docs/weaknesses.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bed.paths import REPO
from tests.contract import safety
from tests.support.tables import print_or_write

LIST = Path(__file__).with_name("weaknesses.yaml")
PAGE = REPO / "docs" / "weaknesses.md"
HEAD = "| | AWS's functions | here | shown by |\n| --- | --- | --- | --- |\n"


@dataclass(frozen=True)
class Weakness:
    """remains: what is so here as well, and the way round it."""

    weakness: str
    aws: str
    here: str
    tests: Sequence[str]
    remains: str | None = None


def weaknesses() -> list[Weakness]:
    return [Weakness(**row) for row in yaml.safe_load(LIST.read_text())]


def places() -> dict[str, str]:
    """Every test that is not set aside: its name → its file."""
    return {one.name: one.file for one in safety.every_test()}


def table() -> str:
    known = places()
    return HEAD + "".join(_row(one, known) for one in weaknesses())


def _row(one: Weakness, known: dict[str, str]) -> str:
    here = f"{one.here}. **Remains**; instead: {one.remains}" if one.remains else one.here
    shown = "<br>".join(f"[`{name}`](../{known[name]})" for name in one.tests)
    return f"| **{one.weakness}** | {one.aws} | {here} | {shown} |\n"


def written(page: str) -> str:
    """The page with the table as it is now: from its head to its end."""
    return page.partition(HEAD)[0] + table()


def main(words: Sequence[str]) -> int:
    return print_or_write(words, PAGE, table, written)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
