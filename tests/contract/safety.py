"""Which test holds which safety rule: `python -m tests.contract.safety` prints the table.

`--tests` names every test, `--write` puts the table into docs/safety.md.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.bed.paths import REPO
from tests.support.tables import print_or_write

LIST = Path(__file__).with_name("safety.yaml")
PAGE = REPO / "docs" / "safety.md"
HEAD = "| rule | what holds | where it is tested |\n| --- | --- | --- |\n"
_NUMBER = re.compile(r"(?<=_)[A-Z][0-9]+(?=_|$)")
_ASIDE = ("skip", "skipif", "xfail")


@dataclass(frozen=True)
class Rule:
    """waits_for: what builds it later; now: what of it is built already."""

    number: str
    title: str
    waits_for: str | None = None
    now: str | None = None

    @property
    def built(self) -> bool:
        """Whether all of it, or a part, is carried out: then it has a test, else it has none."""
        return self.waits_for is None or self.now is not None


@dataclass(frozen=True)
class Claim:
    """A test. file: from the repository's root; numbers: of the rules that its name carries."""

    file: str
    name: str

    @property
    def numbers(self) -> list[str]:
        return _NUMBER.findall(self.name)


def rules() -> list[Rule]:
    return [Rule(number, **row) for number, row in yaml.safe_load(LIST.read_text()).items()]


@cache
def every_test() -> list[Claim]:
    """Every test function, but those that are set aside: they hold nothing."""
    return [claim for path in sorted((REPO / "tests").rglob("test_*.py")) for claim in _claims_in(path)]


@cache
def claims() -> list[Claim]:
    """Those with a rule's number."""
    return [claim for claim in every_test() if claim.numbers]


def _claims_in(path: Path) -> Iterator[Claim]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        if not any(_set_aside(decorator) for decorator in node.decorator_list):
            yield Claim(path.relative_to(REPO).as_posix(), node.name)


def _set_aside(decorator: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in _ASIDE for node in ast.walk(decorator))


def table(*, named: bool = False) -> str:
    """Markdown: rule → the files of its tests, or each test by name."""
    found = claims()
    return HEAD + "".join(_row(rule, [one for one in found if rule.number in one.numbers], named=named) for rule in rules())


def _row(rule: Rule, held_by: Sequence[Claim], *, named: bool) -> str:
    shown = (
        [f"`{one.name}`" for one in held_by]
        if named
        else [f"[{Path(file).stem}](../{file})" for file in dict.fromkeys(one.file for one in held_by)]
    )
    waits = f"waits for {rule.waits_for}" if rule.waits_for else ""
    if rule.waits_for and rule.now:
        waits = f"built: {rule.now}; the rest {waits}"
    return f"| {rule.number} | {rule.title} | {', '.join(shown)}{'; ' if shown and waits else ''}{waits} |\n"


def written(page: str) -> str:
    """The page with the table as it is now, from its head to its end."""
    return page.partition(HEAD)[0] + table()


def main(words: Sequence[str]) -> int:
    return print_or_write(words, PAGE, lambda: table(named="--tests" in words), written)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
