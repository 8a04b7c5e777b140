"""A resource policy is JSON with statements, and two texts are one policy when AWS takes them for one."""

import json
from typing import Any

import pytest

from rotated_rds.model.resource_policy import check, same

READER = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


def a_policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", "null", '{"Statement": "none"}'[:-2], '{"Version": "2012-10-17"}', "[" * 9999])
def test_what_is_no_policy_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a policy document"):
        check(text)


def test_a_policy_is_taken() -> None:
    check(a_policy(READER))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (a_policy(READER), True),
        (json.dumps({"Statement": READER, "Version": "2012-10-17"}), True),
        (a_policy({**READER, "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}), True),
        (a_policy({**READER, "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]}), False),
        (a_policy({**READER, "Principal": {"AWS": "210987654321"}}), False),
        (a_policy({**READER, "Effect": "Deny"}), False),
        (None, False),
        ("no JSON", False),
    ],
)
def test_two_texts_are_one_policy_whatever_their_order_and_spelling(stored: str | None, expected: bool) -> None:
    assert same(a_policy(READER), stored) is expected


def test_the_order_of_a_list_says_nothing() -> None:
    actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    assert same(a_policy({**READER, "Action": actions}), a_policy({**READER, "Action": actions[::-1]}))
