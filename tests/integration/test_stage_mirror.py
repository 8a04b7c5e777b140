"""Mirrored: whose Secret it is, what it holds, and that it is put right again (SAFETY.md G1)."""

import base64

import pytest

from rotated_rds.clients.apiserver import Conflict
from rotated_rds.model.resource import MANAGER
from rotated_rds.model.status import Kind
from tests.support.scene import FIRST, LOOK, Scene, reason, said

LABEL = "app.kubernetes.io/managed-by"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def metadata(scene: Scene) -> dict[str, object]:
    found = scene.cluster.secret(scene.name)
    assert found is not None
    return found["metadata"]


def test_the_secret_holds_the_default_keys_and_says_whose_and_which_it_is(scene: Scene) -> None:
    status = scene.given_ready()
    port = str(scene.database["port"])
    assert scene.content == {
        "username": scene.user,
        "password": FIRST,
        "host": "localhost",
        "port": port,
        "dbname": "app",
        "engine": "postgres",
    }
    found = scene.cluster.secret(scene.name)
    assert found is not None
    assert found["type"] == "Opaque"
    assert found["metadata"]["labels"] == {LABEL: MANAGER}
    assert found["metadata"]["annotations"]["rotated-rds.io/version-id"] == status.version_id == scene.current()[0]
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner["uid"] == scene.cluster.resource(scene.name)["metadata"]["uid"]
    assert owner["controller"] is True


def test_keys_template_labels_annotations_and_type_are_as_the_spec_says(scene: Scene) -> None:
    target = {
        "name": "app-credential",
        "type": "example.com/database",
        "labels": {"team": "orders"},
        "annotations": {"note": "kept"},
        "keys": ["username", "password", "uri", "jdbc_url", "pgpass"],
        "template": {"my.cnf": "user={{ username }}\npassword={{ password }}\nversion={{ version_id }}"},
    }
    status = scene.given_ready(target=target)
    port = scene.database["port"]
    assert scene.cluster.content("app-credential") == {
        "username": scene.user,
        "password": FIRST,
        "uri": f"postgresql://{scene.user}:{FIRST}@localhost:{port}/app",
        "jdbc_url": f"jdbc:postgresql://localhost:{port}/app",
        "pgpass": f"localhost:{port}:app:{scene.user}:{FIRST}\n",
        "my.cnf": f"user={scene.user}\npassword={FIRST}\nversion={status.version_id}",
    }
    found = scene.cluster.secret("app-credential")
    assert found is not None
    assert found["type"] == "example.com/database"
    assert found["metadata"]["labels"]["team"] == "orders"
    assert found["metadata"]["annotations"]["note"] == "kept"


