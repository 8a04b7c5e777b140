"""docs/runbooks.md has an entry for every reason that a condition can be false for, and for no other."""

import re

import pytest

from tests.bed.paths import REPO

RUNBOOKS = (REPO / "docs" / "runbooks.md").read_text()
REASONS = (REPO / "docs" / "reference.md").read_text().partition("\n## Reasons\n")[2].partition("\n### Internal\n")[0]
# A row whose last cell says what happens meanwhile is a false reason; a dash stands for one that goes with True.
FALSE = [name for name, meanwhile in re.findall(r"^\| `(\w+)` \| .+ \| ([^|]+) \|$", REASONS, re.MULTILINE) if meanwhile.isascii()]
TOLD = [name for name in FALSE if name != "Pending"]
ENTRIES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOKS, re.MULTILINE | re.DOTALL))


def test_every_false_reason_has_an_entry_and_no_other_word_has() -> None:
    assert sorted(ENTRIES) == sorted(TOLD)


@pytest.mark.parametrize("reason", TOLD)
def test_an_entry_says_what_it_is_and_what_mends_it(reason: str) -> None:
    assert "**Look**" in ENTRIES[reason]
    assert "**Mend**" in ENTRIES[reason]


def test_the_table_on_top_leads_to_every_entry() -> None:
    top = RUNBOOKS.partition("\n### ")[0]
    assert sorted(re.findall(r"\[(\w+)\]\(#(\w+)\)", top)) == sorted((reason, reason.lower()) for reason in TOLD)
