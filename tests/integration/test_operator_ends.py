"""The operator's process hears SIGTERM itself: it ends as one that was asked to, and gives its Lease back."""

import secrets

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.operators import Operator, running
from tests.support.releases import HOME, install
from tests.support.resources import Cluster, a_resource


def test_A6_sigterm_is_heard_from_the_first_moment(bed: Bed, api: Api, aws: Facts, namespace: str) -> None:
    with running(Operator(bed, Aws(aws), (namespace,))) as one:
        one.stop()
    expect_polite(one, api)


def test_A6_an_operator_at_work_ends_at_once_when_nothing_is_under_way(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str
) -> None:
    install(api)
    cluster, user = Cluster(api, namespace), f"u{secrets.token_hex(4)}"
    cluster.given_user(postgres, user, "first-Passw0rd")
    cluster.given_resource(a_resource(namespace, "db", postgres, user))
    with running(Operator(bed, Aws(aws), (namespace,))) as one:
        cluster.expect_ready("db")
        cluster.annotate("db", rotate="once")  # that kopf has settled, and tasks have been made since
        cluster.expect_request("db", "rotate", "once")
        cluster.expect_ready("db")
        one.stop()
    expect_polite(one, api)


def expect_polite(one: Operator, api: Api) -> None:
    lease = api.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/{one.release}")
    assert lease["spec"]["holderIdentity"] == ""
    assert "ERROR" not in one.log
    assert "Traceback" not in one.log
