"""AWS rotates with our function, the operator as a process of its own follows; External follows the same secret beside it."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.databases import can_log_in, set_password
from tests.support.logins import ENGINES
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, Json, a_resource
from tests.support.stage import a_follower

FIRST, BY_HAND = "first-Passw0rd", "by-hand-Passw0rd"
SCHEDULE = {"schedule": "cron(0 3 ? * SUN *)", "window": "2h"}
RULES = {"ScheduleExpression": "cron(0 3 ? * SUN *)", "Duration": "2h"}
KEYS = {"engine", "host", "port", "username", "password", "dbname", "ssl"}


@dataclass
class Journey:
    """`orders` is rotated by AWS, `reports` follows its secret; `eye` looks at AWS as somebody else."""

    cluster: Cluster
    database: Facts
    user: str
    eye: Aws
    arn: str = ""

    def __post_init__(self) -> None:
        self.client: Any = self.eye.client("secretsmanager")

    def described(self) -> Json:
        return self.client.describe_secret(SecretId=self.arn)

    def version(self, label: str) -> str | None:
        return next((version for version, labels in self.described()["VersionIdsToStages"].items() if label in labels), None)

    def value(self, label: str) -> Json:
        return json.loads(self.client.get_secret_value(SecretId=self.arn, VersionStage=label)["SecretString"])

    def expect_everywhere(self, password: str, *, not_any_more: str) -> None:
        """Both Secrets hold the password of AWSCURRENT, it works, and the one before does not."""
        for name in ("orders", "reports"):
            self.cluster.expect(f"{name} has the new password", lambda name=name: self.cluster.content(name)["password"] == password)
            self.cluster.expect(
                f"{name} says its version", lambda name=name: self.cluster.status(name)["versionId"] == self.version("AWSCURRENT")
            )
            self.cluster.expect_ready(name)
        assert (can_log_in(self.database, self.user, password), can_log_in(self.database, self.user, not_any_more)) == (True, False)
        self.cluster.expect("AWS has taken AWSPENDING off", lambda: self.version("AWSPENDING") is None)


def created(one: Journey, function: str) -> None:
    """The first password goes to AWS, with the function, the schedule and the window; the follower reads the same."""
    namespace = one.cluster.namespace
    one.cluster.given_user(one.database, one.user, FIRST, "orders")
    one.cluster.given_resource(
        a_resource(namespace, "orders", one.database, one.user, rotation={"method": "Lambda", "functionArn": function, **SCHEDULE})
    )
    one.arn = one.cluster.expect_ready("orders")["secretArn"]
    one.cluster.given_resource(a_follower(namespace, "reports", one.database, one.arn))
    one.cluster.expect_ready("reports")
    assert (one.cluster.content("orders")["password"], one.cluster.content("reports")["password"]) == (FIRST, FIRST)


def expect_as_aws_describes_it(one: Journey, function: str) -> None:
    shown, value = one.described(), one.value("AWSCURRENT")
    assert (shown["RotationEnabled"], shown["RotationLambdaARN"], shown["RotationRules"]) == (True, function, RULES)
    assert set(value) == KEYS
    place = {"host": "localhost", "port": one.database["port"], "username": one.user, "dbname": "app", "ssl": True}
    assert value.items() >= {"engine": one.database["engine"], **place}.items()


def rotated(one: Journey, text: str) -> None:
    before = one.cluster.content("orders")["password"]
    one.cluster.annotate("orders", rotate=text)
    assert one.cluster.expect_request("orders", "rotate", text, seconds=60)["result"] == "Done"
    password = one.value("AWSCURRENT")["password"]
    assert password != before
    one.expect_everywhere(password, not_any_more=before)


def changed_by_hand(one: Journey) -> None:
    """What an administrator does in an emergency: the database, then AWS."""
    before = one.value("AWSCURRENT")
    set_password(one.database, one.user, BY_HAND)
    one.client.put_secret_value(SecretId=one.arn, SecretString=json.dumps({**before, "password": BY_HAND}))
    one.expect_everywhere(BY_HAND, not_any_more=before["password"])


def schedule_drifted_and_was_repaired(one: Journey) -> None:
    one.client.rotate_secret(SecretId=one.arn, RotationRules={"ScheduleExpression": "rate(90 days)"}, RotateImmediately=False)
    one.cluster.expect("the schedule is repaired", lambda: one.described()["RotationRules"].items() >= RULES.items())
    one.eye.control.rotations(one.arn)
    one.cluster.expect_ready("orders")
    assert one.value("AWSCURRENT")["password"] == BY_HAND


@pytest.mark.parametrize("engine", ENGINES)
def test_aws_rotates_three_times_and_somebody_once_by_hand(
    engine: str, bed: Bed, api: Api, aws: Facts, namespace: str, request: pytest.FixtureRequest
) -> None:
    database: Facts = request.getfixturevalue(engine)
    ours, eye, user = Aws(aws), Aws(aws), f"u{secrets.token_hex(5)}"
    one = Journey(Cluster(api, namespace), database, user, eye)
    function = eye.control.function(eye.function_arn(user), "ours", pause=0, environment={"ROTATED_RDS_CA_FILE": str(database["ca"])})
    with running(Operator(bed, ours, (namespace,), environment={"ROTATED_RDS_SWEEP_INTERVAL": "1s"})):
        created(one, function)
        expect_as_aws_describes_it(one, function)
        assert ours.control.counts()["secretsmanager.RotateSecret"] == {"OK": 1}
        for number in range(3):
            rotated(one, f"number {number}")
        assert ours.control.counts()["secretsmanager.RotateSecret"] == {"OK": 4}
        changed_by_hand(one)
        assert ours.control.counts()["secretsmanager.RotateSecret"] == {"OK": 4}
        schedule_drifted_and_was_repaired(one)
        expect_as_aws_describes_it(one, function)
        assert ours.control.counts()["secretsmanager.RotateSecret"] == {"OK": 5}
    kinds = [run["result"] for run in eye.control.rotations(one.arn)]
    assert kinds == ["tested", "succeeded", "succeeded", "succeeded", "tested", "tested"]
    assert [line["result"] for line in one.cluster.status("orders")["history"]] == ["Succeeded"] * 3
    told = {event["reason"]: event for event in one.cluster.events("orders")}
    assert told["RotationConfigured"]["series"]["count"] == 2
    assert {"RotationStarted", "RotationSucceeded"} <= set(told)
    assert not [reason for reason, event in told.items() if event["type"] == "Warning"]
