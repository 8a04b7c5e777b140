"""What a look at a rotation function tells, before Secrets Manager is asked to use it."""

import json
from datetime import UTC, datetime

import pytest

from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.function import FunctionSeen, allows, preflight

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/orders-AbCdEf"
SERVICE = {"Service": "secretsmanager.amazonaws.com"}
YOUNG = datetime(2024, 5, 1, tzinfo=UTC)


def policy(**changed: object) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": SERVICE, "Action": "lambda:InvokeFunction", **changed}]})


def said(seen: FunctionSeen, engine: Engine | None = Engine.POSTGRES, *, tls: bool = True) -> str:
    return preflight(ARN, seen, SECRET, engine, tls=tls)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as-documented"),
        pytest.param({"Principal": "*"}, id="anybody"),
        pytest.param({"Principal": {"Service": ["events.amazonaws.com", "secretsmanager.amazonaws.com"]}}, id="a-list-of-services"),
        pytest.param({"Action": ["lambda:GetFunction", "lambda:Invoke*"]}, id="an-action-with-a-star"),
        pytest.param({"Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}}}, id="for-this-account"),
        pytest.param(
            {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:secretsmanager:*:123456789012:secret:shop/*"}}}, id="like-the-arn"
        ),
        pytest.param({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, id="a-condition-that-we-cannot-judge"),
    ],
)
def test_a_policy_that_lets_secrets_manager_in(changed: dict[str, object]) -> None:
    assert allows(policy(**changed), SECRET)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="none"),
        pytest.param("{", id="unreadable"),
        pytest.param("[]", id="another-shape"),
        pytest.param(policy(Effect="Deny"), id="a-denial"),
        pytest.param(policy(Principal={"Service": "events.amazonaws.com"}), id="another-service"),
        pytest.param(policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}), id="the-account"),
        pytest.param(policy(Action="lambda:GetFunction"), id="another-action"),
        pytest.param(policy(Condition={"StringEquals": {"AWS:SourceAccount": "210987654321"}}), id="for-another-account"),
        pytest.param(policy(Condition={"ArnEquals": {"AWS:SourceArn": f"{SECRET}x"}}), id="for-another-secret"),
    ],
)
def test_a_policy_that_does_not_is_refused_with_the_command_that_mends_it(text: str) -> None:
    with pytest.raises(Refused, match=f"aws lambda add-permission --function-name {ARN} .*--source-account 123456789012") as no:
        said(FunctionSeen(there=True, policy=text, changed=YOUNG))
    assert no.value.reason is Reason.ACCESS_DENIED


def test_a_function_that_is_not_there_is_refused_by_its_field() -> None:
    with pytest.raises(Refused, match=r"spec\.rotation\.functionArn") as no:
        said(FunctionSeen(there=False))
    assert no.value.reason is Reason.FUNCTION_NOT_FOUND


def test_a_look_that_aws_denies_is_said_and_refuses_nothing() -> None:
    text = said(FunctionSeen(denied=("lambda:GetFunctionConfiguration", "lambda:GetPolicy")))
    assert "AWS denies lambda:GetFunctionConfiguration, lambda:GetPolicy" in text
    assert said(FunctionSeen()) == ""


@pytest.mark.parametrize(
    ("changed", "engine", "tls", "what"),
    [
        (datetime(2021, 12, 19, tzinfo=UTC), Engine.MYSQL, True, "TLS since 2021-12-20"),
        (datetime(2021, 12, 20, tzinfo=UTC), Engine.MYSQL, True, None),
        (datetime(2021, 12, 29, tzinfo=UTC), Engine.POSTGRES, True, "SCRAM since 2021-12-30"),
        (datetime(2021, 12, 30, tzinfo=UTC), Engine.POSTGRES, True, None),
        (datetime(2021, 12, 29, tzinfo=UTC), None, True, None),
        (datetime(2020, 1, 1, tzinfo=UTC), Engine.MARIADB, False, None),
        (None, Engine.MYSQL, True, None),
    ],
)
def test_a_function_older_than_its_own_tls_is_named(
    changed: datetime | None, engine: Engine | None, what: str | None, *, tls: bool
) -> None:
    text = said(FunctionSeen(there=True, policy=policy(), changed=changed), engine, tls=tls)
    assert (what or "") in text
    assert bool(text) == (what is not None)
