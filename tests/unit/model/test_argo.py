"""What an Argo Rollout's own controller says of it, and whose Pod template it runs."""

from typing import Any

import pytest

from rotated_rds.model.argo import Held, held, without_stand_ins
from rotated_rds.model.workload import read_workload

Json = dict[str, Any]
READS: Json = {"containers": [{"name": "app", "envFrom": [{"secretRef": {"name": "db"}}]}]}
ANNOTATED: Json = {"annotations": {"rotated-rds.io/version.db": "v1"}}
HEALTHY: Json = {"observedGeneration": "7", "phase": "Healthy", "updatedReplicas": 2, "availableReplicas": 2}
REF: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def a_rollout(status: Json | None = None, spec: Json | None = None, restart: str = "true") -> Json:
    own = {"template": {"metadata": ANNOTATED, "spec": READS}, "selector": {"matchLabels": {"app": "web"}}}
    return {
        "kind": "Rollout",
        "metadata": {"name": "web", "generation": 7, "annotations": {"rotated-rds.io/restart": restart}},
        "spec": {"replicas": 2, **own, **(spec or {})},
        "status": status or {},
    }


def a_borrower(status: Json | None = None, ref: Json | None = None) -> Json:
    return {**a_rollout(status), "spec": {"replicas": 2, "workloadRef": ref or REF}}


def a_deployment(replicas: int = 0, name: str = "web", restart: str = "true") -> Json:
    own = {"template": {"metadata": ANNOTATED, "spec": READS}, "selector": {"matchLabels": {"app": "lent"}}}
    metadata = {"name": name, "generation": 3, "annotations": {"rotated-rds.io/restart": restart}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas, **own}, "status": {}}


def own(body: Json) -> Held:
    return Held(body, body)


def said(*conditions: str, **more: Any) -> Json:
    return {**HEALTHY, "phase": "Degraded", "conditions": [{"type": "Progressing", "reason": reason} for reason in conditions], **more}


@pytest.mark.parametrize(
    ("status", "through"),
    [
        pytest.param(HEALTHY, True, id="healthy"),
        pytest.param({**HEALTHY, "observedGeneration": "6"}, False, id="of the generation before"),
        pytest.param({**HEALTHY, "observedGeneration": 7}, False, id="a generation is a text here"),
        pytest.param({**HEALTHY, "phase": "Progressing"}, False, id="on its way"),
        pytest.param({**HEALTHY, "phase": "Paused"}, False, id="paused"),
        pytest.param({**HEALTHY, "updatedReplicas": 1}, False, id="not all are new"),
        pytest.param({**HEALTHY, "availableReplicas": 1}, False, id="not all are available"),
        pytest.param({}, False, id="nobody looks after it"),
    ],
)
def test_when_an_update_is_through(status: Json, through: bool) -> None:
    assert read_workload(own(a_rollout(status)), "db").complete is through


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(HEALTHY, None, id="healthy"),
        pytest.param(said("RolloutAborted", abort=True), "aborted", id="aborted"),
        pytest.param(said("ProgressDeadlineExceeded"), "progressDeadlineSeconds", id="its deadline"),
        pytest.param(said(), "Degraded", id="degraded for another reason"),
        pytest.param(said("RolloutAborted", abort=True, observedGeneration="6"), None, id="of the generation before"),
        pytest.param({**HEALTHY, "phase": "Progressing"}, None, id="on its way"),
    ],
)
def test_when_an_update_will_not_go_on(status: Json, text: str | None) -> None:
    found = read_workload(own(a_rollout(status)), "db").stuck
    assert found is None if text is None else text in str(found)


def test_no_text_of_the_controller_s_is_repeated() -> None:
    status = said("ProgressDeadlineExceeded", message="a metric provider's answer")
    status["conditions"][0]["message"] = "a metric provider's answer"
    assert "provider" not in str(read_workload(own(a_rollout(status)), "db").stuck)


