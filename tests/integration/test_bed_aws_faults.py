"""The bed's AWS: faults on demand, and the count of calls. Each test states one rule."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support.aws import Aws, code, refusal

Client = Any


@pytest.fixture
def here(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def client(here: Aws) -> Client:
    return here.client("secretsmanager")


@pytest.fixture
def name(client: Client) -> str:
    name = f"faults/{uuid.uuid4().hex}"
    client.create_secret(Name=name, SecretString="one")
    return name


def read(client: Client, name: str) -> str:
    return client.get_secret_value(SecretId=name)["SecretString"]


def struck(client: Client, name: str) -> str:
    return code(client.get_secret_value, SecretId=name)


def test_an_ordered_error_strikes_as_often_as_ordered(here: Aws, client: Client, name: str) -> None:
    here.control.fault("error", "GetSecretValue", count=2)
    assert [struck(client, name), struck(client, name), read(client, name)] == ["ThrottlingException", "ThrottlingException", "one"]


def test_an_error_lets_so_many_calls_pass_first_and_names_its_own_code(here: Aws, client: Client, name: str) -> None:
    here.control.fault("error", "GetSecretValue", after=1, code="AccessDeniedException", message="no")
    assert [read(client, name), struck(client, name), read(client, name)] == ["one", "AccessDeniedException", "one"]


def test_a_refused_call_is_not_carried_out(here: Aws, client: Client, name: str) -> None:
    here.control.fault("error", "PutSecretValue", code="InternalServiceError")
    assert refusal(client.put_secret_value, SecretId=name, SecretString="two") == (500, "InternalServiceError")
    assert read(client, name) == "one"


def test_an_error_reaches_services_that_speak_xml(here: Aws) -> None:
    here.control.fault("error", "DescribeDBInstances", code="Throttling")
    assert code(here.rds().describe_db_instances) == "Throttling"


def test_a_fault_strikes_one_secret_and_one_caller(here: Aws, client: Client, name: str) -> None:
    client.create_secret(Name=f"{name}-other", SecretString="other")
    arn = client.describe_secret(SecretId=name)["ARN"]
    here.control.fault("error", secret=arn, count=None)
    assert (struck(client, name), struck(client, arn), read(client, f"{name}-other")) == (
        "ThrottlingException",
        "ThrottlingException",
        "other",
    )
    assert read(Aws(here.facts).client("secretsmanager"), name) == "one"
    here.control.reset()
    assert read(client, name) == "one"


def test_a_lost_answer_is_carried_out(here: Aws, client: Client, name: str) -> None:
    here.control.fault("lost", "PutSecretValue")
    with pytest.raises(HTTPClientError):
        client.put_secret_value(SecretId=name, SecretString="two")
    assert read(client, name) == "two"
    assert here.control.counts()["secretsmanager.PutSecretValue"] == {"lost": 1}


def test_a_delay_takes_its_time_and_blocks_nobody_else(here: Aws, client: Client, name: str) -> None:
    fault = here.control.fault("delay", "GetSecretValue", seconds=5.0)
    slow = in_the_background(lambda: read(client, name))
    assert here.control.wait_struck(fault)
    began = time.monotonic()
    client.describe_secret(SecretId=name)
    assert time.monotonic() - began < 5.0
    assert slow() == "one"
    assert next(call for call in here.control.calls() if call["operation"] == "GetSecretValue")["seconds"] >= 5.0


def in_the_background(call: Any) -> Any:
    """Start a call; what comes back waits for it and gives its answer, or the error it ended in."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(call())
        except (ClientError, HTTPClientError) as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join() -> Any:
        thread.join(30)
        return answers[0]

    return join


def test_a_call_held_before_is_carried_out_when_released(here: Aws, client: Client, name: str) -> None:
    fault = here.control.fault("hold-before", "PutSecretValue")
    held = in_the_background(lambda: client.put_secret_value(SecretId=name, SecretString="two"))
    seen = here.control.wait_held(fault)
    assert seen is not None
    assert (seen["held"], read(client, name)) == (1, "one")
    here.control.release(fault)
    assert held()["VersionStages"] == ["AWSCURRENT"]
    assert read(client, name) == "two"


def test_a_call_held_before_and_dropped_never_happened(here: Aws, client: Client, name: str) -> None:
    fault = here.control.fault("hold-before", "PutSecretValue")
    held = in_the_background(lambda: client.put_secret_value(SecretId=name, SecretString="two"))
    assert here.control.wait_held(fault)
    here.control.release(fault, drop=True)
    assert isinstance(held(), HTTPClientError)
    assert read(client, name) == "one"


