"""The rights of sweep and queue taken away: the log names them, what is published stays, and AWS's changes are seen when they return."""

import secrets
from dataclasses import dataclass

import pytest

from rotated_rds.model.iam import Need, policy
from rotated_rds.model.policies import Request, Site, by_prefix
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import new_user, set_password
from tests.support.iam.report import without
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource

FIRST, NEW = "first-Passw0rd", "by-hand-Passw0rd"
# The right, and how the log calls what is put off. One of the two is enough to hear of a change, so the other is off.
CASES = {
    "secretsmanager:ListSecrets": ("sweep put off", {"ROTATED_RDS_SWEEP_INTERVAL": "1s"}),
    "sqs:ReceiveMessage": ("queue put off", {"ROTATED_RDS_SWEEP_INTERVAL": "1h"}),
    "sqs:DeleteMessage": ("queue put off", {"ROTATED_RDS_SWEEP_INTERVAL": "1h"}),
}


@dataclass
class House:
    cluster: Cluster
    database: Facts
    user: str
    eye: Aws

    def changed_by_hand(self, password: str) -> None:
        set_password(self.database, self.user, password)
        client, arn = self.eye.client("secretsmanager"), self.cluster.status("db")["secretArn"]
        value = client.get_secret_value(SecretId=arn)["SecretString"].replace(FIRST, password)
        client.put_secret_value(SecretId=arn, SecretString=value)


@pytest.mark.parametrize("action", CASES)
def test_a_right_of_the_watch_is_named_in_the_log_and_missed_no_more_when_it_returns(
    action: str, bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    said, settings = CASES[action]
    ours, house = Aws(aws), House(Cluster(api, namespace), postgres, f"u{secrets.token_hex(5)}", Aws(aws))
    queue = house.eye.change_queue(namespace, namespace)
    queued = {} if action.startswith("secretsmanager") else {"ROTATED_RDS_QUEUE_URL": queue.url}
    whole = policy(by_prefix(Request((Need.OPERATOR,), Site(ours.region, ours.account), f"{namespace}/", "bed", queue=queue.url)))
    ours.control.policy(without(whole, "*", action))
    with running(Operator(bed, ours, (namespace,), environment={**settings, **queued})) as operator:
        new_user(postgres, house.user, FIRST)
        house.cluster.given_secret("db-first", {"password": FIRST})
        house.cluster.given_resource(a_resource(namespace, "db", postgres, house.user))
        house.cluster.expect_ready("db")
        line = f"{said}: AWS denies {action}"
        until("the log names the right", lambda: line in operator.log)
        ours.control.policy(dict(whole))
        house.changed_by_hand(NEW)
        house.cluster.expect("the change is seen", lambda: house.cluster.content("db")["password"] == NEW)
        house.cluster.expect_ready("db")
        assert "Traceback" not in operator.log
