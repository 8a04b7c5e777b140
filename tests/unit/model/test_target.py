"""Whose Kubernetes Secret it is, and whether it still stands as written (SAFETY.md G1)."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from rotated_rds.model import target
from rotated_rds.model.credential import Credential, new_value
from rotated_rds.model.database import Endpoint, Engine, Tls
from rotated_rds.model.resource import MANAGER, Resource, read_resource
from tests.support.resources import merged

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEAST = {"database": {"host": "db", "engine": "postgres"}, "user": {"name": "app"}}
LABEL, RESOURCE, ADOPT = "app.kubernetes.io/managed-by", "rotated-rds.io/resource", "rotated-rds.io/adopt"
OURS = {"kind": "RotatedRDSSecret", "name": "db", "uid": "uid-1", "controller": True}
ENDPOINT = Endpoint(Engine.POSTGRES, "db.example", 5432, "app", Tls())
CREDENTIAL = Credential("version-1", new_value(ENDPOINT, "app", SecretStr("pass")))


def a_resource(**spec: Any) -> Resource:
    metadata = {"namespace": "shop", "name": "db", "uid": "uid-1", "resourceVersion": "1", "creationTimestamp": "2026-11-01T00:00:00Z"}
    return read_resource({"metadata": metadata, "spec": merged(LEAST, spec)})[0]


def a_secret(*owners: dict[str, Any], labels: dict[str, str] | None = None, **annotations: str) -> dict[str, Any]:
    named = {f"rotated-rds.io/{key}": text for key, text in annotations.items()}
    return {"metadata": {"name": "db", "namespace": "shop", "labels": labels, "annotations": named, "ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        pytest.param(a_secret(OURS), (True, False, False), id="our uid controls it"),
        pytest.param(a_secret(labels={LABEL: MANAGER}, resource="db"), (True, False, False), id="nobody does, and both marks are ours"),
        pytest.param(a_secret(labels={LABEL: MANAGER}), (False, False, False), id="our label alone"),
        pytest.param(a_secret(resource="db"), (False, False, False), id="our annotation alone"),
        pytest.param(a_secret(labels={LABEL: MANAGER}, resource="other"), (False, False, False), id="another resource's"),
        pytest.param(a_secret({**OURS, "uid": "uid-0"}), (False, False, True), id="a namesake's that is gone"),
        pytest.param(a_secret({**OURS, "uid": "uid-0", "name": "other"}), (False, False, False), id="another of our kind"),
        pytest.param(a_secret({**OURS, "kind": "ExternalSecret", "uid": "x"}), (False, False, False), id="another kind"),
        pytest.param(
            a_secret({**OURS, "uid": "x"}, labels={LABEL: MANAGER}, resource="db"),
            (False, False, True),
            id="marks do not beat a controller",
        ),
        pytest.param(a_secret(adopt="db"), (False, True, False), id="handed over"),
        pytest.param(a_secret(adopt="other"), (False, False, False), id="handed over to another"),
        pytest.param(a_secret({**OURS, "kind": "X", "uid": "x"}, adopt="db"), (False, False, False), id="handed over, still controlled"),
        pytest.param(a_secret(), (False, False, False), id="nobody's"),
    ],
)
def test_G1_whose_secret_it_is(secret: dict[str, Any], expected: tuple[bool, bool, bool]) -> None:
    one = a_resource()
    assert (target.is_ours(secret, one), target.is_handed_over(secret, one), target.awaits_collection(secret, one)) == expected


def test_a_conflict_names_the_owner_and_the_annotation_that_hands_it_over() -> None:
    found = target.conflict(a_secret({**OURS, "kind": "ExternalSecret", "name": "es", "uid": "x"}), a_resource())
    assert found.reason == "TargetConflict"
    assert "ExternalSecret es" in found.message
    assert f"{ADOPT}=db" in found.message
    assert "somebody else" in target.conflict(a_secret(), a_resource()).message


# what it holds


def manifest(**spec: Any) -> dict[str, Any]:
    one = a_resource(**spec)
    assert one.spec is not None
    return target.manifest(one, one.spec, target.content(one.spec, CREDENTIAL, ENDPOINT), CREDENTIAL.version, NOW)


def test_the_manifest_says_whose_which_and_since_when() -> None:
    found = manifest(target={"labels": {"team": "a"}, "annotations": {"note": "b"}})
    assert found["metadata"]["labels"] == {LABEL: MANAGER, "team": "a"}
    assert found["metadata"]["annotations"] == {
        "note": "b",
        RESOURCE: "db",
        "rotated-rds.io/version-id": "version-1",
        "rotated-rds.io/published-at": "2026-11-24T12:00:00.000000Z",
    }
    assert found["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert "ownerReferences" not in manifest(target={"deletionPolicy": "Retain"})["metadata"]


def test_the_applications_endpoint_wins_over_the_database_s_own() -> None:
    found = manifest(target={"endpoint": {"host": "proxy"}})
    assert target.text_of(found, "host") == "proxy"
    assert target.text_of(found, "port") == "5432"
    assert target.text_of(manifest(target={"endpoint": {"host": "proxy", "port": 6432}}), "port") == "6432"


def test_a_key_without_a_value_is_left_out() -> None:
    assert "reader_host" not in manifest()["data"]


@pytest.mark.parametrize("data", [{}, {"key": "a"}, {"key": "/w=="}])
def test_what_is_no_text_is_none(data: dict[str, str]) -> None:
    assert target.text_of({"data": data}, "key") is None
    assert target.text_of(None, "key") is None


# drift


def applied(**spec: Any) -> dict[str, Any]:
    """A Secret as the API server shows it after our apply."""
    found = manifest(**spec)
    metadata = found["metadata"]
    fields: dict[str, Any] = {
        "f:data": {f"f:{key}": {} for key in found["data"]},
        "f:metadata": {
            "f:labels": {f"f:{key}": {} for key in metadata["labels"]},
            "f:annotations": {f"f:{key}": {} for key in metadata["annotations"]},
        },
    }
    metadata["managedFields"] = [{"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}]
    return found


def drifted(secret: dict[str, Any]) -> bool:
    spec = a_resource(**SPEC).spec
    assert spec is not None
    return target.drifted(secret, spec)


SPEC: dict[str, Any] = {"target": {"labels": {"team": "a"}, "annotations": {"note": "b"}, "template": {"url": "{{ host }}"}}}


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param("owned f:data f:password", id="a key that somebody else owns"),
        pytest.param("data password", id="a key that is gone"),
        pytest.param("owned f:data f:url", id="a template's key"),
        pytest.param("owned f:data f:dbname", id="a key that may be missing, but is there"),
        pytest.param(f"owned f:metadata f:labels f:{LABEL}", id="our label"),
        pytest.param("owned f:metadata f:labels f:team", id="the spec's label"),
        pytest.param("owned f:metadata f:annotations f:note", id="the spec's annotation"),
        pytest.param(f"owned f:metadata f:annotations f:{RESOURCE}", id="our annotation"),
        pytest.param("metadata managedFields", id="nobody knows who owns what"),
    ],
)
def test_G1_drift_is_a_field_that_our_manager_no_longer_owns(lost: str) -> None:
    secret = applied(**SPEC)
    *path, last = lost.split()
    place: dict[str, Any] = {**secret, "owned": secret["metadata"]["managedFields"][0]["fieldsV1"]}
    for key in path:
        place = place[key]
    del place[last]
    assert drifted(secret)


def test_G1_what_others_add_is_no_drift() -> None:
    secret = applied(**SPEC)
    assert not drifted(secret)
    secret["data"]["theirs"] = "eA=="
    assert not drifted(secret)


def test_a_secret_that_stands_as_the_manifest_says_is_not_written_again() -> None:
    there = applied(**SPEC)
    assert target.holds_content(there, manifest(**SPEC))
    changes: list[dict[str, Any]] = [{"data": {"password": "eA=="}}, {"type": "other"}]
    for change in changes:
        assert not target.holds_content({**there, **change}, manifest(**SPEC))
    assert not target.holds_content(there, manifest(target={**SPEC["target"], "deletionPolicy": "Retain"}))


def test_the_first_post_s_share_of_the_fields_is_given_up() -> None:
    secret = applied()
    assert target.without_the_post(secret) is None
    fields = secret["metadata"]["managedFields"]
    post, theirs = {"manager": MANAGER, "operation": "Update"}, {"manager": "kubectl", "operation": "Update"}
    secret["metadata"]["managedFields"] = [*fields, post, theirs]
    assert target.without_the_post(secret) == [*fields, theirs]


# handed over by somebody who had put the same into it

MADE, WRITTEN = "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"
DATA = {"username": b"app", "password": b"pass", "port": b"5432"}


def theirs(*fields: tuple[str, str], **data: str) -> dict[str, Any]:
    """A Secret of somebody else. fields: when a manager last wrote which key."""
    managers: list[dict[str, Any]] = [
        {"manager": f"m{number}", "time": time, "fieldsV1": {"f:data": {".": {}, f"f:{key}": {}}}}
        for number, (time, key) in enumerate(fields)
    ]
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"metadata": {"creationTimestamp": MADE, "managedFields": managers}, "data": encoded}


@pytest.mark.parametrize(
    ("secret", "since"),
    [
        pytest.param(theirs((MADE, "password"), password="pass"), "10:00", id="it was made so"),
        pytest.param(theirs((WRITTEN, "password"), password="pass"), "11:01", id="written later: a minute of margin"),
        pytest.param(theirs((MADE, "username"), (WRITTEN, "password"), username="app", password="pass"), "11:01", id="the last write"),
        pytest.param(theirs((MADE, "password"), (WRITTEN, "note"), password="pass", note="x"), "10:00", id="a key that is not ours"),
        pytest.param(theirs((MADE, "password"), password="pass", extra="x"), "10:00", id="more keys than ours"),
        pytest.param(theirs((MADE, "password"), password="old"), None, id="another password"),
        pytest.param(theirs((MADE, "password"), password="pass", port="3306"), None, id="another port"),
        pytest.param(theirs((MADE, "note"), note="x"), None, id="none of our keys"),
        pytest.param({**theirs(password="pass")}, None, id="nobody says when"),
        pytest.param(theirs(("2026-11-24T11:59:30Z", "password"), password="pass"), "12:00", id="never a time to come"),
    ],
)
def test_G3_a_secret_that_is_handed_over_as_it_is_stands_since_it_was_written(secret: dict[str, Any], since: str | None) -> None:
    expected = datetime.fromisoformat(f"2026-11-24T{since}:00Z") if since else None
    assert target.stands_since(secret, DATA, NOW) == expected
