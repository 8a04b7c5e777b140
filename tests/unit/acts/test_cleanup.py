"""When a resource's AWS secret goes with it: only then a finalizer holds the resource."""

from typing import Any

import pytest

from rotated_rds.acts.cleanup import deletes
from rotated_rds.model.resource import read_resource

PLACE = {"namespace": "n", "name": "r", "uid": "u", "resourceVersion": "9", "creationTimestamp": "2026-11-24T00:00:00Z"}
DATABASE, USER, DELETE = {"instance": "orders"}, {"name": "app"}, {"deletionPolicy": "Delete"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"user": USER, "secret": DELETE}, True, id="Delete"),
        pytest.param({"user": USER}, False, id="Retain, by default"),
        pytest.param({"user": USER, "secret": DELETE, "suspend": True}, False, id="suspended: AWS is left alone"),
        pytest.param({"rotation": {"method": "RDSManaged"}, "secret": DELETE}, False, id="RDS's own"),
        pytest.param({"rotation": {"method": "External"}, "secret": {"name": "theirs", **DELETE}}, False, id="somebody else's"),
        pytest.param({"user": USER, "secret": DELETE, "nonsense": 1}, False, id="a spec that cannot be read"),
    ],
)
def test_the_secret_goes_with_its_resource_where_the_spec_says_so_and_it_is_ours(spec: dict[str, Any], expected: bool) -> None:
    resource, _ = read_resource({"metadata": PLACE, "spec": {"database": DATABASE, **spec}})
    assert deletes(resource) is expected
