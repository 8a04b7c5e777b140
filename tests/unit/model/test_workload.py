"""Who reads a Secret, how far a rollout is, and who starts next (SAFETY.md D3, D4, G2, G3)."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.spec import LabelSelector
from rotated_rds.model.status import WorkloadStatus
from rotated_rds.model.workload import (
    CLOCK_MARGIN,
    ELSEWHERE,
    REVERTED,
    STARTED_SINCE,
    TAKEN_AWAY,
    Plan,
    PodSeen,
    Terms,
    Workload,
    ordered,
    plan_restarts,
    read_pod,
    read_workload,
    secrets_read,
    selects,
    started_since,
    version_annotation,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW = "v1", "v2"
TERMS = Terms(None, timedelta(minutes=10), halts=False, resumed=None, room=10)


def a_workload(name: str = "a", **more: Any) -> Workload:
    plain = Workload("Deployment", name, 0, None, OLD, True, None, {"app": name}, frozenset({"db"}))
    return replace(plain, **more)


def known(name: str, state: Any, version: str = NEW, *, ago: int = 0, message: str | None = None) -> WorkloadStatus:
    return WorkloadStatus(
        kind="Deployment", name=name, state=state, version_id=version, since=NOW - timedelta(seconds=ago), message=message
    )


def plan(
    *workloads: Workload,
    before: Collection[WorkloadStatus] = (),
    current: Mapping[str, bool] | None = None,
    terms: Terms = TERMS,
    elsewhere: Collection[str] = (),
) -> Plan:
    by_title = {f"{one.kind}/{one.name}": one for one in before}
    return plan_restarts(ordered(workloads), current or {}, by_title, NEW, NOW, terms, elsewhere)


def states(found: Plan) -> dict[str, str]:
    return {one.name: one.state for one in found.states}


def started(found: Plan) -> list[str]:
    return [one.name for one in found.restart]


# one workload


ROLLING = a_workload(annotated=NEW, complete=False)


@pytest.mark.parametrize(
    ("one", "before", "current", "state", "restarts"),
    [
        pytest.param(a_workload(), None, False, "Rolling", True, id="on the old version"),
        pytest.param(a_workload(annotated=None), None, False, "Rolling", True, id="never annotated"),
        pytest.param(a_workload(annotated=None), None, True, "Ready", False, id="its Pods started since"),
        pytest.param(a_workload(annotated=None), known("a", "Ready", message=STARTED_SINCE), False, "Ready", False, id="they were seen to"),
        pytest.param(a_workload(skipped="paused"), None, False, "Skipped", False, id="not to be restarted"),
        pytest.param(a_workload(skipped="paused", annotated=NEW), None, False, "Ready", False, id="skipped, but on it already"),
        pytest.param(ROLLING, known("a", "Rolling"), False, "Rolling", False, id="on its way"),
        pytest.param(a_workload(annotated=NEW), known("a", "Rolling"), False, "Ready", False, id="through"),
        pytest.param(a_workload(annotated=NEW), None, False, "Ready", False, id="through, with status lost"),
        pytest.param(ROLLING, None, False, "Rolling", False, id="on its way, with status lost"),
        pytest.param(ROLLING, known("a", "Rolling", ago=599), False, "Rolling", False, id="just in time"),
        pytest.param(ROLLING, known("a", "Rolling", ago=600), False, "Failed", False, id="too long"),
        pytest.param(replace(ROLLING, stuck="deadline"), known("a", "Rolling"), False, "Failed", False, id="stuck"),
        pytest.param(ROLLING, known("a", "Failed"), False, "Failed", False, id="failed"),
        pytest.param(a_workload(annotated=NEW), known("a", "Failed"), False, "Ready", False, id="ready by any means"),
        pytest.param(a_workload(), known("a", "Failed", OLD), False, "Rolling", True, id="failed with the version before"),
        pytest.param(a_workload(), known("a", "Ready"), False, "Rolling", True, id="the annotation was taken away"),
        pytest.param(a_workload(), known("a", "Ready", message=TAKEN_AWAY), False, "Failed", False, id="and again"),
        pytest.param(a_workload(), known("a", "Failed", message=REVERTED), False, "Failed", False, id="and is left alone"),
        pytest.param(a_workload(), known("a", "Failed", message=REVERTED), True, "Ready", False, id="until its Pods start anew"),
        pytest.param(a_workload(), known("a", "Failed", OLD, message=REVERTED), False, "Rolling", True, id="or a new version comes"),
    ],
)
def test_where_a_workload_is(one: Workload, before: WorkloadStatus | None, current: bool, state: str, restarts: bool) -> None:
    found = plan(one, before=[before] if before else [], current={one.title: current})
    assert states(found) == {"a": state}
    assert bool(found.restart) is restarts


def test_one_more_try_is_remembered_until_it_is_through() -> None:
    first = plan(a_workload(), before=[known("a", "Ready")])
    assert [one.message for one in first.states] == [TAKEN_AWAY]
    rolling = plan(ROLLING, before=first.states)
    through = plan(a_workload(annotated=NEW), before=rolling.states)
    assert [(one.state, one.message) for one in through.states] == [("Ready", TAKEN_AWAY)]
    again = plan(a_workload(), before=through.states)
    assert [(one.state, one.message) for one in again.states] == [("Failed", REVERTED)]


def test_since_when_counts_from_the_state_s_beginning() -> None:
    assert plan(ROLLING, before=[known("a", "Rolling", ago=60)]).states[0].since == NOW - timedelta(seconds=60)
    assert plan(a_workload(annotated=NEW), before=[known("a", "Rolling", ago=60)]).states[0].since == NOW


# many


def test_D4_a_whole_wave_starts_at_once_and_the_next_waits() -> None:
    found = plan(a_workload("a"), a_workload("b"), a_workload("late", wave=1), a_workload("early", wave=-1, annotated=NEW))
    assert started(found) == ["a", "b"]
    assert states(found) == {"early": "Ready", "a": "Rolling", "b": "Rolling", "late": "Pending"}


def test_D4_a_failure_does_not_stop_the_others_nor_the_next_wave() -> None:
    failed = known("a", "Failed")
    found = plan(replace(ROLLING, name="a"), a_workload("b", wave=1), before=[failed])
    assert started(found) == ["b"]
    assert not found.halted


@pytest.mark.parametrize(("concurrent", "room", "expected"), [(1, 10, 0), (2, 10, 1), (3, 10, 2), (None, 10, 3), (None, 1, 1), (3, 0, 0)])
def test_so_many_roll_at_once_and_no_more_than_the_release_has_room_for(concurrent: int | None, room: int, expected: int) -> None:
    rolling = known("a", "Rolling")
    terms = replace(TERMS, concurrent=concurrent, room=room)
    found = plan(ROLLING, a_workload("b"), a_workload("c"), a_workload("d"), before=[rolling], terms=terms)
    assert len(found.restart) == expected


HALT = replace(TERMS, halts=True)


def test_halt_starts_nothing_while_one_has_failed_and_says_so_where_others_wait() -> None:
    found = plan(ROLLING, a_workload("b"), before=[known("a", "Failed")], terms=HALT)
    assert started(found) == []
    assert states(found) == {"a": "Failed", "b": "Pending"}
    assert found.halted
    assert not plan(ROLLING, before=[known("a", "Failed")], terms=HALT).halted


def test_resume_forgives_the_failures_until_then() -> None:
    resumed = replace(HALT, resumed=NOW - timedelta(seconds=10))
    assert started(plan(ROLLING, a_workload("b"), before=[known("a", "Failed", ago=11)], terms=resumed)) == ["b"]
    assert started(plan(ROLLING, a_workload("b"), before=[known("a", "Failed", ago=9)], terms=resumed)) == []


def test_G2_who_rolls_for_another_secret_is_left_until_that_is_through() -> None:
    found = plan(a_workload("a", complete=False), a_workload("b"), elsewhere={"Deployment/a"})
    assert started(found) == ["b"]
    assert [(one.name, one.state, one.message) for one in found.states] == [("a", "Pending", ELSEWHERE), ("b", "Rolling", None)]


workloads = st.builds(
    a_workload,
    st.sampled_from("abcdef"),
    wave=st.integers(-1, 1),
    annotated=st.sampled_from([None, OLD, NEW]),
    complete=st.booleans(),
    skipped=st.sampled_from([None, "paused"]),
)


@given(st.lists(workloads, unique_by=lambda one: one.name), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_a_plan_never_starts_too_many_nor_out_of_turn(found: list[Workload], concurrent: int, room: int, halts: bool) -> None:
    made = plan(*found, terms=Terms(concurrent, timedelta(minutes=10), halts, None, room))
    rolling = [one for one in made.states if one.state == "Rolling"]
    before = [one for one in found if one.annotated == NEW and not one.complete]
    assert len(made.restart) <= room
    assert len(rolling) <= max(concurrent, len(before))
    waves = {one.name: one.wave for one in found}
    open_waves = [waves[one.name] for one in made.states if one.state in ("Pending", "Rolling")]
    assert all(one.wave == min(open_waves) for one in made.restart)
    assert all(one.skipped is None and one.annotated != NEW for one in made.restart)
    assert [one.name for one in made.states] == [one.name for one in ordered(found)]


# reading bodies


def a_body(kind: str = "Deployment", spec: Any = None, status: Any = None, **annotations: str) -> dict[str, Any]:
    template: dict[str, Any] = {"metadata": {"annotations": {"rotated-rds.io/version.db": OLD}}, "spec": {"containers": []}}
    named = {f"rotated-rds.io/{key}": text for key, text in annotations.items()}
    return {
        "kind": kind,
        "metadata": {"name": "a", "generation": 3, "annotations": named},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template, **(spec or {})},
        "status": status or {},
    }


def counts(**more: int) -> dict[str, Any]:
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
    assert read_workload(a_body(kind, spec, status), "db").complete is complete


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
    found = read_workload(body, "db").skipped
    assert found is None if skipped is None else skipped in str(found)


def test_a_deadline_that_was_exceeded_is_stuck() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert read_workload(a_body(status={"conditions": [condition]}), "db").stuck is not None
    assert read_workload(a_body(status={"conditions": [{**condition, "reason": "other"}]}), "db").stuck is None


@pytest.mark.parametrize(("text", "wave"), [("2", 2), ("-1", -1), ("first", 0), ("", 0)])
def test_a_wave_that_is_no_number_is_the_middle_one(text: str, wave: int) -> None:
    assert read_workload(a_body(wave=text), "db").wave == wave


def test_what_is_annotated_is_read_for_the_target() -> None:
    assert read_workload(a_body(), "db").annotated == OLD
    assert read_workload(a_body(), "other").annotated is None


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


# selectors and Pods


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


def pod(seconds: float | None, app: str = "a") -> PodSeen:
    return PodSeen("p", {"app": app}, None if seconds is None else NOW + timedelta(seconds=seconds), None, frozenset({"db"}))


@pytest.mark.parametrize(
    ("pods", "margin", "expected"),
    [
        ([pod(1)], 0, True),
        ([pod(0)], 0, False),
        ([pod(1), pod(-1)], 0, False),
        ([pod(59)], 60, False),
        ([pod(61)], 60, True),
        ([pod(61), pod(None)], 60, True),
        ([pod(None)], 60, False),
        ([], 60, False),
        ([pod(99, "other")], 60, False),
        ([pod(99), pod(-99, "other")], 60, True),
    ],
)
def test_G3_a_workload_is_current_when_all_its_pods_started_since_with_a_minute_to_spare(
    pods: list[PodSeen], margin: int, expected: bool
) -> None:
    assert started_since(a_workload(), pods, NOW, timedelta(seconds=margin)) is expected
    assert timedelta(minutes=1) == CLOCK_MARGIN


def test_a_workload_that_selects_by_expressions_alone_is_never_taken_for_current() -> None:
    assert not started_since(a_workload(selector={}), [pod(99)], NOW, timedelta())


def running(at: str) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": at}}}


def a_pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": {"app": "a"}}, "spec": {"containers": []}, "status": status}


def test_D3_a_pod_counts_from_its_earliest_running_container() -> None:
    statuses: list[Any] = [running("2026-11-24T12:00:05Z"), running("2026-11-24T12:00:01Z"), {"state": {"waiting": {}}}]
    found = read_pod(a_pod(phase="Running", containerStatuses=statuses))
    assert found is not None
    assert found.started == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("state", ["running", "terminated"])
def test_D3_an_init_container_counts_too_for_what_it_read_may_live_on(state: str) -> None:
    init = {"state": {state: {"startedAt": "2026-11-24T12:00:00Z"}}}
    found = read_pod(a_pod(phase="Running", containerStatuses=[running("2026-11-24T12:00:05Z")], initContainerStatuses=[init]))
    assert found is not None
    assert found.started == NOW


def test_a_pod_whose_containers_wait_has_not_started() -> None:
    init = {"state": {"terminated": {"startedAt": "2026-11-24T12:00:00Z"}}}
    found = read_pod(a_pod(phase="Pending", containerStatuses=[{"state": {"waiting": {}}}], initContainerStatuses=[init]))
    assert found is not None
    assert found.started is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_over_is_no_user(phase: str) -> None:
    assert read_pod(a_pod(phase=phase)) is None


def test_a_pod_names_its_job_and_only_that() -> None:
    body = a_pod(phase="Running")
    body["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "report", "controller": True}]
    found = read_pod(body)
    assert found is not None
    assert (found.job, found.started) == ("report", None)
    body["metadata"]["ownerReferences"][0]["kind"] = "ReplicaSet"
    again = read_pod(body)
    assert again is not None
    assert again.job is None
