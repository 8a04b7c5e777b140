"""From a Secret's or a workload's event to the resources that care."""

from typing import Any

import pytest

from rotated_rds.model.resource import Key
from rotated_rds.neighbours import Ties, dependents_of, resource_of_secret

KEY = Key("shop", "db")
READS = {"template": {"spec": {"containers": [{"name": "app", "envFrom": [{"secretRef": {"name": "db"}}]}]}}}


def a_workload(name: str = "app", spec: Any = None) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"namespace": "shop", "name": name}, "spec": spec or {}}


def ties(spec: Any = None, status: Any = None) -> Ties:
    return Ties.of(KEY, {"spec": spec or {}, "status": status or {}})


def test_a_secret_names_its_resource_by_its_annotation() -> None:
    metadata: dict[str, Any] = {"namespace": "shop", "name": "app-credential", "annotations": {"rotated-rds.io/resource": "db"}}
    assert resource_of_secret({"metadata": metadata}) == KEY
    assert resource_of_secret({"metadata": {**metadata, "annotations": None}}) is None
    assert resource_of_secret({"metadata": {"namespace": "shop", "name": "x"}}) is None


@pytest.mark.parametrize(
    ("tied", "workload", "expected"),
    [
        pytest.param(ties(), a_workload(spec=READS), [KEY], id="it reads the Secret of the resource's own name"),
        pytest.param(ties({"target": {"name": "other"}}), a_workload(spec=READS), [], id="the Secret has another name"),
        pytest.param(ties(), a_workload(), [], id="it reads nothing"),
        pytest.param(ties({"restarts": {"workloads": [{"kind": "Deployment", "name": "app"}]}}), a_workload(), [KEY], id="named"),
        pytest.param(ties({"restarts": {"selector": {"matchLabels": {"a": "b"}}}}), a_workload(), [KEY], id="perhaps selected"),
        pytest.param(ties(status={"workloads": [{"kind": "Deployment", "name": "app"}]}), a_workload(), [KEY], id="known so far"),
        pytest.param(
            ties(status={"workloads": [{"kind": "Deployment", "name": "app"}]}),
            a_workload("canary", {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}}),
            [KEY],
            id="it runs the template of one that is known",
        ),
    ],
)
def test_a_workload_wakes_who_depends_on_it(tied: Ties, workload: dict[str, Any], expected: list[Key]) -> None:
    assert list(dependents_of(workload, [tied])) == expected
