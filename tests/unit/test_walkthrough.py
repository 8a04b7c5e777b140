"""The walk-through's page holds the steps that are checked, and the file says which field is which step's."""

import re

from tests.support import walkthrough
from tests.support.walkthrough import FILE, PAGE, STEPS, documents


def test_the_page_holds_the_table() -> None:
    page = PAGE.read_text()
    assert page == walkthrough.written(page), "run `python -m tests.support.walkthrough --write`"


def test_each_step_is_marked_in_the_file_beside_its_field() -> None:
    marked = {int(number): line for line in FILE.read_text().splitlines() for number in re.findall(r"(?:# |, )(\d+) [a-z]", line)}
    assert sorted(marked) == list(range(1, len(STEPS) + 1))
    for number, step in enumerate(STEPS, 1):
        first = re.findall(r"`([\w.]+)`", step.fields)[0].split(".")[-1]
        assert f"{first}:" in marked[number], step.fields
    assert [one["kind"] for one in documents()] == ["Secret", "RotatedRDSSecret"]


def test_every_field_of_the_file_is_some_step_s() -> None:
    spec = documents()[1]["spec"]
    said = {path for step in STEPS for path in re.findall(r"`([\w.]+)`", step.fields)}
    given = {f"{block}.{name}" for block, fields in spec.items() for name in fields}
    assert {path for path in given if path not in said and path.partition(".")[0] not in said} == set()
