"""The bed's AWS against AWS's rules: events about labels into a queue, and RDS's endpoints. Each test states one rule."""

import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.bed.bed import Facts
from tests.support.aws import Aws

Client = Any


@pytest.fixture
def here(aws: Facts) -> Aws:
    return Aws(aws)


@pytest.fixture
def client(here: Aws) -> Client:
    return here.client("secretsmanager")


@pytest.fixture
def prefix() -> str:
    return f"events-{uuid.uuid4().hex[:12]}/"


def test_a_new_current_is_announced_as_aws_does(here: Aws, client: Client, prefix: str) -> None:
    queue = here.change_queue(prefix[:-1], prefix)
    made = client.create_secret(Name=f"{prefix}a", SecretString="one")
    client.put_secret_value(SecretId=made["ARN"], SecretString="two", VersionStages=["AWSPENDING"])
    (event,) = here.received(queue)
    assert {key: event[key] for key in ("version", "detail-type", "source", "account", "region", "resources", "detail")} == {
        "version": "0",
        "detail-type": "Secret Label Updated",
        "source": "aws.secretsmanager",
        "account": here.account,
        "region": here.region,
        "resources": [made["ARN"]],
        "detail": {"name": f"{prefix}a", "labelUpdated": "AWSCURRENT", "versionId": made["VersionId"]},
    }
    assert event["time"].endswith("Z")
    assert here.received(queue, wait=0) == []


def test_a_rotation_is_announced_with_the_new_version(here: Aws, client: Client, prefix: str) -> None:
    arn = client.create_secret(Name=f"{prefix}a", SecretString='{"password": "x"}')["ARN"]
    queue = here.change_queue(prefix[:-1], prefix)
    liar = here.control.function(here.function_arn(prefix[:-1]), "liar")
    new = client.rotate_secret(SecretId=arn, RotationLambdaARN=liar)["VersionId"]
    (event,) = here.received(queue)
    assert event["detail"]["versionId"] == new


def test_a_queue_without_a_policy_gets_nothing(here: Aws, client: Client, prefix: str) -> None:
    queue = here.change_queue(prefix[:-1], prefix, allowed=False)
    made = client.create_secret(Name=f"{prefix}a", SecretString="one")
    here.change_queue(f"{prefix[:-1]}-allowed", prefix)
    client.put_secret_value(SecretId=made["ARN"], SecretString="two")
    second = here.received(here.change_queue(f"{prefix[:-1]}-allowed", prefix))
    assert len(second) == 1
    assert here.received(queue, wait=0) == []
    assert here.control.events(made["ARN"])[0]["fate"] == [f"refused by the policy of {queue.arn}"]


def test_events_get_lost_doubled_and_out_of_order_on_demand(here: Aws, client: Client, prefix: str) -> None:
    queue = here.change_queue(prefix[:-1], prefix)
    here.control.weather(prefix, lose=1)
    client.create_secret(Name=f"{prefix}a", SecretString="one")
    here.control.weather(prefix, copies=2, shuffle=2)
    for value in ("two", "three"):
        client.put_secret_value(SecretId=f"{prefix}a", SecretString=value)
    current = client.get_secret_value(SecretId=f"{prefix}a")["VersionId"]
    arrived: list[str] = []
    while len(arrived) < 4:
        batch = [event["detail"]["versionId"] for event in here.received(queue)]
        assert batch
        arrived += batch
    assert arrived[:2] == [current, current]
    assert arrived[2] == arrived[3] != current


def test_a_delayed_event_comes_late(here: Aws, client: Client, prefix: str) -> None:
    queue = here.change_queue(prefix[:-1], prefix)
    here.control.weather(prefix, delay=1.5)
    began = time.monotonic()
    client.create_secret(Name=f"{prefix}a", SecretString="one")
    assert len(here.received(queue)) == 1
    assert time.monotonic() - began >= 1.5


# RDS


def test_an_instance_answers_with_its_real_endpoint_and_may_move(here: Aws) -> None:
    name, rds = f"i-{uuid.uuid4().hex[:12]}", here.rds()
    here.control.place(instance=name, engine="postgres", host="localhost", port=15432, certificateAuthority="rds-ca-rsa2048-g1")
    (seen,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert (seen["Endpoint"]["Address"], seen["Endpoint"]["Port"], seen["Engine"]) == ("localhost", 15432, "postgres")  # pyright: ignore[reportTypedDictNotRequiredAccess]  # both are there
    assert (seen["CACertificateIdentifier"], seen["DBInstanceStatus"]) == ("rds-ca-rsa2048-g1", "available")  # pyright: ignore[reportTypedDictNotRequiredAccess]  # as above
    here.control.place(instance=name, host="127.0.0.2", port=15433)
    (moved,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert (moved["Endpoint"]["Address"], moved["Endpoint"]["Port"]) == ("127.0.0.2", 15433)  # pyright: ignore[reportTypedDictNotRequiredAccess]  # as above
    here.control.remove(instance=name)
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier=name)


def test_two_instances_never_share_a_resource_id(here: Aws) -> None:
    names = [f"i-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    first, second = (here.control.place(instance=name, engine="mysql", host="localhost", port=1)["resourceId"] for name in names)
    here.control.remove(instance=names[0])
    again = here.control.place(instance=names[0], engine="mysql", host="localhost", port=1)["resourceId"]
    assert len({first, second, again}) == 3


def test_a_cluster_names_writer_and_reader_and_fails_over(here: Aws) -> None:
    name, rds = f"c-{uuid.uuid4().hex[:12]}", here.rds()
    here.control.place(cluster=name, engine="aurora-postgresql", host="127.0.0.1", readerHost="127.0.0.2", port=5432)
    for member in ("a", "b"):
        here.control.place(instance=f"{name}-{member}", engine="aurora-postgresql", of=name, host=f"127.0.0.{ord(member) - 96}", port=5432)
    (seen,) = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    assert (seen.get("Endpoint"), seen.get("ReaderEndpoint"), seen.get("Port")) == ("127.0.0.1", "127.0.0.2", 5432)
    assert writers(seen) == [f"{name}-a"]
    here.control.place(cluster=name, writer=f"{name}-b", host="127.0.0.2")
    (after,) = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    assert (after.get("Endpoint"), writers(after)) == ("127.0.0.2", [f"{name}-b"])


def writers(cluster: Any) -> list[str]:
    return [member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"] if member["IsClusterWriter"]]
