"""The reasons of the code are those of docs/reference.md, the docs say truly who needs a person, and each reason has its use."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from rotated_rds.model.conditions import STALLED, conditions
from rotated_rds.model.errors import Reason
from rotated_rds.model.status import STAGES, Condition, Kind, Outcome, Status
from tests.bed.paths import REPO
from tests.support.reasons import PAGE, ROW

PACKAGE = REPO / "operator" / "rotated_rds"
TOLD = {name: meanwhile for name, _, meanwhile in ROW.findall(PAGE)}
FALSE = [Reason(name) for name, meanwhile in TOLD.items() if meanwhile.isascii() and name != "Pending"]
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def used() -> Iterator[str]:
    """Reasons that some code gives; to be listed in a set of reasons is no use."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        listed = {id(inner) for group in ast.walk(tree) if isinstance(group, ast.Set) for inner in ast.walk(group)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Reason"
                and id(node) not in listed
            ):
                yield node.attr


def meanwhile(reason: Reason, age: timedelta) -> str:
    """What kstatus's own condition is called while a stage has been false for so long."""
    stage = Condition(type=Kind.MIRRORED, status="False", reason=reason, last_transition_time=NOW - age)
    outcomes = {kind: Outcome(True, Reason.SUCCEEDED, "") for kind in STAGES} | {Kind.MIRRORED: Outcome(False, reason, "")}
    after = conditions(Status(conditions=(stage,)), outcomes, 1, NOW, suspended=None)
    (own,) = [str(one.type) for one in after if one.type in (Kind.STALLED, Kind.RECONCILING)]
    return own


def test_the_reference_tells_every_reason_once_and_no_other() -> None:
    assert sorted(name for name, _, _ in ROW.findall(PAGE)) == sorted(Reason)


def test_what_is_stalled_in_the_reference_is_stalled_in_the_code() -> None:
    assert {name for name, said in TOLD.items() if said == "Stalled"} == STALLED


@pytest.mark.parametrize("reason", FALSE)
def test_a_reason_leads_to_what_the_reference_says(reason: Reason) -> None:
    at_once, _, later = TOLD[reason].partition(", after 10 minutes ")
    assert meanwhile(reason, timedelta()) == at_once
    assert meanwhile(reason, timedelta(minutes=11)) == (later or at_once)


def test_every_section_of_the_reasons_is_a_condition_s() -> None:
    sections = re.findall(r"^### On (\w+)$", PAGE, re.MULTILINE)
    assert sections == [str(kind) for kind in STAGES]


def test_a_reason_of_the_operator_s_own_is_told_to_be_internal() -> None:
    internal = PAGE.partition("\n### Internal\n")[2]
    assert {name for name, _, _ in ROW.findall(internal)} == {Reason.UNAVAILABLE, Reason.RECONCILING}


def test_every_reason_is_given_somewhere() -> None:
    assert set(used()) == {reason.name for reason in Reason}
