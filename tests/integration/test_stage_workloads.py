"""WorkloadsCurrent: who is restarted, in which order, how far, and what stops it (SAFETY.md D4, G2; API.md)."""

from collections.abc import Callable

import pytest

from rotated_rds.model.status import Kind
from tests.support.scene import Scene, said
from tests.support.workloads import (
    READERS,
    Json,
    annotated,
    break_pods,
    container,
    current,
    from_env,
    from_volume,
    given,
    given_rolled_out,
    one,
    state,
    through,
    workload,
)

RESTART, WAVE = "rotated-rds.io/restart", "rotated-rds.io/wave"
MOVED = ("Rolling", "Ready")
"""Restarted: kwok may have replaced its Pods by the end of that very pass."""


# who depends on it


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("reads", READERS)
def test_every_way_to_read_the_secret_is_discovered(scene: Scene, kind: str, reads: Callable[[str], Json]) -> None:
    given(scene, kind, "reader", reads(scene.name))
    given(scene, kind, "other", reads("another-secret"))
    scene.given()
    status = scene.settle()
    assert [(known.kind, known.name) for known in status.workloads] == [(kind, "reader")]
    assert annotated(scene, "reader", kind) == status.version_id
    assert annotated(scene, "other", kind) is None


def test_a_mount_is_left_alone_where_the_application_reads_the_file_again(scene: Scene) -> None:
    given(scene, "Deployment", "mounts", from_volume(scene.name))
    given(scene, "Deployment", "env", from_env(scene.name))
    scene.given(restarts={"volumes": False})
    assert [known.name for known in scene.settle().workloads] == ["env"]


def test_named_and_selected_workloads_are_restarted_without_discovery(scene: Scene) -> None:
    given(scene, "Deployment", "named", {})
    given(scene, "StatefulSet", "named", {})
    given(scene, "Deployment", "selected", {}, labels={"team": "orders"})
    given(scene, "Deployment", "reader", from_env(scene.name), labels={"team": "stock"})
    restarts = {"discover": False, "workloads": [{"kind": "Deployment", "name": "named"}], "selector": {"matchLabels": {"team": "orders"}}}
    scene.given(restarts=restarts)
    assert [(known.kind, known.name) for known in scene.settle().workloads] == [("Deployment", "named"), ("Deployment", "selected")]


def test_without_a_dependent_the_resource_is_ready(scene: Scene) -> None:
    status = scene.given_ready()
    assert said(status, Kind.WORKLOADS_CURRENT).reason == "NoWorkloads"
    assert status.workloads == ()


# restarts


def test_a_rotation_restarts_what_reads_the_secret_and_is_ready_when_it_is(scene: Scene) -> None:
    before = given_rolled_out(scene, "orders")
    break_pods(scene, "orders")
    status = scene.rotated()
    assert current(status) == "False Rolling"
    assert said(status, Kind.RECONCILING).reason == "Rolling"
    assert state(status, "orders") == "Rolling"
    assert annotated(scene, "orders") == status.version_id != before.version_id
    break_pods(scene, "orders", broken=False)
    through(scene, "orders")
    status = scene.settled()
    assert state(status, "orders") == "Ready"
    assert len(scene.events("WorkloadRestarted")) == 2
    assert len(scene.events("WorkloadReady")) == 2


def test_D4_a_wave_rolls_at_once_and_the_next_waits_for_it(scene: Scene) -> None:
    given_rolled_out(scene, "a", "b", "late")
    scene.cluster.merge(scene.cluster.path("deployments", "late", "apps/v1"), {"metadata": {"annotations": {WAVE: "1"}}})
    for name in ("a", "b"):
        break_pods(scene, name)
    status = scene.rotated()
    assert [state(status, name) for name in ("a", "b", "late")] == ["Rolling", "Rolling", "Pending"]
    for name in ("a", "b"):
        break_pods(scene, name, broken=False)
    through(scene, "a", "b")
    status = scene.settle()
    assert [state(status, name) for name in ("a", "b")] == ["Ready", "Ready"]
    assert state(status, "late") != "Pending"


def test_max_concurrent_bounds_how_many_roll(scene: Scene) -> None:
    given_rolled_out(scene, "a", "b", "c", restarts={"maxConcurrent": 2})
    for name in ("a", "b", "c"):
        break_pods(scene, name)
    status = scene.rotated()
    assert [state(status, name) for name in ("a", "b", "c")] == ["Rolling", "Rolling", "Pending"]
    break_pods(scene, "a", broken=False)
    through(scene, "a")
    status = scene.settle()
    assert [state(status, name) for name in ("a", "b", "c")] == ["Ready", "Rolling", "Rolling"]


