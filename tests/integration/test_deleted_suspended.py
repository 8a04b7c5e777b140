"""A resource that is deleted while suspended leaves AWS alone, with a Warning (API.md, Suspend)."""

import secrets

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, Json, a_resource
from tests.support.scene import Scene

FIRST = "first-Passw0rd"


def warnings(cluster: Cluster, name: str) -> list[Json]:
    return [one for one in cluster.events(name) if (one["type"], one["reason"]) == ("Warning", "Suspended")]


def test_a_resource_deleted_while_suspended_leaves_its_aws_secret_with_a_warning(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    cluster, ours = Cluster(api, namespace), Aws(aws)
    with running(Operator(bed, ours, (namespace,))):
        for name in ("kept", "plain"):
            user = f"u{secrets.token_hex(5)}"
            cluster.given_user(postgres, user, FIRST, name)
            cluster.given_resource(a_resource(namespace, name, postgres, user))
            cluster.expect_ready(name)
        arn, uid = cluster.status("kept")["secretArn"], cluster.resource("kept")["metadata"]["uid"]
        before = ours.secretsmanager().describe_secret(SecretId=arn)["VersionIdsToStages"]
        cluster.change("kept", suspend=True)
        cluster.expect_condition("kept", "Suspended", "True")
        cluster.delete("plain")
        cluster.delete("kept")
        cluster.expect("the Warning", lambda: bool(warnings(cluster, "kept")))
    (said,) = warnings(cluster, "kept")
    assert arn in said["note"]
    assert said["regarding"]["uid"] == uid
    assert warnings(cluster, "plain") == []
    left = ours.secretsmanager().describe_secret(SecretId=arn)
    assert left["VersionIdsToStages"] == before
    assert "DeletedDate" not in left


def test_one_that_only_left_the_operator_s_selector_is_not_said_to_be_deleted(scene: Scene) -> None:
    scene.given_ready()
    scene.changed(suspend=True)
    body = scene.cluster.resource(scene.name)
    scene.passes.passes.farewell(body)
    assert warnings(scene.cluster, scene.name) == []
    scene.cluster.delete(scene.name)
    scene.passes.passes.farewell(body)
    assert len(warnings(scene.cluster, scene.name)) == 1
