"""The bed's AWS against AWS's rules: rotation schedules, on a server of its own, whose clock it may put forward."""

import json
import uuid
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.bed import aws as part
from tests.bed.bed import Bed
from tests.support.aws import Aws, code

Client = Any

HOUR, DAY = 3600, 86_400


@pytest.fixture(scope="module")
def here() -> Generator[Aws]:
    bed = Bed(f"clock-{uuid.uuid4().hex[:12]}")
    try:
        yield Aws(part.start(bed))
    finally:
        bed.remove()


@pytest.fixture
def client(here: Aws) -> Client:
    return here.client("secretsmanager")


@pytest.fixture
def liar(here: Aws) -> str:
    return here.control.function(here.function_arn(uuid.uuid4().hex), "liar", pause=0)


@pytest.fixture
def arn(client: Client) -> str:
    return client.create_secret(Name=f"schedule/{uuid.uuid4().hex}", SecretString=json.dumps({"password": "old"}))["ARN"]


def expression(text: str, duration: str | None = None) -> dict[str, Any]:
    return {"ScheduleExpression": text} | ({"Duration": duration} if duration else {})


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(expression("rate(4 hours)"), id="every four hours"),
        pytest.param(expression("rate(1 day)"), id="singular"),
        pytest.param(expression("rate(999 days)"), id="the longest rate"),
        pytest.param(expression("rate(4 hours)", "4h"), id="a window up to the next"),
        pytest.param(expression("cron(0 8 * * ? *)", "16h"), id="a window to the end of the day"),
        pytest.param(expression("cron(0 2/10 * * ? *)"), id="steps of hours"),
        pytest.param(expression("cron(0 0 L * ? *)"), id="last day of the month"),
        pytest.param(expression("cron(0 0 SUNL * ? *)"), id="last Sunday of the month"),
        pytest.param(expression("cron(0 6 ? * MON#1 *)"), id="first Monday"),
        pytest.param(expression("cron(0 6 ? * MON-FRI *)"), id="days by name"),
        pytest.param(expression("cron(0 6 1,15 JAN/3 ? *)"), id="months by name, in steps"),
        pytest.param({"AutomaticallyAfterDays": 1000}, id="a thousand days"),
    ],
)
def test_a_schedule_is_taken_and_shown_as_it_was_given(client: Client, arn: str, liar: str, rules: dict[str, Any]) -> None:
    client.rotate_secret(SecretId=arn, RotationLambdaARN=liar, RotationRules=rules, RotateImmediately=False)
    seen = client.describe_secret(SecretId=arn)
    assert (seen["RotationRules"], seen["RotationEnabled"]) == (rules, True)
    assert seen["NextRotationDate"] > seen["CreatedDate"]


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(expression("banana"), id="no schedule at all"),
        pytest.param(expression("rate(1 hour)"), id="more often than every four hours"),
        pytest.param(expression("rate(0 days)"), id="a rate of nothing"),
        pytest.param(expression("rate(1000 days)"), id="more than 999 days"),
        pytest.param(expression("rate(10 minutes)"), id="minutes"),
        pytest.param(expression("cron(5 8 * * ? *)"), id="minutes other than 0"),
        pytest.param(expression("cron(0 8 * * ? 2027)"), id="a year"),
        pytest.param(expression("cron(0 8 * * * *)"), id="day of month and day of week both set"),
        pytest.param(expression("cron(0 8 ? * ? *)"), id="neither day set"),
        pytest.param(expression("cron(0 8 * * ?)"), id="five fields"),
        pytest.param(expression("cron(0 24 * * ? *)"), id="hour 24"),
        pytest.param(expression("cron(0 8 ? * 0 *)"), id="day of week 0"),
        pytest.param(expression("cron(0 0/2 * * ? *)"), id="every two hours"),
        pytest.param(expression("rate(4 hours)", "5h"), id="a window into the next"),
        pytest.param(expression("rate(1 day)", "25h"), id="a window longer than the day"),
        pytest.param(expression("cron(0 20 * * ? *)", "5h"), id="a window past the UTC day"),
        pytest.param(expression("rate(1 day)", "0h"), id="a window of nothing"),
        pytest.param(expression("rate(1 day)", "3m"), id="a window in minutes"),
        pytest.param({"AutomaticallyAfterDays": 1, **expression("rate(1 day)")}, id="both ways at once"),
        pytest.param({"Duration": "3h"}, id="a window without a schedule"),
        pytest.param({"AutomaticallyAfterDays": 1001}, id="more than a thousand days"),
    ],
)
def test_a_schedule_is_refused_and_changes_nothing(client: Client, arn: str, liar: str, rules: dict[str, Any]) -> None:
    refused = code(client.rotate_secret, SecretId=arn, RotationLambdaARN=liar, RotationRules=rules)
    assert refused in ("InvalidParameterException", "ValidationException")
    assert "RotationRules" not in client.describe_secret(SecretId=arn)


def now(here: Aws) -> datetime:
    return datetime.fromtimestamp(here.control.now(), UTC)