def test_D4_a_rollout_that_takes_too_long_fails_and_does_not_stop_the_others(scene: Scene) -> None:
    given_rolled_out(scene, "a", "b", restarts={"readyTimeout": "30s", "maxConcurrent": 1})
    break_pods(scene, "a")
    status = scene.rotated()
    assert [state(status, name) for name in ("a", "b")] == ["Rolling", "Pending"]
    scene.later(seconds=31)
    status = scene.settle()
    assert current(status) == "False RolloutFailed"
    assert state(status, "a") == "Failed"
    assert "30 s" in str(one(status, "a").message)
    assert status.condition(Kind.STALLED) is None
    through(scene, "b")
    assert state(scene.settle(), "b") == "Ready"
    assert len(scene.events("RolloutFailed")) == 1


def test_a_failed_workload_that_becomes_ready_by_any_means_ends_it(scene: Scene) -> None:
    given_rolled_out(scene, "a", restarts={"readyTimeout": "30s"})
    break_pods(scene, "a")
    scene.rotated()
    scene.later(seconds=31)
    assert current(scene.settle()) == "False RolloutFailed"
    break_pods(scene, "a", broken=False)
    through(scene, "a")
    scene.settled()


def test_halt_leaves_the_others_on_what_they_have(scene: Scene) -> None:
    first = given_rolled_out(scene, "a", "b", restarts={"readyTimeout": "30s", "maxConcurrent": 1, "onFailure": "Halt"})
    break_pods(scene, "a")
    scene.rotated()
    scene.later(seconds=31)
    status = scene.settle()
    assert current(status) == "False Halted"
    assert said(status, Kind.STALLED).reason == "Halted"
    assert "rotated-rds.io/resume" in said(status, Kind.WORKLOADS_CURRENT).message
    assert state(status, "b") == "Pending"
    assert annotated(scene, "b") == first.version_id
    break_pods(scene, "a", broken=False)
    through(scene, "a")
    assert state(scene.settle(), "b") in MOVED


def test_resume_goes_on_after_a_halt(scene: Scene) -> None:
    given_rolled_out(scene, "a", "b", restarts={"readyTimeout": "30s", "maxConcurrent": 1, "onFailure": "Halt"})
    break_pods(scene, "a")
    scene.rotated()
    scene.later(seconds=31)
    assert current(scene.settle()) == "False Halted"
    status = scene.asked(resume="go")
    assert status.requests["resume"].result == "Done"
    assert current(status) == "False RolloutFailed"
    assert state(status, "b") in MOVED
    through(scene, "b")
    assert state(scene.settle(), "b") == "Ready"


def test_a_new_version_ends_a_halt(scene: Scene) -> None:
    given_rolled_out(scene, "a", "b", restarts={"readyTimeout": "30s", "maxConcurrent": 1, "onFailure": "Halt"})
    break_pods(scene, "a")
    scene.rotated()
    scene.later(minutes=3)
    assert current(scene.settle()) == "False Halted"
    break_pods(scene, "a", broken=False)
    status = scene.asked(force_rotate="now")
    assert status.requests["force-rotate"].result == "Done"
    assert current(status) == "False Rolling"
    assert {known.version_id for known in status.workloads} == {status.version_id}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param({"metadata": {"annotations": {RESTART: "false"}}}, "opted out", id="opted out"),
        pytest.param({"spec": {"paused": True}}, "paused", id="paused"),
        pytest.param({"spec": {"replicas": 0}}, "0 replicas", id="0 replicas"),
    ],
)
def test_a_deployment_that_is_not_to_be_restarted_is_skipped_with_a_message(scene: Scene, edit: Json, message: str) -> None:
    first = given_rolled_out(scene, "a", "b")
    scene.cluster.merge(scene.cluster.path("deployments", "a", "apps/v1"), edit)
    scene.rotated()
    through(scene, "b")
    status = scene.settled()
    assert state(status, "a") == "Skipped"
    assert message in str(one(status, "a").message)
    assert annotated(scene, "a") == first.version_id
    assert "Deployment/a" in said(status, Kind.WORKLOADS_CURRENT).message


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_set_with_the_strategy_OnDelete_is_skipped(scene: Scene, kind: str) -> None:
    given(scene, kind, "reader", from_env(scene.name), updateStrategy={"type": "OnDelete"})
    status = scene.given_ready()
    assert state(status, "reader") == "Skipped"
    assert "OnDelete" in str(one(status, "reader").message)
    assert annotated(scene, "reader", kind) is None


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_a_set_rolls_to_its_end(scene: Scene, kind: str) -> None:
    given(scene, kind, "reader", from_env(scene.name))
    scene.given()
    status = scene.settle()

    def ready() -> bool:
        return said(scene.settle(), Kind.READY).true

    scene.waits_for("ready", ready)
    scene.later(minutes=5)
    status = scene.rotated()
    assert annotated(scene, "reader", kind) == status.version_id
    scene.waits_for("ready again", ready)


def test_a_workload_whose_pods_started_after_the_publication_is_current_without_a_restart(scene: Scene) -> None:
    status = scene.given_ready()
    published = status.published_at
    assert published is not None
    scene.waits_for(
        "the next second: containers' starts have no finer clock", lambda: (scene.passes.clock() - published).total_seconds() > 1
    )
    scene.cluster.given_deployment("late", scene.name)
    through(scene, "late")
    status = scene.settled()
    assert state(status, "late") == "Ready"
    assert annotated(scene, "late") is None
    scene.later(minutes=5)
    scene.settled()
    assert annotated(scene, "late") is None