def test_what_the_spec_no_longer_wants_leaves_the_secret_and_nothing_restarts(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given(target={"keys": ["username", "password"], "labels": {"team": "a"}, "template": {"url": "{{ username }}"}})
    scene.comes_ready()
    before = scene.cluster.deployment("app")["metadata"]["generation"]
    scene.changed(target={"keys": ["password"], "labels": None, "template": {"url": "u={{ username }}"}})
    assert scene.content == {"password": FIRST, "url": f"u={scene.user}"}
    assert "team" not in str(metadata(scene)["labels"])
    assert scene.cluster.deployment("app")["metadata"]["generation"] == before


def test_a_new_template_is_written_even_if_the_first_pass_after_it_could_not_read_aws(scene: Scene) -> None:
    scene.given_ready(target={"template": {"url": "old {{ username }}"}})
    scene.cluster.change(scene.name, target={"template": {"url": "new {{ username }}"}})
    fault = scene.aws.control.fault("error", "GetSecretValue", code="InternalServiceError", status=500, count=None)
    status = scene.turn()
    scene.aws.control.release(fault)
    assert not said(status, Kind.READY).true, "nobody has carried the new spec out yet"
    status = scene.settled()
    assert scene.content["url"] == f"new {scene.user}"
    assert said(status, Kind.MIRRORED).observed_generation == scene.cluster.resource(scene.name)["metadata"]["generation"]


def test_a_template_that_fails_names_itself_and_the_last_secret_stays(scene: Scene) -> None:
    scene.given_ready()
    status = scene.changed(target={"template": {"url": "{{ nothing_like_it }}"}})
    assert reason(status, Kind.MIRRORED) == "False TemplateFailed"
    assert "spec.target.template" in said(status, Kind.MIRRORED).message
    assert scene.password == FIRST


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"data": {"password": encoded("someone's")}}, id="a value"),
        pytest.param({"data": {"password": None}}, id="a key taken out"),
        pytest.param({"metadata": {"labels": {LABEL: "helm"}}}, id="our label"),
        pytest.param({"metadata": {"annotations": {"rotated-rds.io/version-id": "another"}}}, id="the version"),
        pytest.param({"metadata": {"annotations": {"rotated-rds.io/published-at": None}}}, id="the time"),
        pytest.param({"metadata": {"labels": {"team": "b"}}}, id="a label of the spec"),
        pytest.param({"metadata": {"annotations": {"note": "changed"}}}, id="an annotation of the spec"),
    ],
)
def test_G1_what_somebody_changed_in_our_secret_is_put_right(scene: Scene, edit: dict[str, object]) -> None:
    scene.given_ready(target={"labels": {"team": "a"}, "annotations": {"note": "kept"}})
    before = scene.cluster.secret(scene.name)
    assert before is not None
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), edit)
    scene.settled()
    after = scene.cluster.secret(scene.name)
    assert after is not None
    assert after["data"] == before["data"]
    for part in ("labels", "annotations"):
        assert after["metadata"][part] == before["metadata"][part]


def test_G1_a_password_that_somebody_wrote_into_our_secret_is_not_taken_for_awscurrent(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), {"data": {"password": encoded("wrong")}})
    scene.later(hours=7)  # the published credential is due for its next try
    scene.settled()
    assert scene.password == FIRST


def test_G1_a_deleted_secret_is_made_again_without_a_restart(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given()
    scene.comes_ready()
    before = scene.cluster.deployment("app")["metadata"]["generation"]
    scene.cluster.api.call("DELETE", scene.cluster.path("secrets", scene.name, "v1"))
    scene.settled()
    assert scene.password == FIRST
    assert scene.cluster.deployment("app")["metadata"]["generation"] == before


def test_what_others_add_to_our_secret_stays(scene: Scene) -> None:
    scene.given_ready()
    more = {"data": {"theirs": encoded("kept")}, "metadata": {"labels": {"theirs": "kept"}}}
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), more)
    scene.settled()
    scene.later(minutes=2)
    scene.rotated()
    assert scene.content["theirs"] == "kept"
    assert "theirs" in str(metadata(scene)["labels"])


def test_a_quiet_pass_calls_neither_aws_nor_the_database_and_writes_nothing(scene: Scene) -> None:
    scene.given_ready()
    scene.settled()
    scene.aws.control.reset()
    before = scene.cluster.resource(scene.name)["metadata"]["resourceVersion"], metadata(scene)["resourceVersion"]
    scene.settled()
    counts = {name: count for name, count in scene.aws.control.counts().items() if not name.startswith("sts.")}
    assert counts == {}
    assert (scene.cluster.resource(scene.name)["metadata"]["resourceVersion"], metadata(scene)["resourceVersion"]) == before


# whose it is


def test_G1_somebody_else_s_secret_is_never_touched(scene: Scene) -> None:
    scene.cluster.given_secret(scene.name, {"password": "theirs"})
    before = scene.cluster.secret(scene.name)
    scene.given()
    status = scene.settle()
    assert reason(status, Kind.MIRRORED) == "False TargetConflict"
    assert f"rotated-rds.io/adopt={scene.name}" in said(status, Kind.MIRRORED).message
    assert scene.cluster.secret(scene.name) == before
    assert len(scene.events("TargetConflict")) == 1


def test_G1_a_secret_that_somebody_makes_between_our_look_and_our_first_write_is_theirs(scene: Scene) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "theirs", "namespace": scene.cluster.namespace},
        "data": {"password": encoded("ours")},
    }
    scene.cluster.given_secret("theirs", {"password": "theirs"})
    with pytest.raises(Conflict):
        scene.passes.world.kubernetes.create_secret(manifest)
    assert scene.cluster.content("theirs") == {"password": "theirs"}