def test_the_next_date_is_the_end_of_the_next_window(here: Aws, client: Client, arn: str, liar: str) -> None:
    rules = expression("cron(0 8 * * ? *)", "3h")
    client.rotate_secret(SecretId=arn, RotationLambdaARN=liar, RotationRules=rules, RotateImmediately=False)
    today = now(here).replace(hour=8, minute=0, second=0, microsecond=0)
    opens = today if now(here) < today else today + timedelta(days=1)
    assert client.describe_secret(SecretId=arn)["NextRotationDate"] == opens + timedelta(hours=3)


def test_a_schedule_in_days_opens_at_midnight_and_lasts_the_day(here: Aws, client: Client, arn: str, liar: str) -> None:
    client.rotate_secret(SecretId=arn, RotationLambdaARN=liar, RotationRules={"AutomaticallyAfterDays": 7}, RotateImmediately=False)
    midnight = now(here).replace(hour=0, minute=0, second=0, microsecond=0)
    assert client.describe_secret(SecretId=arn)["NextRotationDate"] == midnight + timedelta(days=8)


def test_an_opened_window_rotates_and_the_next_date_moves_on(here: Aws, client: Client, arn: str, liar: str) -> None:
    client.rotate_secret(SecretId=arn, RotationLambdaARN=liar, RotationRules=expression("rate(2 days)"), RotateImmediately=False)
    here.control.rotations(arn)
    before = client.describe_secret(SecretId=arn)
    here.control.advance(2 * DAY)
    assert results(here, arn) == ["succeeded"]
    after = client.describe_secret(SecretId=arn)
    assert after["LastRotatedDate"] > before["NextRotationDate"] - timedelta(days=1)
    assert after["NextRotationDate"] == before["NextRotationDate"] + timedelta(days=2)
    assert after["RotationRules"] == {"AutomaticallyAfterDays": 2, **expression("rate(2 days)")}


def put_off_by_hand(here: Aws, arn: str, function: str, rules: dict[str, Any]) -> timedelta:
    """By how much the next date moves when somebody puts a new value two days after the last rotation."""
    client = here.client("secretsmanager")
    client.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotationRules=rules, RotateImmediately=False)
    here.control.rotations(arn)
    before = client.describe_secret(SecretId=arn)["NextRotationDate"]
    here.control.advance(2 * DAY)
    client.put_secret_value(SecretId=arn, SecretString="by hand")
    return client.describe_secret(SecretId=arn)["NextRotationDate"] - before


def test_a_change_by_hand_puts_the_next_rotation_off_where_the_rules_say_days(here: Aws, arn: str, liar: str) -> None:
    assert put_off_by_hand(here, arn, liar, {"AutomaticallyAfterDays": 7}) == timedelta(days=2)


def test_a_change_by_hand_puts_nothing_off_where_the_rules_are_an_expression(here: Aws, arn: str, liar: str) -> None:
    assert put_off_by_hand(here, arn, liar, expression("rate(7 days)")) == timedelta(0)


def results(here: Aws, arn: str) -> list[str]:
    """How a secret's rotations ended; the test that RotateImmediately=false makes is not one."""
    return [run["result"] for run in here.control.rotations(arn) if run["result"] != "tested"]


def test_after_failures_the_next_date_lies_in_the_past_and_the_stuck_version_is_tried_again(here: Aws, client: Client, arn: str) -> None:
    function = here.control.function(here.function_arn(uuid.uuid4().hex), "liar")
    rules = {"RotationRules": expression("rate(1 day)"), "RotateImmediately": False}
    client.rotate_secret(SecretId=arn, RotationLambdaARN=function, **rules)
    here.control.rotations(arn)
    here.control.function(function, "fail", step="setSecret", attempts=1)
    for failures in (1, 2):
        here.control.advance(DAY)
        assert results(here, arn) == ["failed"] * failures
    seen = client.describe_secret(SecretId=arn)
    (stuck,) = (key for key, labels in seen["VersionIdsToStages"].items() if "AWSPENDING" in labels)
    assert seen["NextRotationDate"] < now(here)
    here.control.function(function, "liar")
    here.control.advance(DAY)
    assert results(here, arn) == ["failed", "failed", "succeeded"]
    assert client.get_secret_value(SecretId=arn)["VersionId"] == stuck
    assert client.describe_secret(SecretId=arn)["NextRotationDate"] > now(here)


def test_a_cancelled_schedule_rotates_no_more(here: Aws, client: Client, arn: str, liar: str) -> None:
    other = client.create_secret(Name=f"schedule/{uuid.uuid4().hex}", SecretString=json.dumps({"password": "old"}))["ARN"]
    for one in (arn, other):
        client.rotate_secret(SecretId=one, RotationLambdaARN=liar, RotationRules=expression("rate(1 day)"), RotateImmediately=False)
    client.cancel_rotate_secret(SecretId=arn)
    here.control.advance(DAY)
    assert (results(here, other), results(here, arn)) == (["succeeded"], [])


def test_a_secret_is_gone_when_its_recovery_window_is_over(here: Aws, client: Client, arn: str) -> None:
    client.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    here.control.advance(6 * DAY)
    assert client.describe_secret(SecretId=arn)["ARN"] == arn
    here.control.advance(DAY + HOUR)
    assert code(client.describe_secret, SecretId=arn) == "ResourceNotFoundException"