def test_G3_pods_that_started_within_a_minute_of_a_new_version_are_restarted_all_the_same(scene: Scene) -> None:
    scene.given_ready()
    rotated = scene.rotated()
    scene.cluster.given_deployment("late", scene.name)
    through(scene, "late")
    status = scene.settle()
    assert annotated(scene, "late") == rotated.version_id == status.version_id


def take_annotation_away(scene: Scene, name: str) -> None:
    template = {"metadata": {"annotations": {f"rotated-rds.io/version.{scene.name}": None}}}
    scene.cluster.merge(scene.cluster.path("deployments", name, "apps/v1"), {"spec": {"template": template}})
    through(scene, name)


def test_an_annotation_taken_away_leads_to_one_more_try_and_then_a_person(scene: Scene) -> None:
    given_rolled_out(scene, "a")
    version = scene.rotated().version_id
    through(scene, "a")
    scene.settled()
    take_annotation_away(scene, "a")
    scene.settle()
    assert annotated(scene, "a") == version, "one more try"
    through(scene, "a")
    scene.settled()
    take_annotation_away(scene, "a")
    status = scene.settle()
    assert current(status) == "False RestartReverted"
    assert said(status, Kind.STALLED).reason == "RestartReverted"
    assert annotated(scene, "a") is None
    for _ in range(3):
        scene.later(minutes=5)
        assert current(scene.settle()) == "False RestartReverted", "never a loop"
    assert annotated(scene, "a") is None
    scene.later(minutes=5)
    scene.asked(force_rotate="now")
    assert annotated(scene, "a") == scene.current()[0], "a new version is tried again"


def test_a_long_target_name_is_shortened_in_the_annotation(scene: Scene) -> None:
    target = "orders-database-credential-of-the-shop-in-the-middle-of-town-square"
    scene.cluster.given_deployment("a", target)
    scene.given(target={"name": target})
    status = scene.settle()
    (key,) = [
        key
        for key in workload(scene, "Deployment", "a")["spec"]["template"]["metadata"]["annotations"]
        if key.startswith("rotated-rds.io/")
    ]
    name = key.partition("/")[2]
    assert len(name) == 63
    assert name.startswith(f"version.{target}"[:54] + "-")
    assert state(status, "a") in MOVED


# several rotated Secrets in one workload


def reads_both(scene: Scene, other: Scene, name: str = "both") -> None:
    sources = [{"secretRef": {"name": scene.name}}, {"secretRef": {"name": other.name}}]
    given(scene, "Deployment", name, {"containers": [container(envFrom=sources)]}, replicas=1)
    through(scene, name)


def test_G2_a_restart_carries_every_due_annotation_in_one_patch(scene: Scene) -> None:
    other = scene.another("other")
    reads_both(scene, other)
    other.cluster.given_user(other.database, other.user, "first-Passw0rd", "other")
    other.cluster.given_resource(other.resource(restarts={"discover": False}))
    theirs = other.settled().version_id
    assert annotated(scene, "both", target=other.name) is None
    before = workload(scene, "Deployment", "both")["metadata"]["generation"]
    scene.given()
    ours = scene.settle().version_id
    assert workload(scene, "Deployment", "both")["metadata"]["generation"] == before + 1
    assert (annotated(scene, "both"), annotated(scene, "both", target=other.name)) == (ours, theirs)


def test_G2_two_secrets_do_not_take_each_other_s_annotation_away(scene: Scene) -> None:
    other = scene.another("other")
    reads_both(scene, other)
    other.cluster.given_user(other.database, other.user, "first-Passw0rd", "other")
    scene.given()
    other.cluster.given_resource(other.resource())
    for _ in range(2):
        for turned in (scene, other):
            turned.settle()
            through(scene, "both")
    assert annotated(scene, "both") == scene.current()[0]
    assert annotated(scene, "both", target=other.name) == other.current()[0]
    scene.settled()
    other.settled()


def test_G2_a_workload_in_the_middle_of_another_secret_s_rollout_is_restarted_after_it(scene: Scene) -> None:
    other = scene.another("other")
    reads_both(scene, other)
    other.cluster.given_user(other.database, other.user, "first-Passw0rd", "other")
    scene.given()
    other.cluster.given_resource(other.resource())
    for _ in range(2):
        for turned in (scene, other):
            turned.settle()
            through(scene, "both")
    scene.later(minutes=5)
    break_pods(scene, "both")
    assert state(scene.rotated(), "both") == "Rolling"
    before = annotated(scene, "both", target=other.name)
    status = other.rotated()
    assert state(status, "both") == "Pending"
    assert "another rotated Secret" in str(one(status, "both").message)
    assert annotated(scene, "both", target=other.name) == before
    break_pods(scene, "both", broken=False)
    through(scene, "both")
    scene.settled()
    status = other.settle()
    assert annotated(scene, "both", target=other.name) == status.version_id
