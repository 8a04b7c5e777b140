"""SAFETY.md A5: one resource a user, and one cluster a secret."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.model.claims import Claim, Claims
from rotated_rds.model.errors import Reason
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import ADOPT_TAG, MANAGED_BY_TAG, OWNER_TAG
from rotated_rds.model.status import Kind, Status
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.passes import ByHand
from tests.support.resources import a_resource, merged
from tests.support.safety import FIRST, Scene


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws)


def given_another(scene: Scene, name: str, **spec: Any) -> None:
    """A younger resource for the same user: the API server's times have whole seconds."""
    older = datetime.fromisoformat(scene.cluster.resource(scene.name)["metadata"]["creationTimestamp"])
    until("the next second", lambda: datetime.now(UTC) >= older + timedelta(seconds=1))
    scene.cluster.given_secret(f"{name}-first", {"password": FIRST})
    plain = a_resource(scene.cluster.namespace, name, scene.database, scene.user)
    scene.cluster.given_resource(merged(plain, {"spec": spec}))


def passed(scene: Scene, name: str) -> Status:
    return scene.hand.settle(scene.cluster.namespace, name)


def reason(status: Status, kind: Kind = Kind.SECRET_READY) -> str | None:
    found = status.condition(kind)
    return found.reason if found else None


def secret_exists(scene: Scene, name: str) -> bool:
    found = scene.secretsmanager.list_secrets(Filters=[{"Key": "name", "Values": [f"{scene.cluster.namespace}/{name}"]}])
    return bool(found["SecretList"])


def test_A5_the_older_resource_keeps_the_user_and_the_other_writes_nothing(scene: Scene) -> None:
    scene.begin()
    given_another(scene, "second")
    assert reason(passed(scene, "second")) == Reason.USER_CONFLICT
    assert not secret_exists(scene, "second")
    assert scene.rotate("still ours").requests["rotate"].result == "Done"
    scene.expect_one_credential()


def test_A5_the_conflict_names_the_other_resource_and_the_mend(scene: Scene) -> None:
    scene.begin()
    given_another(scene, "second")
    said = passed(scene, "second").condition(Kind.SECRET_READY)
    assert said is not None
    assert f"{scene.cluster.namespace}/db" in said.message
    assert "delete one of the two" in said.message


def test_A5_another_name_of_the_same_address_is_the_same_place(scene: Scene) -> None:
    scene.begin()
    given_another(scene, "second", database={"host": "127.0.0.1"})
    assert reason(passed(scene, "second")) == Reason.USER_CONFLICT
    assert not secret_exists(scene, "second")


def test_A5_another_user_at_the_same_place_is_free(scene: Scene) -> None:
    scene.begin()
    other = Scene(scene.bed, scene.cluster, scene.database, scene.aws, scene.hand, name="second")
    other.begin()
    other.expect_one_credential()


def test_A5_the_same_user_name_at_another_server_is_free(scene: Scene, mysql: Facts) -> None:
    scene.begin()
    other = Scene(scene.bed, scene.cluster, mysql, scene.aws, scene.hand, name="second", user=scene.user)
    other.begin()
    other.expect_one_credential()


def test_A5_a_resource_that_only_reads_takes_nobodys_user(scene: Scene) -> None:
    scene.begin()
    reader: dict[str, Any] = {"user": {"passwordSecretRef": None}, "rotation": {"immediately": None, "method": "External"}}
    given_another(scene, "second", secret={"name": scene.arn}, **reader)
    assert passed(scene, "second").version_id == scene.status().version_id


def test_A5_the_user_is_free_when_the_older_resource_is_gone(scene: Scene) -> None:
    scene.begin()
    given_another(scene, "second")
    assert reason(passed(scene, "second")) == Reason.USER_CONFLICT
    scene.cluster.delete("db")
    scene.hand.world.claims.drop(Key(scene.cluster.namespace, "db"))
    assert passed(scene, "second").version_id is not None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_A5_after_a_start_the_older_one_keeps_it_before_its_first_pass(scene: Scene, host: str) -> None:
    scene.begin()
    given_another(scene, "second", database={"host": host})
    scene.hand = ByHand.on(scene.bed, scene.aws)
    for name in ("second", "db"):  # as the operator's own list does before any pass
        scene.hand.world.claims.seed(Key(scene.cluster.namespace, name), scene.cluster.resource(name))
    assert reason(passed(scene, "second")) == Reason.USER_CONFLICT
    assert not secret_exists(scene, "second")


