"""Who reads a Secret, and how far a rollout is."""

from typing import Any

import pytest

from rotated_rds.model.argo import Held
from rotated_rds.model.spec import LabelSelector
from rotated_rds.model.workload import read_workload, secrets_read, selects, version_annotation

OLD = "v1"


def a_body(kind: str = "Deployment", spec: Any = None, status: Any = None, **annotations: str) -> dict[str, Any]:
    template: dict[str, Any] = {"metadata": {"annotations": {"rotated-rds.io/version.db": OLD}}, "spec": {"containers": []}}
    named = {f"rotated-rds.io/{key}": text for key, text in annotations.items()}
    return {
        "kind": kind,
        "metadata": {"name": "a", "generation": 3, "annotations": named},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template, **(spec or {})},
        "status": status or {},
    }


def own(*words: Any, **more: Any) -> Held:
    """Its Pod template is its own."""
    body = a_body(*words, **more)
    return Held(body, body)


def counts(**more: Any) -> dict[str, Any]:
    return {"observedGeneration": 3, **more}


ALL = counts(updatedReplicas=2, replicas=2, availableReplicas=2, readyReplicas=2)


@pytest.mark.parametrize(
    ("kind", "spec", "status", "complete"),
    [
        ("Deployment", {}, ALL, True),
        ("Deployment", {}, {**ALL, "observedGeneration": 2}, False),
        ("Deployment", {}, {**ALL, "updatedReplicas": 1}, False),
        ("Deployment", {}, {**ALL, "replicas": 3}, False),
        ("Deployment", {}, {**ALL, "availableReplicas": 1}, False),
        ("Deployment", {}, {}, False),
        ("StatefulSet", {}, {**ALL, "currentRevision": "r", "updateRevision": "r"}, True),
        ("StatefulSet", {}, {**ALL, "currentRevision": "q", "updateRevision": "r"}, False),
        ("StatefulSet", {}, {**ALL, "currentRevision": "r", "updateRevision": "r", "readyReplicas": 1}, False),
        (
            "StatefulSet",
            {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {**ALL, "currentRevision": "q", "updateRevision": "r", "updatedReplicas": 1},
            True,
        ),
        ("DaemonSet", {}, counts(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2), True),
        ("DaemonSet", {}, counts(desiredNumberScheduled=2, updatedNumberScheduled=1, numberAvailable=2), False),
        ("DaemonSet", {}, counts(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1), False),
    ],
)
def test_when_a_rollout_is_through(kind: str, spec: dict[str, Any], status: dict[str, Any], complete: bool) -> None:
    assert read_workload(own(kind, spec, status), "db").complete is complete


@pytest.mark.parametrize(
    ("body", "skipped"),
    [
        (a_body(), None),
        (a_body(restart="false"), "opted out"),
        (a_body(restart="true"), None),
        (a_body(spec={"paused": True}), "paused"),
        (a_body(spec={"replicas": 0}), "0 replicas"),
        (a_body("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}), "OnDelete"),
        (a_body("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}), "OnDelete"),
        (a_body("DaemonSet", {"replicas": 0}), None),
    ],
)
def test_who_is_skipped_and_why(body: dict[str, Any], skipped: str | None) -> None:
    found = read_workload(Held(body, body), "db").skipped
    assert found is None if skipped is None else skipped in str(found)


def test_a_deadline_that_was_exceeded_is_stuck() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert read_workload(own(status=counts(conditions=[condition])), "db").stuck is not None
    assert read_workload(own(status=counts(conditions=[{**condition, "reason": "other"}])), "db").stuck is None


def test_a_deadline_of_the_rollout_before_says_nothing_of_this_one() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert read_workload(own(status={"observedGeneration": 2, "conditions": [condition]}), "db").stuck is None


@pytest.mark.parametrize(("text", "wave"), [("2", 2), ("-1", -1), ("first", 0), ("", 0)])
def test_a_wave_that_is_no_number_is_the_middle_one(text: str, wave: int) -> None:
    assert read_workload(own(wave=text), "db").wave == wave


def test_what_is_annotated_is_read_for_the_target() -> None:
    assert read_workload(own(), "db").annotated == OLD
    assert read_workload(own(), "other").annotated is None


@pytest.mark.parametrize("length", range(50, 64))
def test_an_annotation_s_name_has_at_most_63_characters_and_tells_targets_apart(length: int) -> None:
    one, other = "a" * length + "b", "a" * length + "c"
    names = [version_annotation(target).removeprefix("rotated-rds.io/") for target in (one, other)]
    assert max(map(len, names)) <= 63
    assert len(set(names)) == 2
    if len(f"version.{one}") <= 63:
        assert names == [f"version.{one}", f"version.{other}"]


def test_secrets_are_read_where_kubernetes_reads_them_and_nowhere_else() -> None:
    spec: dict[str, Any] = {
        "containers": [
            {"envFrom": [{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "no"}}], "env": [{"name": "X", "value": "no"}]},
            {"env": [{"valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}, {"valueFrom": {"configMapKeyRef": {"name": "no"}}}]},
        ],
        "initContainers": [{"envFrom": [{"secretRef": {"name": "c"}}]}],
        "volumes": [
            {"secret": {"secretName": "d"}},
            {"projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "no"}}]}},
            {"configMap": {"name": "no"}},
            {"emptyDir": {}},
        ],
        "imagePullSecrets": [{"name": "no"}],
    }
    assert secrets_read(spec) == {"a", "b", "c", "d", "e"}
    assert secrets_read(spec, volumes=False) == {"a", "b", "c"}
    assert secrets_read({}) == set()


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchLabels": {"b": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_selector_means_what_kubernetes_means(selector: dict[str, Any], expected: bool) -> None:
    assert selects(LabelSelector.model_validate(selector), {"a": "1"}) is expected
