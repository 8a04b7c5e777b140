"""The SQL that a page gives to be pasted: its blocks by their first line, filled in for a test's own names."""

import re
from collections.abc import Mapping, Sequence

from tests.bed.bed import Facts
from tests.bed.paths import REPO
from tests.support.databases import log_in

_BLOCK = re.compile(r"^```sql\n-- (.+?)\n(.+?)^```", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"--.*$", re.MULTILINE)


def blocks(page: str) -> dict[str, list[str]]:
    """A page of docs/: a block's title → its statements."""
    found = _BLOCK.findall((REPO / "docs" / page).read_text())
    return {title: [one.strip() for one in _COMMENT.sub("", text).split(";") if one.strip()] for title, text in found}


def starting(page: str, title: str) -> list[str]:
    """The statements of the one block whose title begins so."""
    [found] = [statements for name, statements in blocks(page).items() if name.startswith(title)]
    return found


def filled(statement: str, words: Mapping[str, str]) -> str:
    """words: a whole word of the page → what stands for it."""
    for word, name in words.items():
        statement = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", name, statement)
    return statement


def paste(facts: Facts, statements: Sequence[str], words: Mapping[str, str]) -> None:
    """Run them as RDS's master would."""
    with log_in(facts, str(facts["admin_user"]), str(facts["admin_password"])) as session:
        for statement in statements:
            session.run(filled(statement, words))
