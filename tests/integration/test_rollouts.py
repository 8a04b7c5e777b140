"""Argo Rollouts: who is restarted, how far, and what stops it (SAFETY.md D3, G2; API.md).

Each test runs twice: with their own controller where it is built, and with a stand-in.
"""

from collections.abc import Callable

import pytest

from rotated_rds.model.status import Kind, Status
from tests.bed.bed import Facts
from tests.bed.rollouts import CONTROLLER
from tests.conftest import NOT_RUN
from tests.support.rollouts import KIND, STEPS, Argo, SimulatedArgo
from tests.support.scene import Scene, said
from tests.support.workloads import (
    READERS,
    Json,
    annotated,
    break_pods,
    current,
    from_env_from,
    given,
    one,
    state,
    through,
    workload,
)

RESTART, WAVE = "rotated-rds.io/restart", "rotated-rds.io/wave"


NO_CONTROLLER = f"{NOT_RUN}: Argo Rollouts' own controller is not built: python -m tests.bed.build {CONTROLLER}"


@pytest.fixture(params=["simulated", "real"])
def argo(request: pytest.FixtureRequest, scene: Scene, rollouts: Facts) -> Argo:
    """By whom it is said how far a Rollout is."""
    if request.param == "simulated":
        return SimulatedArgo(scene)
    if rollouts["controller"] != "real":
        pytest.skip(NO_CONTROLLER)
    return Argo(scene)


def given_running(argo: Argo, *names: str, strategy: Json | None = None, **spec: object) -> Status:
    """Rollouts that run on the first version, long since."""
    scene = argo.scene
    for name in names:
        argo.given(name, from_env_from(scene.name), strategy=strategy)
    argo.healthy(*names)
    scene.given(**spec)
    status = scene.settle()
    while not said(status, Kind.READY).true:
        argo.healthy(*names)
        status = scene.settle()
    scene.later(minutes=5)
    return status


# who depends on it


@pytest.mark.parametrize("reads", READERS)
def test_every_way_to_read_the_secret_is_discovered(argo: Argo, reads: Callable[[str], Json]) -> None:
    scene = argo.scene
    argo.given("reader", reads(scene.name))
    argo.given("other", reads("another-secret"))
    scene.given()
    status = scene.settle()
    assert [(known.kind, known.name) for known in status.workloads] == [(KIND, "reader")]
    assert annotated(scene, "reader", KIND) == status.version_id
    assert annotated(scene, "other", KIND) is None


def test_named_and_selected_rollouts_are_restarted_without_discovery(argo: Argo) -> None:
    scene = argo.scene
    argo.given("named", {})
    argo.given("selected", {}, labels={"team": "orders"})
    argo.given("reader", from_env_from(scene.name))
    given(scene, "Deployment", "named", {})
    restarts = {"discover": False, "workloads": [{"kind": KIND, "name": "named"}], "selector": {"matchLabels": {"team": "orders"}}}
    scene.given(restarts=restarts)
    assert [(known.kind, known.name) for known in scene.settle().workloads] == [(KIND, "named"), (KIND, "selected")]


# restarts


def test_a_rotation_restarts_a_rollout_and_is_ready_when_it_is(argo: Argo) -> None:
    scene = argo.scene
    before = given_running(argo, "web")
    status = scene.rotated()
    assert status.version_id != before.version_id
    assert annotated(scene, "web", KIND) == status.version_id
    argo.healthy("web")
    status = scene.settled()
    assert state(status, "web") == "Ready"
    assert argo.versions() == {status.version_id}


