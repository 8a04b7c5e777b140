"""The table of a change of method: what it comes to, and its next step (SAFETY.md E4)."""

import itertools

import pytest

from rotated_rds.model.handover import Change, Facts, Move, change_of, next_move
from rotated_rds.model.spec import Method


@pytest.mark.parametrize(
    ("was", "now", "asked", "expected"),
    [
        (None, Method.OPERATOR, False, Change.NONE),
        ("Operator", Method.OPERATOR, False, Change.NONE),
        ("of a newer version", Method.OPERATOR, False, Change.NONE),
        ("Operator", Method.OPERATOR, True, Change.TAKEN),
        (None, Method.OPERATOR, True, Change.TAKEN),
        ("Lambda", Method.OPERATOR, False, Change.TAKEN),
        ("HostedLambda", Method.OPERATOR, False, Change.TAKEN),
        ("External", Method.OPERATOR, False, Change.TAKEN),
        ("Operator", Method.LAMBDA, False, Change.GIVEN),
        ("Operator", Method.EXTERNAL, True, Change.GIVEN),
        (None, Method.LAMBDA, True, Change.NONE),
        ("Lambda", Method.EXTERNAL, False, Change.NONE),
        ("External", Method.LAMBDA, False, Change.NONE),
    ],
)
def test_E4_only_a_rotation_that_changes_its_owner_is_handed_over(was: str | None, now: Method, expected: Change, *, asked: bool) -> None:
    assert change_of(was, now, asked=asked) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(rotation_on=True, function=True, beside=True, still=False), Move.LET_END),
        (Facts(rotation_on=True, function=True, beside=True, still=True), Move.CANCEL),
        (Facts(rotation_on=True, function=True, beside=False, still=False), Move.CANCEL),
        (Facts(rotation_on=False, function=True, beside=False, still=False), Move.WAIT),
        (Facts(rotation_on=False, function=True, beside=True, still=False), Move.WAIT),
        (Facts(rotation_on=False, function=True, beside=True, still=True, dead=True), Move.TAKE_OFF),
        (Facts(rotation_on=False, function=True, beside=True, still=True, dead=False), Move.TAKEN),
        (Facts(rotation_on=False, function=True, beside=False, still=True), Move.TAKEN),
        (Facts(rotation_on=False, function=False, beside=False, still=False), Move.TAKEN),
    ],
)
def test_E4_the_next_step(facts: Facts, expected: Move) -> None:
    assert next_move(facts) is expected


def test_E4_nothing_is_taken_while_aws_rotates_or_a_function_may_be_at_work() -> None:
    for facts in (Facts(*one) for one in itertools.product((True, False), repeat=5)):
        if facts.rotation_on or (facts.function and not facts.still):
            assert next_move(facts) not in (Move.TAKE_OFF, Move.TAKEN)
