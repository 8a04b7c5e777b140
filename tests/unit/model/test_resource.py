"""A body as one value: identity, target, and the spec that a started rotation is finished with (SAFETY.md A6)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rotated_rds.model.resource import FINALIZER, Key, Resource, read_resource, spec_in_force, spec_text
from rotated_rds.model.status import InProgress, RotationStatus, Status
from tests.support.resources import merged

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LEAST = {"database": {"host": "old", "engine": "postgres"}, "user": {"name": "app"}, "secret": {"name": "s", "description": "old"}}


def a_resource(spec: Any = None, **metadata: Any) -> Resource:
    place = {
        "namespace": "n",
        "name": "r",
        "uid": "u",
        "generation": 3,
        "resourceVersion": "9",
        "creationTimestamp": "2026-11-24T00:00:00Z",
    }
    return read_resource({"metadata": {**place, **metadata}, "spec": LEAST if spec is None else spec})[0]


def rotating(resource: Resource) -> Status:
    progress = InProgress(version_id="v", since=NOW, cause="request", spec=spec_text(resource))
    return Status(rotation=RotationStatus(in_progress=progress))


def test_a_resource_says_who_it_is() -> None:
    one = a_resource(finalizers=[FINALIZER], deletionTimestamp="2026-11-24T01:00:00Z")
    assert (one.key, str(one.key), one.generation, one.created) == (Key("n", "r"), "n/r", 3, NOW)
    assert one.held_for_cleanup
    assert one.deleting
    assert not a_resource().deleting


def test_the_target_is_the_spec_s_else_the_resource_s_own_name_also_when_the_spec_cannot_be_understood() -> None:
    assert a_resource().target == "r"
    assert a_resource({**LEAST, "target": {"name": "t"}}).target == "t"
    assert a_resource({"target": {"name": "t"}, "nonsense": 1}).target == "t"


def test_a_spec_that_cannot_be_understood_says_why_and_stops_nobody() -> None:
    one = a_resource({**LEAST, "nonsense": 1})
    assert one.spec is None
    assert one.fault is not None
    assert "nonsense" in one.fault.message


def test_A6_a_rotation_under_way_is_finished_with_the_spec_that_it_began_with() -> None:
    before = rotating(a_resource())
    now = a_resource(
        merged(LEAST, {"database": {"host": "new"}, "secret": {"description": "new"}, "target": {"name": "t"}, "suspend": True})
    )
    spec = spec_in_force(now, before)
    assert spec is not None
    assert spec.database.host == "old", "what the rotation acts on"
    assert spec.target.name == "t", "what comes after it follows the present spec"


def test_A6_a_spec_that_has_become_invalid_does_not_stop_a_rotation() -> None:
    spec = spec_in_force(a_resource({"nonsense": 1}), rotating(a_resource()))
    assert spec is not None
    assert spec.database.host == "old"


@pytest.mark.parametrize("kept", [None, "{broken", "[]", '{"database": {"nonsense": 1}}'])
def test_a_kept_spec_that_cannot_be_read_gives_way_to_the_present_one(kept: str | None) -> None:
    progress = InProgress(version_id="v", since=NOW, cause="request", spec=kept)
    spec = spec_in_force(a_resource(), Status(rotation=RotationStatus(in_progress=progress)))
    assert spec == a_resource().spec


def test_without_a_rotation_the_present_spec_is_in_force() -> None:
    assert spec_in_force(a_resource(), Status()) == a_resource().spec