@pytest.mark.parametrize("reason", ["CanaryPauseStep", "BlueGreenPause", "InconclusiveAnalysisRun"])
def test_a_pause_of_its_strategy_is_told_by_its_reason(reason: str) -> None:
    paused = {**HEALTHY, "phase": "Paused", "pauseConditions": [{"reason": reason, "startTime": "2026-11-25T12:00:00Z"}]}
    assert read_workload(own(a_rollout(paused)), "db").waits == reason
    assert read_workload(own(a_rollout({**paused, "observedGeneration": "6"})), "db").waits is None
    assert read_workload(own(a_rollout(HEALTHY)), "db").waits is None


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(own(a_rollout(HEALTHY)), None, id="plain"),
        pytest.param(own(a_rollout(restart="false")), "opted out", id="opted out"),
        pytest.param(own(a_rollout(spec={"paused": True})), "resume the Rollout", id="paused by a person"),
        pytest.param(own(a_rollout(spec={"replicas": 0})), "0 replicas", id="scaled to nothing"),
        pytest.param(Held(a_borrower(), a_deployment()), None, id="the template of a Deployment at 0 replicas"),
        pytest.param(Held(a_borrower(), a_deployment(restart="false")), "opted out", id="whose Deployment opted out"),
        pytest.param(Held(a_borrower(ref={**REF, "kind": "PodTemplate"}), None), "PodTemplate/web", id="a template of another kind"),
    ],
)
def test_which_rollout_is_skipped_and_why(one: Held, text: str | None) -> None:
    found = read_workload(one, "db").skipped
    assert found is None if text is None else text in str(found)


# workloadRef


def test_a_workloadRef_lends_the_template_the_selector_and_where_it_is_patched() -> None:
    _, one = held([a_deployment(), a_borrower()])
    found = read_workload(one, "db")
    assert (found.title, found.patched) == ("Rollout/web", ("Deployment", "web"))
    assert (found.annotated, found.secrets, dict(found.selector)) == ("v1", {"db"}, {"app": "lent"})


def test_a_selector_of_its_own_wins_over_the_lent_one() -> None:
    body = a_borrower()
    body["spec"]["selector"] = {"matchLabels": {"app": "own"}}
    assert dict(read_workload(Held(body, a_deployment()), "db").selector) == {"app": "own"}


@pytest.mark.parametrize(("seen", "through"), [("3", True), ("2", False), (None, False)])
def test_a_lent_template_must_have_been_seen_too(seen: str | None, through: bool) -> None:
    body = a_borrower({**HEALTHY, "workloadObservedGeneration": seen})
    assert read_workload(Held(body, a_deployment()), "db").complete is through


def test_only_a_deployment_that_is_there_lends_its_template() -> None:
    assert held([a_borrower(), a_deployment(name="other")])[0].holder is None
    assert held([a_borrower(ref={**REF, "kind": "PodTemplate"}), a_deployment()])[0].holder is None


def test_a_rollout_without_any_template_reads_nothing() -> None:
    body = a_rollout(spec={"template": None})
    found = read_workload(held([body])[0], "db")
    assert (found.secrets, found.annotated) == (frozenset(), None)


@pytest.mark.parametrize(
    ("bodies", "left"),
    [
        pytest.param([a_deployment(), a_borrower()], ["Rollout"], id="the Rollout stands for a Deployment at 0"),
        pytest.param([a_deployment(2), a_borrower()], ["Deployment", "Rollout"], id="one that runs is its own"),
        pytest.param([a_deployment()], ["Deployment"], id="nobody stands for it"),
        pytest.param([a_deployment(), a_rollout()], ["Deployment", "Rollout"], id="a namesake does not"),
    ],
)
def test_a_deployment_at_0_is_left_to_the_rollout_that_runs_its_template(bodies: list[Json], left: list[str]) -> None:
    assert [one.body["kind"] for one in without_stand_ins(held(bodies))] == left
