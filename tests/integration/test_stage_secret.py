"""SecretReady: the AWS secret comes into being, is ours, is as the spec says, and comes back when deleted (SAFETY.md E1, E2)."""

import json
from typing import Any

import pytest

from rotated_rds.model.secret import ADOPT_TAG, CREATED_TAG, OWNER_TAG, token
from rotated_rds.model.status import Kind
from rotated_rds.model.tenancy import parse
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import can_log_in, drop_user, log_in, set_password
from tests.support.passes import LOOPBACK
from tests.support.scene import FIRST, LOOK, Scene, reason, said

WITH_ADMIN = {"passwordSecretRef": None}


def described(scene: Scene, secret: str | None = None) -> dict[str, Any]:
    return dict(scene.by_hand.secretsmanager().describe_secret(SecretId=secret or scene.secret_id))


def tags(scene: Scene) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described(scene).get("Tags", [])}


def owner(scene: Scene) -> str:
    return f"bed/{scene.cluster.namespace}/{scene.name}"


def deleted(scene: Scene, *, force: bool) -> None:
    more: Any = {"ForceDeleteWithoutRecovery": True} if force else {"RecoveryWindowInDays": 7}
    scene.by_hand.secretsmanager().delete_secret(SecretId=scene.secret_id, **more)


def admin(scene: Scene, **keys: Any) -> str:
    """An AWS secret of the bed's administrator; its name."""
    name = f"rotated-rds-admin/{scene.cluster.namespace}/admin"
    facts = scene.database
    value = {"host": "localhost", "username": facts["admin_user"], "password": facts["admin_password"], "engine": facts["engine"]}
    scene.by_hand.secretsmanager().create_secret(Name=name, SecretString=json.dumps({**value, **keys}))
    return name


# the first password


def test_E1_a_first_password_that_logs_in_becomes_the_secret(scene: Scene) -> None:
    status = scene.given_ready(secret={"description": "orders", "tags": {"team": "a"}})
    version, value = scene.current()
    port = scene.database["port"]
    assert value == {
        "engine": "postgres",
        "host": "localhost",
        "port": port,
        "dbname": "app",
        "ssl": True,
        "username": scene.user,
        "password": FIRST,
    }
    assert version == status.version_id == token(f"{scene.aws.account}/{scene.aws.region}/{scene.secret_id}", "create", 0)
    made = {OWNER_TAG: owner(scene), CREATED_TAG: owner(scene), "managed-by": "rotated-rds-operator"}
    assert tags(scene) == {**made, "team": "a"}
    assert described(scene)["Description"] == "orders"
    assert scene.events("SecretCreated") == [f"AWS secret {status.secret_arn}"]


def test_E1_a_first_password_that_is_refused_creates_nothing(scene: Scene) -> None:
    scene.given()
    set_password(scene.database, scene.user, "another-Passw0rd")
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False InitialPasswordMissing"
    assert "spec.user.passwordSecretRef" in said(status, Kind.SECRET_READY).message
    assert status.condition(Kind.STALLED) is not None
    assert scene.calls("CreateSecret") == 0
    assert scene.cluster.secret(scene.name) is None


def test_E1_a_reference_to_nothing_names_the_secret_and_the_key(scene: Scene) -> None:
    scene.given(user={"passwordSecretRef": {"name": "nowhere", "key": "pass"}})
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False InitialPasswordMissing"
    assert "'nowhere'" in said(status, Kind.SECRET_READY).message
    assert "'pass'" in said(status, Kind.SECRET_READY).message


def test_E1_an_administrator_sets_a_first_password_for_a_user_without_sessions(scene: Scene) -> None:
    scene.given(user={**WITH_ADMIN, "adminSecretId": admin(scene)})
    scene.settled()
    assert can_log_in(scene.database, scene.user, scene.password)
    assert not can_log_in(scene.database, scene.user, FIRST)
    assert scene.calls("CreateSecret") == 1