def test_G1_a_secret_is_handed_over_by_its_annotation(scene: Scene) -> None:
    scene.cluster.given_secret(scene.name, {"password": "theirs", "old": "key"}, annotations={"rotated-rds.io/adopt": scene.name})
    scene.given_ready()
    assert scene.password == FIRST
    assert scene.content["old"] == "key"
    assert "ownerReferences" in metadata(scene)


def test_G1_a_secret_with_another_controller_is_not_handed_over_by_an_annotation(scene: Scene) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "0b0b0b0b-0000-4000-8000-000000000000", "controller": True}
    made = scene.cluster.api.call("POST", scene.cluster.path("configmaps", group="v1"), {"metadata": {"name": "theirs"}})
    owner["uid"] = made["metadata"]["uid"]
    annotations = {"rotated-rds.io/adopt": scene.name}
    scene.cluster.given_secret(scene.name, {"password": "theirs"}, annotations=annotations, ownerReferences=[owner])
    scene.given()
    status = scene.settle()
    assert reason(status, Kind.MIRRORED) == "False TargetConflict"
    assert "ConfigMap theirs" in said(status, Kind.MIRRORED).message
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), {"metadata": {"ownerReferences": None}})
    scene.settled()
    assert scene.password == FIRST


def test_G1_the_secret_of_a_deleted_namesake_is_waited_for(scene: Scene) -> None:
    gone = {"apiVersion": "rotated-rds.io/v1alpha1", "kind": "RotatedRDSSecret", "name": scene.name, "controller": True}
    gone["uid"] = "0b0b0b0b-0000-4000-8000-000000000000"
    scene.given()
    # A finalizer holds it, so that the test sees it waiting for the garbage collector.
    scene.cluster.given_secret(scene.name, {"password": "theirs"}, ownerReferences=[gone], finalizers=["example.com/hold"])
    status = scene.settle()
    assert reason(status, Kind.MIRRORED) == "Unknown Pending"
    assert said(status, Kind.MIRRORED).message
    assert status.condition(Kind.STALLED) is None
    assert scene.content["password"] == "theirs"
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), {"metadata": {"finalizers": None}})
    scene.cluster.expect_collected(scene.name)
    scene.settled()
    assert scene.password == FIRST


def test_the_secret_goes_with_its_resource_and_a_resource_made_again_has_it_anew(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.delete(scene.name)
    scene.cluster.expect_collected(scene.name)
    scene.cluster.given_resource(scene.resource())
    scene.settled()
    assert scene.password == FIRST


def test_with_retain_the_secret_stays_and_is_ours_again_when_the_resource_comes_back(scene: Scene) -> None:
    scene.given_ready()
    scene.changed(target={"deletionPolicy": "Retain"})
    assert "ownerReferences" not in metadata(scene)
    uid = metadata(scene)["uid"]
    scene.cluster.delete(scene.name)
    scene.cluster.given_resource(scene.resource(target={"deletionPolicy": "Retain"}))
    scene.settled()
    assert metadata(scene)["uid"] == uid
    scene.rotated()
    assert scene.password != FIRST
    scene.changed(target={"deletionPolicy": "Delete"})
    assert "ownerReferences" in metadata(scene)


def test_a_secret_that_the_api_server_will_not_take_is_named_and_put_right_later(scene: Scene) -> None:
    scene.given_ready()
    seen = metadata(scene)["uid"]
    scene.cluster.merge(scene.cluster.path("secrets", scene.name, "v1"), {"immutable": True})
    scene.moved_by_hand("second-Passw0rd")
    status = scene.settle(LOOK)
    assert reason(status, Kind.MIRRORED) == "False Rejected"
    assert "Passw0rd" not in said(status, Kind.MIRRORED).message
    assert status.version_id != scene.current()[0], "it is not in the Secret"
    scene.cluster.api.call("DELETE", scene.cluster.path("secrets", scene.name, "v1"))
    scene.settled()
    assert scene.password == "second-Passw0rd"
    assert metadata(scene)["uid"] != seen
