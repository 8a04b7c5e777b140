"""The reasons as docs/reference.md tells them: on which condition, and what kstatus's own condition says meanwhile."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bed.paths import REPO

PAGE = (REPO / "docs" / "reference.md").read_text().partition("\n## Reasons\n")[2]
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """One row. section: the condition's name, `any condition` or `Internal`; meanwhile: `Stalled`, `Reconciling` …, or a dash."""

    section: str
    reason: str
    meanwhile: str


def told() -> Iterator[Told]:
    for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        section = part.partition("\n")[0].removeprefix("On ")
        yield from (Told(section, reason, meanwhile) for reason, _, meanwhile in ROW.findall(part))