def test_E1_an_administrator_leaves_a_user_with_sessions_alone_unless_told_to_take_over(scene: Scene) -> None:
    scene.given(user={**WITH_ADMIN, "adminSecretId": admin(scene)})
    with log_in(scene.database, scene.user, FIRST):
        status = scene.settle()
        assert reason(status, Kind.SECRET_READY) == "False InitialPasswordMissing"
        assert "takeOver" in said(status, Kind.SECRET_READY).message
        assert scene.calls("CreateSecret") == 0
        scene.changed(user={"takeOver": True})
        assert can_log_in(scene.database, scene.user, scene.password)
        assert not can_log_in(scene.database, scene.user, FIRST)


def test_E1_a_user_that_does_not_exist_is_named(scene: Scene) -> None:
    scene.given(user={**WITH_ADMIN, "adminSecretId": admin(scene)})
    drop_user(scene.database, scene.user)
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False UserNotFound"
    assert scene.user in said(status, Kind.SECRET_READY).message
    assert scene.calls("CreateSecret") == 0


def test_E1_without_reference_and_administrator_the_resource_says_what_to_give(scene: Scene) -> None:
    scene.given(user=WITH_ADMIN)
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False InitialPasswordMissing"
    assert "spec.user.adminSecretId" in said(status, Kind.SECRET_READY).message


def test_E1_a_first_version_whose_password_was_never_set_is_set_by_the_next_operator(scene: Scene) -> None:
    scene.given(user={**WITH_ADMIN, "adminSecretId": admin(scene)})
    fault = scene.aws.control.fault("error", "DescribeSecret", code="InternalServiceError", status=500, count=None, after=2)
    scene.turn()
    assert scene.calls("CreateSecret") == 1
    assert scene.cluster.secret(scene.name) is None
    scene.aws.control.release(fault)
    scene.restarted()
    scene.settled()
    assert can_log_in(scene.database, scene.user, scene.password)
    assert scene.calls("CreateSecret") == 1


# deleted in AWS


def test_E2_a_secret_deleted_in_AWS_is_created_again_from_the_kubernetes_secret(scene: Scene) -> None:
    before = scene.given_ready()
    deleted(scene, force=True)
    status = scene.settled(LOOK)
    assert scene.current()[1]["password"] == FIRST
    assert status.secret_arn not in (None, before.secret_arn)
    assert status.version_id == scene.current()[0]
    assert tags(scene)[OWNER_TAG] == owner(scene)
    (told,) = scene.events("SecretDeletedInAWS")
    assert str(before.secret_arn) in told
    scene.rotated()


def test_E2_a_deleted_secret_whose_password_no_longer_works_needs_a_person(scene: Scene) -> None:
    scene.given_ready()
    deleted(scene, force=True)
    set_password(scene.database, scene.user, "another-Passw0rd")
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False SecretDeletedInAWS"
    assert status.condition(Kind.STALLED) is not None
    assert scene.calls("CreateSecret") == 1, "only the first one"
    assert len(scene.events("SecretDeletedInAWS")) == 1
    assert scene.password == FIRST


def test_E2_the_first_password_never_applies_again(scene: Scene) -> None:
    scene.given_ready()
    rotated = scene.rotated()
    password = scene.password
    deleted(scene, force=True)
    status = scene.settled(LOOK)
    assert status.secret_arn != rotated.secret_arn
    assert scene.current()[1]["password"] == password


def test_E2_without_a_username_in_the_kubernetes_secret_a_person_decides(scene: Scene) -> None:
    scene.given_ready(target={"keys": ["password"]})
    deleted(scene, force=True)
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False SecretDeletedInAWS"
    assert scene.calls("CreateSecret") == 1


