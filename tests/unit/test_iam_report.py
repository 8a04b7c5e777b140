"""The report of rights sees what is unused, what is missing, and what could go."""

from typing import Any

from tests.bed.aws.iam import Check
from tests.support.iam.report import Report, checks_of, without

ARN = "arn:aws:secretsmanager:eu-west-1:1:secret:a/b-AbCdEf"


def statement(sid: str, *actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def report(*statements: dict[str, Any], asked: tuple[str, ...] = ("s:Get",)) -> Report:
    return Report("one", {"Statement": list(statements)}, {"s.Get": 1}, [Check(action, ARN) for action in asked])


def test_a_policy_is_exact_when_all_of_it_is_used_and_nothing_is_missing() -> None:
    assert report(statement("Read", "s:Get", resource="arn:aws:secretsmanager:*:1:secret:a/*")).exact


def test_a_right_that_nobody_asked_for_is_unused_and_could_go() -> None:
    one = report(statement("Read", "s:Get", "s:Delete"))
    assert (one.unused, one.spare, one.missing, one.exact) == ([("Read", "s:Delete")], [("Read", "s:Delete")], [], False)


def test_what_was_denied_is_missing() -> None:
    one = report(statement("Read", "s:Get"), asked=("s:Get", "s:Put"))
    assert (one.missing, one.unused, one.exact) == ([f"s:Put on {ARN}"], [], False)


def test_of_two_statements_that_allow_the_same_each_could_go() -> None:
    one = report(statement("Read", "s:Get"), statement("Again", "s:Get"))
    assert (one.unused, one.spare, one.exact) == ([], [("Again", "s:Get"), ("Read", "s:Get")], False)


def test_a_statement_for_other_resources_is_unused_though_its_action_was_asked_for() -> None:
    one = report(statement("Read", "s:Get"), statement("Other", "s:Get", resource="arn:aws:secretsmanager:*:1:secret:z/*"))
    assert (one.unused, one.exact) == ([("Other", "s:Get")], False)


def test_the_bed_s_book_is_asked_again() -> None:
    assert checks_of([{"action": "s:Get", "resource": ARN, "context": [["k", "v"]], "allowed": True, "by": ["Read"], "times": 2}]) == [
        Check("s:Get", ARN, {"k": "v"})
    ]


def test_an_action_is_taken_out_of_one_statement_or_of_all() -> None:
    whole: dict[str, Any] = {"Statement": [statement("a", "s:Get", "s:Put"), statement("b", "s:Get")]}
    assert without(whole, "a", "s:Get") == {"Statement": [statement("a", "s:Put"), statement("b", "s:Get")]}
    assert without(whole, "*", "s:Get") == {"Statement": [statement("a", "s:Put")]}


def test_the_report_tells_calls_rights_and_both_differences() -> None:
    text = "\n".join(report(statement("Read", "s:Get", "s:Delete"), asked=("s:Get", "s:Put")).lines())
    assert f"granted and not used: s:Delete in Read; asked and not granted: s:Put on {ARN}; could go: s:Delete in Read" in text
