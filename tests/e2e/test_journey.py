"""The main job on each engine, by the operator as a process of its own."""

import secrets

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource


@pytest.mark.parametrize("engine", ["postgres", "mariadb", "mysql"])
def test_a_password_is_created_rotated_three_times_and_mirrored(
    engine: str, bed: Bed, api: Api, aws: Facts, namespace: str, request: pytest.FixtureRequest
) -> None:
    database: Facts = request.getfixturevalue(engine)
    cluster, user = Cluster(api, namespace), f"u{secrets.token_hex(4)}"
    with running(Operator(bed, Aws(aws), (namespace,))):
        cluster.given_user(database, user, "first-Passw0rd")
        cluster.given_deployment("orders", "db", replicas=2)
        cluster.given_resource(a_resource(namespace, "db", database, user))
        cluster.expect_ready("db")
        assert cluster.content("db")["password"] == "first-Passw0rd"
        for number in range(3):
            before = cluster.content("db")["password"]
            cluster.annotate("db", rotate=f"number {number}")
            assert cluster.expect_request("db", "rotate", f"number {number}")["result"] == "Done"
            cluster.expect_ready("db")
            after = cluster.content("db")
            assert can_log_in(database, user, after["password"])
            assert not can_log_in(database, user, before)
            template = cluster.deployment("orders")["spec"]["template"]["metadata"]["annotations"]
            assert template["rotated-rds.io/version.db"] == cluster.status("db")["versionId"]
