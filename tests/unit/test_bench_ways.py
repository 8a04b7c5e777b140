"""The cells of `python -m bench ways`: which there are, what they promise, and how the table tells what became of them."""

from typing import Any

import pytest

from bench.ways.plan import Amount, Cell, cells, chosen
from bench.ways.refusals import rule
from bench.ways.specs import Names, resource
from bench.ways.told import CEL, Played, Refused, problems, table
from rotated_rds.model.database import Engine
from rotated_rds.model.spec import Method, Spec, Strategy
from tests.bed.processes import BedError

AMOUNT = Amount(many=2, few=1)
ALTERNATING = Cell(Method.OPERATOR, Strategy.ALTERNATING_USERS, Engine.MYSQL)
BY_FUNCTION = Cell(Method.LAMBDA, Strategy.ALTERNATING_USERS, Engine.MYSQL)
SINGLE = Cell(Method.OPERATOR, Strategy.SINGLE_USER, Engine.POSTGRES)
DUAL = Cell(Method.EXTERNAL, Strategy.DUAL_PASSWORD, Engine.MYSQL)


def played(cell: Cell, **seen: Any) -> Played:
    whole: dict[str, Any] = {"ready": [1.0, 2.5], "logins": 1000, "failed": 0, "during": 20.0, "halted": True, "back": True}
    return Played(cell, **{**whole, **seen})


def test_there_are_all_cells_and_those_that_can_be_are_the_decision_table_s() -> None:
    can = [cell for cell in cells() if cell.possible]
    assert (len(cells()), len(can)) == (5 * 3 * 3, 8 + 6 + 6 + 3 + 3)
    assert [cell.engine for cell in can if cell.strategy is Strategy.DUAL_PASSWORD] == [Engine.MYSQL, Engine.MARIADB]
    assert len({cell.name for cell in cells()}) == len(cells())
    assert all(len(cell.name) <= 63 for cell in cells())


def test_words_choose_cells_and_one_that_begins_nothing_is_named() -> None:
    assert {cell.method for cell in chosen(["alternating", "mysql"])} == set(Method)
    assert {(cell.strategy, cell.engine) for cell in chosen(["alternating", "mysql"])} == {(Strategy.ALTERNATING_USERS, Engine.MYSQL)}
    assert {cell.engine for cell in chosen(["MySQL", "mariadb"])} == {Engine.MYSQL, Engine.MARIADB}
    assert chosen([]) == cells()
    with pytest.raises(ValueError, match=r"no oracle; there are Operator, Lambda, .*, mariadb"):
        chosen(["oracle"])


def test_only_a_credential_that_stays_promises_anything_and_only_the_operator_takes_one_back() -> None:
    assert [(one.promised, one.goes_back) for one in (ALTERNATING, BY_FUNCTION, SINGLE, DUAL)] == [
        (True, True),
        (True, False),
        (False, False),
        (False, False),
    ]
    assert (AMOUNT.of(ALTERNATING), AMOUNT.of(SINGLE)) == (2, 1)


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.name)
def test_a_cell_s_resource_is_that_way_and_the_operator_reads_it_where_it_can_be(cell: Cell) -> None:
    names = Names.of(cell, f"arn:aws:lambda:eu-central-1:123456789012:function:{cell.name}")
    whole = resource(cell, {"engine": cell.engine.value, "port": 5432}, names)
    assert whole["metadata"]["namespace"] == cell.name
    spec = Spec.model_validate(whole["spec"])
    assert (spec.method, spec.rotation.strategy) == (cell.method, cell.strategy)


def test_the_table_tells_counts_and_times_and_what_was_seen() -> None:
    head, _, alternating, function, single, refused = table(
        [
            played(ALTERNATING),
            played(BY_FUNCTION, failed=3),
            played(SINGLE, failed=7, halted=False, back=False),
            Refused(DUAL, CEL, "spec.rotation.strategy: method External does not offer DualPassword; set SingleUser, or another"),
        ]
    )

    def told(line: str) -> list[str]:
        return [text.strip() for text in line.split("|")[4:-1]]

    assert told(head) == ["rotations", "log-ins", "a second", "failed", "ready, median", "longest", "halt", "rollback", ""]
    assert told(alternating) == ["2", "1,000", "50", "0", "1.75 s", "2.5 s", "seen", "seen", ""]
    assert told(function)[3:] == ["3 FAILED", "1.75 s", "2.5 s", "seen", "", ""]
    assert told(single)[3:] == ["7", "1.75 s", "2.5 s", "", "", ""]
    assert told(refused)[-1] == "refused by CEL: spec.rotation.strategy: method External does not offer DualPassword"


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        ({}, None),
        ({"failed": 1, "said": "Access denied"}, "1 log-ins failed: Access denied"),
        ({"ready": [1.0]}, "1 of 2 rotations succeeded"),
        ({"halted": False}, "no rollout was halted"),
        ({"back": False}, "no rollback was carried out"),
        ({"logins": 0}, "the application never logged in"),
        ({"ready": [], "broke": "Ready on another version: not seen within 120 s"}, "Ready on another version: not seen within 120 s"),
    ],
)
def test_what_is_not_as_promised_is_said_with_its_cell(seen: dict[str, Any], problem: str | None) -> None:
    told = problems([played(ALTERNATING, **seen)], AMOUNT)
    assert told == ([f"Operator AlternatingUsers mysql: {problem}"] if problem else [])


def test_failures_of_a_cell_that_promises_nothing_are_no_problem() -> None:
    assert problems([played(SINGLE, ready=[1.0], failed=9, halted=False, back=False)], AMOUNT) == []


def test_a_refusal_is_a_problem_only_of_a_cell_that_can_be() -> None:
    assert problems([Refused(DUAL, CEL, "no")], AMOUNT) == []
    assert problems([Refused(SINGLE, CEL, "no")], AMOUNT) == ["Operator SingleUser postgres: it can be, and CEL refuses it: no"]


def test_the_rule_is_read_from_the_api_server_s_answer() -> None:
    cause = '{"reason": "FieldValueInvalid", "field": "spec", "message": "Invalid value: \\"object\\": %s"}'
    first, second = (cause % text for text in ("spec.secret.name: required", "spec.rotation.strategy: not offered; set SingleUser"))
    answer = f'422: POST /apis/x?dryRun=All: {{"kind": "Status", "details": {{"causes": [{first}, {second}]}}}}'
    assert rule(answer) == "spec.rotation.strategy: not offered; set SingleUser"
    for other in ("404: POST /apis/x: not found", answer.replace("FieldValueInvalid", "FieldValueRequired")):
        with pytest.raises(BedError, match="not by a rule"):
            rule(other)