def test_E2_a_kubernetes_secret_that_is_not_ours_is_no_source(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.api.call("DELETE", scene.cluster.path("secrets", scene.name, "v1"))
    scene.cluster.given_secret(scene.name, {"username": scene.user, "password": FIRST})
    deleted(scene, force=True)
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False SecretDeletedInAWS"


def test_E2_a_secret_scheduled_for_deletion_keeps_the_kubernetes_secret_and_needs_a_person(scene: Scene) -> None:
    scene.given_ready()
    deleted(scene, force=False)
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False ScheduledForDeletion"
    assert status.condition(Kind.STALLED) is not None
    assert scene.calls("RestoreSecret") == 0
    assert scene.password == FIRST
    scene.by_hand.secretsmanager().restore_secret(SecretId=scene.secret_id)
    scene.settled()


def test_E2_what_carries_our_owner_tag_is_restored_for_a_resource_that_exists_again(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.delete(scene.name)
    scene.cluster.expect_collected(scene.name)
    deleted(scene, force=False)
    scene.cluster.given_resource(scene.resource())
    status = scene.settled()
    assert scene.password == FIRST
    assert said(status, Kind.CREDENTIAL_VERIFIED).message.startswith(scene.user)
    assert len(scene.events("SecretRestoredInAWS")) == 1


def test_E2_somebody_else_s_secret_that_is_scheduled_for_deletion_is_not_restored(scene: Scene) -> None:
    scene.given_secret_in_aws("their-Passw0rd")
    deleted(scene, force=False)
    scene.cluster.given_resource(scene.resource())
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False ScheduledForDeletion"
    assert scene.calls("RestoreSecret") == 0


# whose it is


@pytest.mark.parametrize(
    ("adoption", "tagged", "expected"),
    [
        pytest.param(None, False, "False NotAdopted", id="not tagged, by default"),
        pytest.param("IfTagged", True, "True", id="tagged"),
        pytest.param("Always", False, "True", id="always"),
        pytest.param("Never", True, "False NotAdopted", id="never, although tagged"),
    ],
)
def test_an_existing_secret_is_adopted_as_far_as_the_spec_allows(scene: Scene, adoption: str | None, tagged: bool, expected: str) -> None:
    arn = scene.given_secret_in_aws("their-Passw0rd", tags={ADOPT_TAG: owner(scene)} if tagged else {}, custom="kept")
    scene.cluster.given_resource(scene.resource(secret={"adoption": adoption} if adoption else None))
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == expected
    if expected == "True":
        assert scene.password == "their-Passw0rd"
        assert tags(scene) == {OWNER_TAG: owner(scene), "managed-by": "rotated-rds-operator"}
        assert scene.events("SecretAdopted") == [f"AWS secret {arn}"]
        scene.rotated()
        assert scene.current()[1]["custom"] == "kept"
    else:
        assert OWNER_TAG not in tags(scene)
        assert f"{ADOPT_TAG}={owner(scene)}" in said(status, Kind.SECRET_READY).message


@pytest.mark.parametrize("adoption", ["IfTagged", "Always"])
def test_an_owner_is_never_overridden_but_hands_over_by_the_tag(scene: Scene, adoption: str) -> None:
    scene.given_secret_in_aws("their-Passw0rd", tags={OWNER_TAG: "other/ns/name"})
    scene.cluster.given_resource(scene.resource(secret={"adoption": adoption}))
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False OwnedByAnother"
    assert "other/ns/name" in said(status, Kind.SECRET_READY).message
    assert f"{ADOPT_TAG}={owner(scene)}" in said(status, Kind.SECRET_READY).message
    client = scene.by_hand.secretsmanager()
    client.tag_resource(SecretId=scene.secret_id, Tags=[{"Key": ADOPT_TAG, "Value": owner(scene)}])
    scene.settled()
    assert tags(scene) == {OWNER_TAG: owner(scene), "managed-by": "rotated-rds-operator"}


def test_a_secret_that_somebody_else_took_is_let_go(scene: Scene) -> None:
    scene.given_ready()
    client = scene.by_hand.secretsmanager()
    client.tag_resource(SecretId=scene.secret_id, Tags=[{"Key": OWNER_TAG, "Value": "other/ns/name"}])
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False OwnedByAnother"
    assert reason(scene.settle(), Kind.SECRET_READY) == "False OwnedByAnother", "a quiet pass does not forget it"
    assert tags(scene)[OWNER_TAG] == "other/ns/name"
    assert scene.password == FIRST


def test_A5_two_resources_for_one_user_are_a_conflict_that_the_older_one_wins(scene: Scene) -> None:
    scene.given_ready()
    second = scene.another("second", scene.user)
    scene.cluster.given_secret("second-first", {"password": FIRST})
    scene.cluster.given_resource(second.resource())
    status = second.settle()
    assert reason(status, Kind.SECRET_READY) == "False UserConflict"
    assert f"{scene.cluster.namespace}/{scene.name}" in said(status, Kind.SECRET_READY).message
    assert second.cluster.secret("second") is None
    scene.settled()


# as the spec says


def test_description_and_tags_that_drift_are_put_right_and_others_are_left(scene: Scene) -> None:
    scene.given_ready(secret={"description": "orders", "tags": {"team": "a"}})
    client = scene.by_hand.secretsmanager()
    client.update_secret(SecretId=scene.secret_id, Description="changed")
    client.tag_resource(SecretId=scene.secret_id, Tags=[{"Key": "team", "Value": "b"}, {"Key": "theirs", "Value": "kept"}])
    client.untag_resource(SecretId=scene.secret_id, TagKeys=["managed-by"])
    scene.settled(LOOK)
    assert described(scene)["Description"] == "orders"
    made = {OWNER_TAG: owner(scene), CREATED_TAG: owner(scene), "managed-by": "rotated-rds-operator"}
    assert tags(scene) == {**made, "team": "a", "theirs": "kept"}
    assert scene.calls("PutSecretValue") == 0


def test_a_kms_key_that_drifts_is_put_right(scene: Scene) -> None:
    keys = [scene.by_hand.client("kms").create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
    scene.given_ready(secret={"kmsKeyId": keys[0]})
    scene.by_hand.secretsmanager().update_secret(SecretId=scene.secret_id, KmsKeyId=keys[1])
    scene.settled(LOOK)
    assert described(scene)["KmsKeyId"].endswith(keys[0])


def test_absent_means_untouched(scene: Scene) -> None:
    scene.given_ready(secret={"description": "orders", "tags": {"team": "a"}})
    scene.changed(secret=None)
    client = scene.by_hand.secretsmanager()
    assert described(scene)["Description"] == "orders"
    assert tags(scene)["team"] == "a"
    client.update_secret(SecretId=scene.secret_id, Description="somebody's")
    client.tag_resource(SecretId=scene.secret_id, Tags=[{"Key": "team", "Value": "b"}])
    scene.settled(LOOK)
    assert described(scene)["Description"] == "somebody's"
    assert tags(scene)["team"] == "b"


def test_a_repair_that_AWS_denies_is_said_until_it_succeeds_and_stops_nothing(scene: Scene) -> None:
    scene.given_ready(secret={"description": "orders"})
    scene.by_hand.secretsmanager().update_secret(SecretId=scene.secret_id, Description="changed")
    fault = scene.aws.control.fault("error", "UpdateSecret", code="AccessDeniedException", status=400, count=None)
    scene.moved_by_hand("second-Passw0rd")
    status = scene.settle(LOOK)
    assert reason(status, Kind.SECRET_READY) == "False AccessDenied"
    assert scene.password == "second-Passw0rd"
    assert said(status, Kind.RECONCILING).reason == "AccessDenied"
    assert scene.wake is not None
    assert scene.wake < 600, "it becomes Stalled after ten minutes, without any event"
    scene.later(minutes=10, seconds=1)
    assert said(scene.settle(), Kind.STALLED).reason == "AccessDenied"
    scene.aws.control.release(fault)
    scene.settled()
    assert described(scene)["Description"] == "orders"


def test_a_new_description_is_written_even_if_AWS_did_not_answer_at_first(scene: Scene) -> None:
    scene.given_ready(secret={"description": "orders"})
    scene.cluster.change(scene.name, secret={"description": "orders and stock"})
    fault = scene.aws.control.fault("error", "DescribeSecret", code="InternalServiceError", status=500, count=None)
    status = scene.turn()
    assert not said(status, Kind.READY).true
    scene.aws.control.release(fault)
    scene.settled()
    assert described(scene)["Description"] == "orders and stock"


def test_a_moved_AWSCURRENT_is_not_forgotten_when_AWS_did_not_answer_at_first(scene: Scene) -> None:
    scene.given_ready()
    scene.moved_by_hand("second-Passw0rd")
    fault = scene.aws.control.fault("error", "DescribeSecret", code="InternalServiceError", status=500, count=None)
    status = scene.turn(LOOK)
    assert said(status, Kind.READY).true, "who merely does not answer turns nothing red"
    assert scene.passes.ends[-1].troubled, "so that the engine keeps what it was to look at"
    scene.aws.control.release(fault)
    scene.settled(LOOK)
    assert scene.password == "second-Passw0rd"


# tenancy


def test_G4_in_the_default_mode_a_namespace_may_use_its_own_names_and_listed_hosts_only(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str
) -> None:
    scene = Scene.on(bed, api, namespace, postgres, aws, parse({"mode": "Namespaced", "rules": []}))
    scene.given()
    status = scene.settle()
    assert reason(status, Kind.DATABASE_RESOLVED) == "False NotAllowed"
    assert f'{{namespaces: ["{namespace}"], hosts: ["localhost"]}}' in said(status, Kind.DATABASE_RESOLVED).message
    assert scene.calls("CreateSecret") == 0
    ruled = Scene.on(bed, api, namespace, postgres, aws, parse([{"namespaces": [namespace], "hosts": ["localhost"]}]))
    ruled.user = scene.user
    ruled.settled()


def test_G4_a_foreign_name_is_not_allowed_before_anything_is_written(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str
) -> None:
    scene = Scene.on(bed, api, namespace, postgres, aws, parse([{"namespaces": ["*"], "hosts": ["localhost"]}]))
    scene.given(secret={"name": f"somebody-elses/{namespace}"})
    status = scene.settle()
    assert reason(status, Kind.SECRET_READY) == "False NotAllowed"
    assert "spec.secret.name" in said(status, Kind.SECRET_READY).message
    assert scene.calls("CreateSecret") == 0
    assert status.condition(Kind.STALLED) is not None


def test_G4_in_open_mode_a_loopback_address_needs_its_entry_too(bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str) -> None:
    scene = Scene.on(bed, api, namespace, postgres, aws, parse({"mode": "Open", "rules": []}))
    scene.given()
    status = scene.settle()
    assert reason(status, Kind.DATABASE_RESOLVED) == "False NotAllowed"
    assert "127.0.0.1" in said(status, Kind.DATABASE_RESOLVED).message


def test_G4_a_rule_that_is_taken_away_stops_the_resource_and_its_secret_stays(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str
) -> None:
    scene = Scene.on(bed, api, namespace, postgres, aws, parse(LOOPBACK))
    scene.given_ready()
    stricter = Scene.on(bed, api, namespace, postgres, aws, parse({"mode": "Open", "rules": []}))
    status = stricter.settle()
    assert reason(status, Kind.DATABASE_RESOLVED) == "False NotAllowed"
    assert scene.password == FIRST


@pytest.mark.parametrize(
    ("glob", "expected"),
    [("adopted/*", "True"), ("other/*", "False NotAllowed")],
)
def test_G4_a_secret_outside_the_namespace_s_own_needs_its_rule(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str, glob: str, expected: str
) -> None:
    tenancy = parse([{"namespaces": [namespace], "hosts": ["localhost"], "secrets": [glob], "allow": ["Adoption"]}])
    scene = Scene.on(bed, api, namespace, postgres, aws, tenancy)
    name = f"adopted/{namespace}"
    scene.given_secret_in_aws("their-Passw0rd", name=name)
    scene.cluster.given_resource(scene.resource(secret={"name": name, "adoption": "Always"}))
    assert reason(scene.settle(), Kind.SECRET_READY) == expected
