"""SAFETY.md A7: messages of a real SQS queue, read by the operator as its own process; no sweep helps."""

import json
from collections.abc import Generator
from dataclasses import dataclass

import pytest

from rotated_rds.model.secret import CURRENT
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws, Queue
from tests.support.databases import can_log_in, set_password
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource
from tests.support.safety import FIRST

NEW = "Changed-by-hand-1"


@dataclass
class Station:
    operator: Operator
    cluster: Cluster
    aws: Aws
    queue: Queue
    database: Facts
    user: str

    def waiting(self) -> tuple[int, int]:
        """Messages that are in the queue, and that were received and not deleted yet."""
        found = self.aws.sqs().get_queue_attributes(QueueUrl=self.queue.url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    def change_by_hand(self, password: str = NEW) -> str:
        """Somebody changes the password, in the database and then in AWS; the new version."""
        set_password(self.database, self.user, password)
        secrets, arn = Aws(self.aws.facts).secretsmanager(), self.cluster.status("db")["secretArn"]
        value = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        text = json.dumps({**value, "password": password})
        return secrets.put_secret_value(SecretId=arn, SecretString=text, VersionStages=[CURRENT])["VersionId"]

    def describes(self, since: int = 0) -> list[float]:
        """When DescribeSecret was asked."""
        return [float(call["time"]) for call in self.aws.control.calls(since) if call["operation"] == "DescribeSecret"]

    def last(self) -> int:
        return int(self.aws.control.calls()[-1]["number"])


@pytest.fixture
def station(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Generator[Station]:
    ours, user = Aws(aws), f"u{namespace[2:]}"
    queue = ours.change_queue(namespace, namespace)
    settings = {"ROTATED_RDS_QUEUE_URL": queue.url, "ROTATED_RDS_SWEEP_INTERVAL": "1h"}
    with running(Operator(bed, ours, (namespace,), environment=settings)) as operator:
        cluster = Cluster(api, namespace)
        cluster.given_user(postgres, user, FIRST)
        cluster.given_resource(a_resource(namespace, "db", postgres, user))
        cluster.expect_ready("db")
        yield Station(operator, cluster, ours, queue, postgres, user)


def test_A7_a_message_is_deleted_only_after_the_pass_that_it_asked_for(station: Station) -> None:
    until("the queue is empty", lambda: station.waiting() == (0, 0), seconds=60)
    held = station.aws.control.fault("hold-before", "DescribeSecret")
    version = station.change_by_hand()
    assert station.aws.control.wait_held(held)
    assert station.waiting() == (0, 1), "received, and kept until the pass has ended"
    assert station.cluster.content("db")["password"] == FIRST
    station.aws.control.release(held)
    station.cluster.expect("the Secret follows", lambda: station.cluster.status("db")["versionId"] == version)
    until("the message is deleted", lambda: station.waiting() == (0, 0), seconds=60)
    assert can_log_in(station.database, station.user, station.cluster.content("db")["password"])


def test_A7_a_version_that_aws_does_not_show_yet_is_looked_for_again(station: Station) -> None:
    until("the queue is empty", lambda: station.waiting() == (0, 0), seconds=60)
    stale = station.aws.control.fault("stale", "DescribeSecret", moment=station.aws.control.moment(), count=None)
    since = station.last()
    version = station.change_by_hand(FIRST)  # the same password: what is published goes on logging in
    # How far apart the looks are, tests/unit/test_safety_messages.py tells on a clock of its own.
    until("it is looked for again and again", lambda: len(station.describes(since)) >= 4, seconds=60)
    assert station.waiting() == (0, 1)
    station.aws.control.release(stale)
    station.cluster.expect("the Secret follows", lambda: station.cluster.status("db")["versionId"] == version)
    until("the message is deleted", lambda: station.waiting() == (0, 0), seconds=60)


@pytest.mark.parametrize("text", ["not json", '{"detail-type": "Secret Label Updated", "detail": {"labelUpdated": "AWSCURRENT"}}'])
def test_A7_a_message_that_nobody_knows_is_deleted_and_asks_nothing_of_aws(station: Station, text: str) -> None:
    until("the queue is empty", lambda: station.waiting() == (0, 0), seconds=60)
    since = station.last()
    station.aws.sqs().send_message(QueueUrl=station.queue.url, MessageBody=text)
    counted = 'rotated_rds_reconcile_errors_total{reason="UnknownMessage",stage="Queue"}'
    until("it is counted", lambda: station.operator.metrics().get(counted, 0) >= 1, seconds=60)
    until("it is deleted", lambda: station.waiting() == (0, 0), seconds=60)
    assert station.describes(since) == []
    station.change_by_hand()
    station.cluster.expect("the next message is read", lambda: station.cluster.content("db")["password"] == NEW)
