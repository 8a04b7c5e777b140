"""The bed's evaluator of policies, against what AWS's "IAM JSON policy elements" and "Policy evaluation logic" say."""

from typing import Any

import pytest

from tests.bed.aws.iam import Check, arn_like, decide, read, trusts

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"
CHECK = Check("secretsmanager:GetSecretValue", ARN, {"aws:ResourceTag/team": "shop", "secretsmanager:VersionStage": "AWSCURRENT"})


def statement(**more: Any) -> dict[str, Any]:
    return {"Sid": "one", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*", **more}


def allows(*statements: dict[str, Any], check: Check = CHECK) -> bool:
    return decide(read({"Statement": list(statements)}), check).allowed


@pytest.mark.parametrize(
    "more",
    {
        "the action by name": {},
        "the action by a pattern, in any case": {"Action": "SecretsManager:get*"},
        "one action of several": {"Action": ["sqs:*", "secretsmanager:GetSecretValue"]},
        "the resource by its ending": {"Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-??????"},
        "the resource by a prefix": {"Resource": "arn:aws:secretsmanager:*:123456789012:secret:shop/*"},
        "a tag": {"Condition": {"StringEquals": {"aws:ResourceTag/team": ["ops", "shop"]}}},
        "a tag by a pattern; keys know no case": {"Condition": {"StringLike": {"AWS:ResourceTag/Team": "sh*"}}},
        "all conditions": {"Condition": {"StringLike": {"aws:ResourceTag/team": "*"}, "Null": {"aws:ResourceTag/team": "false"}}},
        "a key that is absent": {"Condition": {"Null": {"aws:ResourceTag/owner": "true"}}},
        "a key that is absent, if it exists": {"Condition": {"StringEqualsIfExists": {"aws:ResourceTag/owner": "x"}}},
        "not equal to what is absent": {"Condition": {"StringNotEquals": {"aws:ResourceTag/owner": "x"}}},
    }.items(),
    ids=lambda more: more[0],
)
def test_a_statement_allows(more: tuple[str, dict[str, Any]]) -> None:
    assert allows(statement(**more[1]))


@pytest.mark.parametrize(
    "more",
    {
        "another action": {"Action": "secretsmanager:DescribeSecret"},
        "the name without its ending": {"Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db"},
        "another account": {"Resource": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:shop/*"},
        "a star does not go over a colon": {"Resource": "arn:aws:secretsmanager:*:secret:shop/*"},
        "a value in another case": {"Condition": {"StringEquals": {"aws:ResourceTag/team": "Shop"}}},
        "one of two conditions": {"Condition": {"StringEquals": {"aws:ResourceTag/team": "shop", "aws:ResourceTag/owner": "x"}}},
        "a key that is absent": {"Condition": {"StringLike": {"aws:ResourceTag/owner": "*"}}},
        "a key that is there": {"Condition": {"Null": {"aws:ResourceTag/team": "true"}}},
        "an equals that looks like a pattern": {"Condition": {"StringEquals": {"aws:ResourceTag/team": "sh*"}}},
    }.items(),
    ids=lambda more: more[0],
)
def test_a_statement_does_not_allow(more: tuple[str, dict[str, Any]]) -> None:
    assert not allows(statement(**more[1]))


def test_a_deny_wins_over_any_allow() -> None:
    assert not allows(statement(), statement(Effect="Deny", Resource="arn:aws:secretsmanager:*:*:secret:shop/*"))
    assert allows(statement(), statement(Effect="Deny", Resource="arn:aws:secretsmanager:*:*:secret:other/*"))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"Statement": [statement(NotAction="x")]}, "NotAction"),
        ({"Statement": [statement(Condition={"NumericLessThan": {"s3:max-keys": "1"}})]}, "NumericLessThan"),
        ({"Statement": [statement(Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}})]}, "ForAnyValue"),
        ({"Statement": [statement(Resource="arn:aws:s3:::${aws:username}")]}, "variables"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_evaluated_is_refused_when_it_is_read(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(document)


@pytest.mark.parametrize(
    ("kind", "principal", "name", "lets_in"),
    [
        ("AWS", {"AWS": "arn:aws:iam::1:role/a"}, "arn:aws:iam::1:role/a", True),
        ("AWS", {"AWS": "arn:aws:iam::1:role/a"}, "arn:aws:iam::1:role/b", False),
        ("AWS", {"AWS": "arn:aws:iam::1:root"}, "arn:aws:iam::1:role/b", True),
        ("AWS", {"AWS": "1"}, "arn:aws:iam::1:role/b", True),
        ("AWS", {"AWS": "2"}, "arn:aws:iam::1:role/b", False),
        ("AWS", {"Service": "pods.eks.amazonaws.com"}, "arn:aws:iam::1:role/b", False),
        ("Service", {"Service": ["x", "pods.eks.amazonaws.com"]}, "pods.eks.amazonaws.com", True),
        ("Federated", "*", "arn:aws:iam::1:oidc-provider/x", True),
    ],
)
def test_a_trust_policy_names_who_may_come_in(kind: str, principal: Any, name: str, lets_in: bool) -> None:
    rules = read({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]})
    assert trusts(rules, Check("sts:AssumeRole", "arn:aws:iam::1:role/x"), kind, name) is lets_in


def test_the_rest_of_an_arn_may_hold_colons() -> None:
    assert arn_like("arn:aws:lambda:*:1:function:*", "arn:aws:lambda:eu-west-1:1:function:rotate:7")