def test_G2_a_rollout_is_patched_by_our_field_manager_and_never_applied(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web")
    scene.rotated()
    key = f"f:rotated-rds.io/version.{scene.name}"
    fields = workload(scene, KIND, "web")["metadata"]["managedFields"]
    owners = [one for one in fields if key in str(one["fieldsV1"])]
    assert [(one["manager"], one["operation"]) for one in owners] == [("rotated-rds-operator", "Update")]


def test_paused_in_a_canary_step_counts_as_rolling_until_it_is_promoted(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web", strategy=STEPS, restarts={"readyTimeout": "30s"})
    argo.given("late", from_env_from(scene.name))
    argo.edit("late", {"metadata": {"annotations": {WAVE: "1"}}})
    argo.healthy("late")
    scene.rotated()
    argo.comes_to("web", "Paused")
    for _ in range(2):
        status = scene.settle()
        assert current(status) == "False Rolling"
        assert (state(status, "web"), state(status, "late")) == ("Rolling", "Pending")
        assert "CanaryPauseStep" in str(one(status, "web").message)
        assert scene.wake is not None
        assert scene.wake > 30, "nothing but an event, or a minute, ends a pause"
        scene.later(minutes=30)
    argo.promote("web")
    argo.healthy("web")
    status = scene.settle()
    assert state(status, "web") == "Ready"
    argo.healthy("late")
    scene.settled()


def test_a_preview_that_waits_for_its_promotion_counts_as_rolling_too(argo: Argo) -> None:
    scene = argo.scene
    active = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": active}
    scene.cluster.api.call("POST", scene.cluster.path("services", group="v1"), service)
    given_running(argo, "web", strategy={"blueGreen": {"activeService": "web", "autoPromotionEnabled": False}})
    scene.rotated()
    argo.comes_to("web", "Paused")
    status = scene.settle()
    assert state(status, "web") == "Rolling"
    assert "BlueGreenPause" in str(one(status, "web").message)
    argo.promote("web")
    argo.healthy("web")
    scene.settled()


def test_an_aborted_update_has_failed_and_halts_the_others(argo: Argo) -> None:
    scene = argo.scene
    restarts = {"maxConcurrent": 1, "onFailure": "Halt"}
    first = given_running(argo, "a", "b", strategy=STEPS, restarts=restarts)
    scene.rotated()
    argo.comes_to("a", "Paused")
    argo.abort("a")
    argo.comes_to("a", "Degraded")
    status = scene.settle()
    assert current(status) == "False Halted"
    assert (state(status, "a"), state(status, "b")) == ("Failed", "Pending")
    assert "aborted" in str(one(status, "a").message)
    assert annotated(scene, "b", KIND) == first.version_id
    argo.retry("a")
    argo.healthy("a")
    status = scene.settle()
    assert (state(status, "a"), state(status, "b")) == ("Ready", "Rolling")


def test_an_abort_before_says_nothing_of_the_restart_that_follows(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web", strategy=STEPS)
    break_pods(scene, "web", KIND)
    argo.comes_to("web", "Progressing")
    argo.abort("web")
    argo.comes_to("web", "Degraded")
    break_pods(scene, "web", KIND, broken=False)
    argo.healthy("web")
    scene.settled()
    scene.rotated()
    assert state(scene.settle(), "web") == "Rolling"


def test_a_deadline_that_was_exceeded_has_failed(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web")
    argo.edit("web", {"spec": {"progressDeadlineSeconds": 1, "minReadySeconds": 0}})
    break_pods(scene, "web", KIND)
    scene.rotated()
    argo.comes_to("web", "Degraded")
    status = scene.settle()
    assert current(status) == "False RolloutFailed"
    assert "progressDeadlineSeconds" in str(one(status, "web").message)
    break_pods(scene, "web", KIND, broken=False)
    argo.healthy("web")
    scene.settled()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param({"metadata": {"annotations": {RESTART: "false"}}}, "opted out", id="opted out"),
        pytest.param({"spec": {"paused": True}}, "resume the Rollout", id="paused"),
        pytest.param({"spec": {"replicas": 0}}, "0 replicas", id="0 replicas"),
    ],
)
def test_a_rollout_that_is_not_to_be_restarted_is_skipped_with_a_message(argo: Argo, edit: Json, message: str) -> None:
    scene = argo.scene
    first = given_running(argo, "web")
    argo.edit("web", edit)
    scene.rotated()
    status = scene.settled()
    assert state(status, "web") == "Skipped"
    assert message in str(one(status, "web").message)
    assert annotated(scene, "web", KIND) == first.version_id


def test_an_annotation_taken_away_from_a_rollout_leads_to_one_more_try_and_then_a_person(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web")
    version = scene.rotated().version_id
    argo.healthy("web")
    scene.settled()
    taken = {"spec": {"template": {"metadata": {"annotations": {f"rotated-rds.io/version.{scene.name}": None}}}}}
    for left in (version, None):
        argo.edit("web", taken)
        argo.healthy("web")
        status = scene.settle()
        assert annotated(scene, "web", KIND) == left
        argo.healthy("web")
        status = scene.settle()
    assert current(status) == "False RestartReverted"


# Pods in use


def test_D3_a_forced_rotation_names_the_rollout_whose_pods_it_cuts_off(argo: Argo) -> None:
    scene = argo.scene
    given_running(argo, "web")
    argo.edit("web", {"metadata": {"annotations": {RESTART: "false"}}})
    scene.asked(force_rotate="now")
    (note,) = scene.events("CredentialCutOff")
    assert "Rollout/web" in note


def test_a_rollout_whose_pods_started_after_the_publication_is_current_without_a_restart(argo: Argo) -> None:
    scene = argo.scene
    published = scene.given_ready().published_at
    assert published is not None
    scene.waits_for(
        "the next second: containers' starts have no finer clock", lambda: (scene.passes.clock() - published).total_seconds() > 1
    )
    argo.given("late", from_env_from(scene.name))
    argo.healthy("late")
    status = scene.settled()
    assert state(status, "late") == "Ready"
    assert annotated(scene, "late", KIND) is None


# workloadRef


def test_a_workloadRef_is_restarted_through_the_deployment_that_it_names(argo: Argo) -> None:
    scene = argo.scene
    scene.cluster.given_deployment("web", scene.name, replicas=0)
    argo.given_borrower("canary", "web")
    argo.healthy("canary")
    scene.given()
    status = scene.settle()
    assert [(known.kind, known.name) for known in status.workloads] == [(KIND, "canary")]
    assert annotated(scene, "web") == status.version_id
    assert "template" not in workload(scene, KIND, "canary")["spec"]
    argo.healthy("canary")
    scene.settled()
    scene.later(minutes=5)
    status = scene.rotated()
    assert annotated(scene, "web") == status.version_id
    assert state(status, "canary") == "Rolling"
    argo.healthy("canary")
    assert state(scene.settled(), "canary") == "Ready"
    assert argo.versions() == {status.version_id}


def test_a_deployment_that_still_runs_beside_its_rollout_is_its_own(argo: Argo) -> None:
    scene = argo.scene
    scene.cluster.given_deployment("web", scene.name, replicas=1)
    argo.given_borrower("canary", "web")
    argo.healthy("canary")
    through(scene, "web")
    scene.given()
    scene.settle()
    through(scene, "web")
    argo.healthy("canary")
    status = scene.settled()
    assert [(known.kind, known.name, known.state) for known in status.workloads] == [
        ("Deployment", "web", "Ready"),
        (KIND, "canary", "Ready"),
    ]


def test_a_deployment_that_opted_out_keeps_its_template_from_the_rollout_too(argo: Argo) -> None:
    scene = argo.scene
    scene.cluster.given_deployment("web", scene.name, replicas=0, annotations={RESTART: "false"})
    argo.given_borrower("canary", "web")
    argo.healthy("canary")
    status = scene.given_ready()
    assert state(status, "canary") == "Skipped"
    assert annotated(scene, "web") is None
