"""Each weakness of AWS's own functions has tests that show how it is here, and the page says so."""

import pytest

from tests.contract import weaknesses
from tests.contract.weaknesses import Weakness

ALL = weaknesses.weaknesses()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.weakness)
def test_a_weakness_has_tests_that_are_there(one: Weakness) -> None:
    assert one.tests
    assert [name for name in one.tests if name not in weaknesses.places()] == []


def test_the_page_holds_the_table() -> None:
    page = weaknesses.PAGE.read_text()
    assert page == weaknesses.written(page), "run `python -m tests.contract.weaknesses --write`"
