"""What /metrics says of the passes: alerts and the dashboard go by these numbers (docs/monitoring.md)."""

from rotated_rds import metrics
from rotated_rds.model.resource import Key
from rotated_rds.model.status import Kind, Status
from rotated_rds.passes import End
from rotated_rds.tally import Tally
from tests.support.databases import set_password
from tests.support.scene import LOOK, Scene, reason

NEXT = "rotated_rds_next_rotation_timestamp_seconds"


def problems(stage: Kind, why: str) -> float:
    return metrics.REGISTRY.get_sample_value("rotated_rds_reconcile_errors_total", {"stage": stage, "reason": why}) or 0


def given_refused(scene: Scene) -> Status:
    """Somebody changes the password in the database, and it is time to try the published one again."""
    scene.given_ready()
    set_password(scene.database, scene.user, "another-Passw0rd")
    scene.later(hours=7)
    return scene.settle(LOOK)


def test_a_refused_login_is_counted_by_its_stage_and_reason(scene: Scene) -> None:
    before = problems(Kind.CREDENTIAL_VERIFIED, "LoginFailed")
    assert reason(given_refused(scene), Kind.CREDENTIAL_VERIFIED) == "False LoginFailed"
    assert problems(Kind.CREDENTIAL_VERIFIED, "LoginFailed") > before


def test_a_problem_that_stays_is_counted_with_every_look(scene: Scene) -> None:
    given_refused(scene)
    before = problems(Kind.CREDENTIAL_VERIFIED, "LoginFailed")
    scene.later(minutes=6)
    scene.turn()
    assert problems(Kind.CREDENTIAL_VERIFIED, "LoginFailed") == before + 1


def test_a_spec_that_cannot_be_carried_out_is_counted(scene: Scene) -> None:
    before = problems(Kind.DATABASE_RESOLVED, "InvalidSpec")
    scene.given(secret={"resourcePolicy": "{no json"})
    assert reason(scene.turn(), Kind.DATABASE_RESOLVED) == "False InvalidSpec"
    assert problems(Kind.DATABASE_RESOLVED, "InvalidSpec") == before + 1


def test_a_window_that_went_by_is_counted_as_overdue(scene: Scene) -> None:
    scene.given_ready(rotation={"schedule": "rate(1 day)"})
    before = problems(Kind.ROTATION_READY, "RotationOverdue")
    scene.crowded(rotations=10)  # the release's budget holds it back
    scene.later(days=3)
    assert reason(scene.settle(), Kind.ROTATION_READY) == "False RotationOverdue"
    assert problems(Kind.ROTATION_READY, "RotationOverdue") > before


def test_a_rollout_under_way_is_no_problem_and_one_that_fails_is(scene: Scene) -> None:
    failed = problems(Kind.WORKLOADS_CURRENT, "RolloutFailed")
    scene.cluster.given_deployment("app", scene.name)
    scene.given(restarts={"readyTimeout": "30s"})
    scene.comes_ready()
    template = {"metadata": {"annotations": {"bed/broken": ""}}}
    scene.cluster.merge(scene.cluster.path("deployments", "app", "apps/v1"), {"spec": {"template": template}})
    assert reason(scene.rotated(), Kind.WORKLOADS_CURRENT) == "False Rolling"
    assert problems(Kind.WORKLOADS_CURRENT, "Rolling") == 0
    scene.later(seconds=31)
    assert reason(scene.settle(), Kind.WORKLOADS_CURRENT) == "False RolloutFailed"
    assert problems(Kind.WORKLOADS_CURRENT, "RolloutFailed") > failed


def test_who_has_no_schedule_any_more_has_no_next_rotation(scene: Scene) -> None:
    tally, key = Tally(per_resource=True), Key(scene.cluster.namespace, scene.name)
    labels = {"namespace": key.namespace, "name": key.name}

    def counted() -> float | None:
        scene.settle()
        tally.pass_ended(key, scene.passes.clock(), End(scene.passes.body(*key)))
        return metrics.REGISTRY.get_sample_value(NEXT, labels)

    scene.given_ready(rotation={"schedule": "rate(1 day)"})
    assert counted() is not None
    scene.cluster.change(scene.name, rotation={"schedule": None})
    assert counted() is None
