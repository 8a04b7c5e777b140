"""The table of a change of method: what it comes to, and its next step (SAFETY.md E4)."""

import itertools

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.handover import Change, Facts, Move, change_of, next_move, unfit
from rotated_rds.model.spec import DatabaseSpec, Method, RotationSpec, Spec
from rotated_rds.model.status import RotationStatus, Status


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
        (Facts(rotation_on=False, function=True, beside=True, still=True, dead=None), Move.FIND_OUT),
        (Facts(rotation_on=False, function=True, beside=False, still=True, dead=None), Move.TAKEN),
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


_ANOTHER, _BY_OPERATOR = "with the same spec.target.name", "to Operator first"


@pytest.mark.parametrize(
    ("was", "now", "mend"),
    [
        (None, Method.RDS_MANAGED, None),
        ("RDSManaged", Method.RDS_MANAGED, None),
        ("Operator", Method.RDS_MANAGED, _ANOTHER),
        ("External", Method.RDS_MANAGED, _ANOTHER),
        ("RDSManaged", Method.OPERATOR, _ANOTHER),
        ("RDSManaged", Method.EXTERNAL, _ANOTHER),
        ("HostedLambda", Method.RDS_MANAGED, _BY_OPERATOR),
        ("HostedLambda", Method.LAMBDA, _BY_OPERATOR),
        ("HostedLambda", Method.OPERATOR, None),
        ("Lambda", Method.EXTERNAL, None),
        ("Operator", Method.LAMBDA, None),
    ],
)
def test_E4_E6_a_change_that_no_live_resource_makes_names_the_way(was: str | None, now: Method, mend: str | None) -> None:
    spec = Spec(database=DatabaseSpec(instance="db"), rotation=RotationSpec(method=now))
    no = unfit(spec, Status(rotation=RotationStatus(method=was)))
    assert (no is None) is (mend is None)
    assert no is None or (no.reason is Reason.INVALID_SPEC and str(mend) in no.message)
