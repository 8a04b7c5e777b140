"""The verdicts of kstatus and Argo CD on every reason: `python -m tests.gitops` prints the table, `--write` puts it into docs/gitops.md."""

import sys
from collections.abc import Sequence

from tests.bed.paths import REPO
from tests.bed.processes import BedError
from tests.gitops import bodies, customization
from tests.gitops.verdicts import table

PAGE = REPO / "docs" / "gitops.md"
BEGIN, END = "<!-- verdicts: python -m tests.gitops --write -->\n", "<!-- /verdicts -->\n"


def main(words: Sequence[str]) -> int:
    if set(words) - {"--write"}:
        print(__doc__)
        return 2
    try:
        told = table(list(bodies.cases()))
    except BedError as error:
        print(f"error: {error}")
        return 1
    if words:
        PAGE.write_text(put(PAGE.read_text(), told))
        customization.write()
    else:
        print(told, end="")
    return 0


def put(page: str, told: str) -> str:
    """The page with this table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{told}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
