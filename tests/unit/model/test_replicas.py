"""Copies in other Regions: what the spec names is made, what it does not name goes, and a copy that stands is never changed."""

import pytest

from rotated_rds.model.replicas import Plan, faults, plan, under_way
from rotated_rds.model.secret import Replica
from rotated_rds.model.spec import ReplicaRegion

WEST, NORTH = ReplicaRegion(region="us-west-2"), ReplicaRegion(region="eu-north-1", kms_key_id="alias/north")
THERE = Replica("us-west-2", "InSync")


@pytest.mark.parametrize(
    ("wanted", "seen", "expected"),
    [
        pytest.param(None, (THERE,), Plan(), id="absent touches none"),
        pytest.param((), (THERE,), Plan(remove=("us-west-2",)), id="an empty list removes all"),
        pytest.param((WEST, NORTH), (THERE,), Plan(add=(NORTH,)), id="what is missing is made"),
        pytest.param((NORTH,), (THERE,), Plan(add=(NORTH,), remove=("us-west-2",)), id="another Region instead"),
        pytest.param((WEST,), (Replica("us-west-2", "Failed"),), Plan(retry=(WEST,)), id="what failed is tried again"),
        pytest.param((WEST,), (Replica("us-west-2", "InProgress"),), Plan(), id="what is under way is left"),
        pytest.param((NORTH,), (Replica("eu-north-1", "InSync", kms_key_id="other"),), Plan(), id="another key changes no copy"),
    ],
)
def test_what_aws_is_asked_for(wanted: tuple[ReplicaRegion, ...] | None, seen: tuple[Replica, ...], expected: Plan) -> None:
    assert plan(wanted, seen) == expected


def test_E7_each_fault_names_its_region_and_the_others_are_none() -> None:
    failed = Replica("us-west-2", "Failed", "Secret name a already exists in region us-west-2.")
    assert faults((WEST, NORTH), (failed, Replica("eu-north-1", "InSync", kms_key_id="alias/north"))) == [
        "us-west-2: Secret name a already exists in region us-west-2."
    ]
    (text,) = faults((NORTH,), (Replica("eu-north-1", "InSync", kms_key_id="alias/other"),))
    assert text.startswith("eu-north-1 is under the key alias/other: take the Region out")
    assert faults(None, (failed,)) == []


def test_a_copy_that_is_being_made_is_waited_for_where_the_spec_names_it() -> None:
    copying = Replica("us-west-2", "InProgress"), Replica("ap-south-1", "Pending")
    assert under_way((WEST,), copying) == ["us-west-2"]
    assert under_way(None, copying) == []
