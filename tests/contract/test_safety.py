"""Every safety rule has a test that carries its number, or says what it waits for."""

import pytest

from tests.contract import safety
from tests.contract.safety import Rule

RULES = {rule.number: rule for rule in safety.rules()}
COUNTS = {"A": 7, "B": 6, "C": 8, "D": 5, "E": 7, "F": 2, "G": 5}


def held() -> set[str]:
    return {number for claim in safety.claims() for number in claim.numbers}


def test_the_list_has_every_rule_in_order() -> None:
    assert list(RULES) == [f"{group}{number}" for group, count in COUNTS.items() for number in range(1, count + 1)]


@pytest.mark.parametrize("rule", [one for one in RULES.values() if one.built], ids=lambda one: one.number)
def test_a_rule_that_is_built_has_a_test(rule: Rule) -> None:
    assert rule.number in held(), f"no test's name carries {rule.number}: {rule.title}"


def test_a_rule_that_waits_has_none() -> None:
    told = [one.number for one in RULES.values() if not one.built and one.number in held()]
    assert told == [], f"they have tests: take their waits_for out of {safety.LIST.name}"


def test_no_test_names_a_rule_that_does_not_exist() -> None:
    astray = [f"{claim.file}: {claim.name}" for claim in safety.claims() if not set(claim.numbers) <= set(RULES)]
    assert astray == []


def test_the_page_holds_the_table() -> None:
    page = safety.PAGE.read_text()
    assert page == safety.written(page), "run `python -m tests.contract.safety --write`"