def test_A5_a_conflict_comes_before_a_secret_is_taken_over(scene: Scene) -> None:
    scene.begin()
    name = f"{scene.cluster.namespace}/by-hand"
    ours = f"bed/{scene.cluster.namespace}/second"
    scene.secretsmanager.create_secret(Name=name, SecretString="{}", Tags=[{"Key": ADOPT_TAG, "Value": ours}])
    given_another(scene, "second", secret={"name": name})
    assert reason(passed(scene, "second")) == Reason.USER_CONFLICT
    assert OWNER_TAG not in tags_of(scene, name)


def tags_of(scene: Scene, name: str) -> dict[str, str]:
    tags = scene.secretsmanager.describe_secret(SecretId=name).get("Tags", [])
    return {str(tag.get("Key")): str(tag.get("Value")) for tag in tags}


def test_A5_a_secret_of_another_clusters_resource_is_left_alone(scene: Scene) -> None:
    name = f"{scene.cluster.namespace}/db"
    theirs = f"another-cluster/{name}"
    created = scene.secretsmanager.create_secret(Name=name, SecretString="{}", Tags=[{"Key": OWNER_TAG, "Value": theirs}])
    scene.cluster.given_user(scene.database, scene.user, FIRST)
    scene.cluster.given_resource(a_resource(scene.cluster.namespace, "db", scene.database, scene.user))
    assert reason(scene.settle()) == Reason.OWNED_BY_ANOTHER
    assert tags_of(scene, name) == {OWNER_TAG: theirs}
    shown = scene.secretsmanager.describe_secret(SecretId=name)
    assert list(shown["VersionIdsToStages"]) == [created["VersionId"]]
    assert not any(one.startswith(("Put", "Update", "Tag", "Create")) for one in scene.operations())


def test_A5_the_owner_tag_is_read_back_before_anything_else_is_written(scene: Scene) -> None:
    name, ours = f"{scene.cluster.namespace}/db", f"bed/{scene.cluster.namespace}/db"
    scene.secretsmanager.create_secret(Name=name, SecretString=adoptable(scene), Tags=[{"Key": ADOPT_TAG, "Value": ours}])
    scene.cluster.given_user(scene.database, scene.user, FIRST)
    scene.cluster.given_resource(a_resource(scene.cluster.namespace, "db", scene.database, scene.user))
    moment = scene.aws.control.moment()
    stale = scene.aws.control.fault("stale", "DescribeSecret", moment=moment, count=None)
    scene.turn()
    assert tags_of(scene, name)[OWNER_TAG] == ours
    assert ADOPT_TAG in tags_of(scene, name), "nothing more is written while AWS does not show whose it is"
    assert [one for one in scene.operations() if one.startswith(("Put", "Update", "Tag", "Untag"))] == ["TagResource"]
    scene.aws.control.release(stale)
    assert scene.settle().version_id is not None
    assert tags_of(scene, name)[MANAGED_BY_TAG] == "rotated-rds-operator"


def adoptable(scene: Scene) -> str:
    credential = {"engine": "postgres", "host": "localhost", "port": scene.database["port"], "username": scene.user, "password": FIRST}
    return json.dumps(credential)


def test_A5_the_owner_is_read_again_inside_the_databases_lock(scene: Scene) -> None:
    scene.begin()
    ours = scene.begin_rotation("next")
    held = scene.aws.control.fault("hold-before", "DescribeSecret", after=1)  # the second one is inside the lock
    rotating = threading.Thread(target=scene.turn)
    rotating.start()
    assert scene.aws.control.wait_held(held)
    scene.secretsmanager.tag_resource(SecretId=scene.arn, Tags=[{"Key": OWNER_TAG, "Value": "another-cluster/a/b"}])
    scene.aws.control.release(held)
    rotating.join()
    assert ours not in scene.versions()
    assert scene.logs_in(FIRST)


def test_A5_claims_are_judged_by_age_then_by_name() -> None:
    claims, now = Claims(), datetime.now(UTC)
    place = frozenset({"db:5432"})
    first = Claim(Key("a", "x"), now, "app", place)
    second = Claim(Key("a", "y"), now, "app", place)
    older = Claim(Key("z", "z"), now - timedelta(days=1), "app", place)
    assert claims.stake(second) is None
    assert claims.stake(first) is None
    assert claims.stake(second) == first
    assert claims.stake(older) is None
    assert claims.stake(first) == older