def test_a_call_held_after_has_happened(here: Aws, client: Client, name: str) -> None:
    fault = here.control.fault("hold-after", "PutSecretValue")
    held = in_the_background(lambda: client.put_secret_value(SecretId=name, SecretString="two"))
    assert here.control.wait_held(fault)
    assert read(client, name) == "two"
    here.control.release(fault, drop=True)
    assert isinstance(held(), HTTPClientError)


KILLED = """
import sys, boto3
boto3.client("secretsmanager").put_secret_value(SecretId=sys.argv[1], SecretString="two")
"""


@pytest.mark.parametrize(("kind", "meanwhile"), [("hold-before", "one"), ("hold-after", "two")])
def test_a_call_of_a_killed_client_takes_effect_all_the_same(here: Aws, client: Client, name: str, kind: str, meanwhile: str) -> None:
    fault = here.control.fault(kind, "PutSecretValue")
    with subprocess.Popen([sys.executable, "-c", KILLED, name], env={**os.environ, **here.environment}) as process:
        assert here.control.wait_held(fault)
        process.kill()
    assert read(client, name) == meanwhile
    here.control.release(fault)
    until("the call took effect", lambda: read(client, name) == "two")


def test_the_nth_call_of_any_kind_can_be_held(here: Aws, client: Client, name: str) -> None:
    fault = here.control.fault("hold-before", after=2)
    client.describe_secret(SecretId=name)
    here.sqs().list_queues()
    held = in_the_background(lambda: client.describe_secret(SecretId=name))
    assert here.control.wait_held(fault)
    here.control.release(fault)
    assert held()["Name"] == name


def test_waiting_for_a_fault_that_does_not_strike_ends(here: Aws) -> None:
    assert here.control.wait_held(here.control.fault("hold-before", "GetRandomPassword"), seconds=0.1) is None


def test_a_stale_read_does_not_see_a_write_of_the_last_seconds(here: Aws, client: Client, name: str) -> None:
    client.put_secret_value(SecretId=name, SecretString="two")
    fault = here.control.fault("stale", count=None, seconds=3600)
    for call in (client.describe_secret, client.get_secret_value):
        assert code(call, SecretId=name) == "ResourceNotFoundException"
    assert name not in [one["Name"] for one in client.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]]
    here.control.release(fault)
    assert read(client, name) == "two"


def test_a_stale_read_sees_what_was_there_before(here: Aws, client: Client, name: str) -> None:
    first = client.get_secret_value(SecretId=name)["VersionId"]
    before = here.control.moment()
    client.put_secret_value(SecretId=name, SecretString="two")
    here.control.fault("stale", "DescribeSecret", moment=before)
    stale = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stale == {first: ["AWSCURRENT"]}
    assert len(client.describe_secret(SecretId=name)["VersionIdsToStages"]) == 2


def test_calls_are_counted_by_code_and_logged_without_values(here: Aws, client: Client, name: str) -> None:
    here.control.reset()
    read(client, name)
    client.put_secret_value(SecretId=name, SecretString="a-value-nobody-may-see")
    here.control.fault("error", "GetSecretValue")
    struck(client, name)
    assert here.control.counts() == {
        "secretsmanager.GetSecretValue": {"OK": 1, "ThrottlingException": 1},
        "secretsmanager.PutSecretValue": {"OK": 1},
    }
    log = here.control.calls()
    assert [(one["operation"], one["secrets"]) for one in log[-3:]] == [
        ("GetSecretValue", [name]),
        ("PutSecretValue", [name]),
        ("GetSecretValue", [name]),
    ]
    assert "a-value-nobody-may-see" not in json.dumps(log)


def test_many_secrets_can_be_made_at_the_same_time(client: Client) -> None:
    prefix = f"many/{uuid.uuid4().hex}"
    made = [in_the_background(lambda n=n: client.create_secret(Name=f"{prefix}/{n}", SecretString="x")) for n in range(40)]
    assert len({one()["ARN"] for one in made}) == 40
    assert len(client.list_secrets(Filters=[{"Key": "name", "Values": [prefix]}])["SecretList"]) == 40


def test_an_order_that_is_not_understood_is_refused(here: Aws) -> None:
    with pytest.raises(ValueError, match="kind"):
        here.control.fault("nonsense")
    with pytest.raises(ValueError, match="unexpected"):
        here.control.fault("error", nonsense=1)
