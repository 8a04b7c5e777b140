"""What holds a due rotation back, how requests are answered, and suspend (SAFETY.md D3, F2; API.md "Holds", "Requests", "Suspend")."""

from datetime import datetime
from typing import Any

from rotated_rds.model.resource import FINALIZER
from rotated_rds.model.status import Kind, Status
from tests.support.databases import can_log_in, set_password
from tests.support.scene import FIRST, LOOK, Scene, reason, said

Json = dict[str, Any]


def given_job(scene: Scene, name: str, secret: str | None = None) -> None:
    """A Job whose Pod runs until it is told to end."""
    container = {"name": "job", "image": "job", "envFrom": [{"secretRef": {"name": secret or scene.name}}]}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    scene.cluster.api.call(
        "POST",
        scene.cluster.path("jobs", group="batch/v1"),
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec},
    )
    scene.waits_for(f"Job {name} runs", lambda: [one["status"]["phase"] for one in job_pods(scene, name)] == ["Running"])


def job_pods(scene: Scene, name: str) -> list[Json]:
    pods: list[Json] = scene.cluster.api.call("GET", scene.cluster.path("pods", group="v1"))["items"]
    return [pod for pod in pods if pod["metadata"]["labels"].get("job-name") == name]


def end_job(scene: Scene, name: str) -> None:
    for pod in job_pods(scene, name):
        path = scene.cluster.path("pods", pod["metadata"]["name"], "v1")
        scene.cluster.merge(path, {"metadata": {"annotations": {"bed/complete": "succeeded"}}})
    scene.waits_for(f"Job {name} ended", lambda: [one["status"]["phase"] for one in job_pods(scene, name)] == ["Succeeded"])


def held(status: Status) -> str | None:
    return status.rotation.held_back.reason if status.rotation.held_back else None


def broken_rollout(scene: Scene) -> None:
    """A dependent that does not come up."""
    scene.cluster.given_deployment("app", scene.name, pod_annotations={"bed/broken": ""})


# holds


def test_a_running_job_holds_a_rotation_back_until_it_ends(scene: Scene) -> None:
    scene.given_ready()
    given_job(scene, "report")
    status = scene.asked(rotate="1")
    assert held(status) == "JobRunning"
    assert reason(status, Kind.ROTATION_READY) == "True"
    assert said(status, Kind.ROTATION_READY).reason == "HeldBack"
    assert "Job/report" in said(status, Kind.ROTATION_READY).message
    assert said(status, Kind.READY).true
    assert "rotate" not in status.requests
    assert scene.password == FIRST
    end_job(scene, "report")
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    assert held(status) is None
    assert scene.password != FIRST


def test_a_job_that_reads_another_secret_holds_nothing_back(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.given_secret("another", {"key": "value"})
    given_job(scene, "report", "another")
    scene.rotated()


def test_wait_for_jobs_false_does_not_wait(scene: Scene) -> None:
    scene.given_ready(rotation={"waitForJobs": False})
    given_job(scene, "report")
    scene.rotated()


def test_F2_a_request_waits_for_jobs_one_hour_and_then_ends_as_failed(scene: Scene) -> None:
    scene.given_ready()
    given_job(scene, "report")
    scene.asked(rotate="1")
    scene.later(minutes=59)
    assert held(scene.settle()) == "JobRunning"
    scene.later(minutes=2)
    status = scene.settle()
    assert status.requests["rotate"].result == "Failed"
    assert status.requests["rotate"].message.startswith("JobRunning")
    assert scene.password == FIRST
    end_job(scene, "report")
    scene.settled()
    assert scene.password == FIRST, "it has ended; nothing is left to be done"


def test_a_rollout_under_way_holds_a_rotation_back(scene: Scene) -> None:
    broken_rollout(scene)
    scene.given()
    scene.settle()
    status = scene.asked(rotate="1")
    assert held(status) == "RolloutUnderWay"
    assert "Deployment/app" in said(status, Kind.ROTATION_READY).message
    assert scene.password == FIRST


def test_D3_force_rotate_goes_ahead_and_its_event_names_whom_it_cuts_off(scene: Scene) -> None:
    scene.cluster.given_deployment("optedout", scene.name, annotations={"rotated-rds.io/restart": "false"})
    scene.cluster.given_deployment("restarted", scene.name)
    scene.given()
    given_job(scene, "report")
    scene.comes_ready()
    status = scene.asked(force_rotate="now")
    assert status.requests["force-rotate"].result == "Done"
    assert scene.password != FIRST
    (told,) = scene.events("CredentialCutOff")
    assert "Job/report" in told
    assert "Deployment/optedout" in told
    assert "restarted" not in told


def test_F2_requests_keep_the_smallest_interval_forced_ones_too(scene: Scene) -> None:
    scene.given_ready()
    scene.asked(rotate="1")
    status = scene.asked(force_rotate="2")
    assert held(status) == "Budget"
    assert "force-rotate" not in status.requests
    scene.later(seconds=6)
    status = scene.settle()
    assert status.requests["force-rotate"].result == "Done"
    assert [line.result for line in status.history] == ["Succeeded", "Succeeded"]


def test_the_release_s_budget_holds_a_rotation_back(scene: Scene) -> None:
    scene.given_ready()
    scene.crowded(rotations=10)
    status = scene.asked(rotate="1")
    assert held(status) == "Budget"
    assert "--max-rotations" in said(status, Kind.ROTATION_READY).message
    scene.crowded(rotations=9)
    assert scene.settle().requests["rotate"].result == "Done"


# requests


def test_the_same_text_twice_is_one_request_also_for_a_resource_made_again(scene: Scene) -> None:
    scene.given_ready()
    scene.asked(rotate="release 7")
    password = scene.password
    scene.later(minutes=2)
    scene.asked(rotate="release 7")
    assert scene.password == password
    scene.cluster.delete(scene.name)
    scene.cluster.expect_collected(scene.name)
    resource = scene.resource()
    resource["metadata"]["annotations"] = {"rotated-rds.io/rotate": "release 7"}
    scene.cluster.given_resource(resource)
    status = scene.settled()
    assert status.requests["rotate"].result == "Done"
    assert scene.password == password
    assert scene.calls("PutSecretValue") == 1


def test_requests_are_carried_out_in_the_contract_s_order_one_a_pass(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.annotate(scene.name, sync="1", resume="1", rotate="1", rollback="1")
    answered: list[str] = []
    for _ in range(8):
        answered += [name for name in scene.turn().requests if name not in answered]
    assert answered == ["rollback", "rotate", "resume", "sync"]


def test_a_rollback_with_a_single_user_is_refused_with_the_reason(scene: Scene) -> None:
    scene.given_ready()
    answer = scene.asked(rollback="please").requests["rollback"]
    assert answer.result == "Refused"
    assert "with strategy SingleUser the password before is gone" in answer.message


def test_a_text_that_is_too_long_is_refused_and_kept_short(scene: Scene) -> None:
    scene.given_ready()
    status = scene.asked(rotate="x" * 129)
    assert status.requests["rotate"].result == "Refused"
    assert len(status.requests["rotate"].text) == 128
    assert scene.password == FIRST


def test_sync_reads_AWS_and_logs_in_at_once(scene: Scene) -> None:
    before = scene.given_ready()
    scene.moved_by_hand("second-Passw0rd")
    scene.later(seconds=5)
    status = scene.asked(sync="now")
    assert status.requests["sync"].result == "Done"
    assert scene.password == "second-Passw0rd"
    assert status.version_id != before.version_id


def test_a_rotation_for_External_is_refused(scene: Scene) -> None:
    scene.given_secret_in_aws(FIRST)
    resource = scene.resource(secret={"name": scene.secret_id}, user=None, rotation={"immediately": None, "method": "External"})
    scene.cluster.given_resource(resource)
    scene.settled()
    for request in ("rotate", "force_rotate"):
        assert scene.asked(**{request: "1"}).requests[request.replace("_", "-")].result == "Refused"


# suspend


def test_suspend_keeps_the_other_conditions_and_starts_nothing(scene: Scene) -> None:
    before = scene.given_ready()
    scene.cluster.annotate(scene.name, rotate="1")
    status = scene.changed(suspend=True)
    assert said(status, Kind.SUSPENDED).true
    assert said(status, Kind.READY).true
    assert status.condition(Kind.STALLED) is None
    assert status.requests == before.requests
    set_password(scene.database, scene.user, "second-Passw0rd")
    scene.put_keys(password="second-Passw0rd")
    scene.settle(LOOK)
    assert scene.password == FIRST
    status = scene.changed(suspend=False)
    assert status.condition(Kind.SUSPENDED) is None
    status = scene.settled(LOOK)
    assert status.requests["rotate"].result == "Done"


def test_a_resource_that_begins_suspended_is_unknown_and_touches_nothing(scene: Scene) -> None:
    scene.given(suspend=True)
    status = scene.settle()
    assert reason(status, Kind.READY) == "Unknown Pending"
    assert said(status, Kind.SUSPENDED).true
    assert status.condition(Kind.STALLED) is None
    assert scene.aws.control.counts() == {}
    assert scene.cluster.secret(scene.name) is None


def test_A6_a_rotation_that_has_begun_is_finished_under_suspend_with_its_secret_and_restarts(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given()
    scene.comes_ready()
    scene.later(minutes=5)
    scene.cluster.annotate(scene.name, rotate="1")
    began = scene.turn()
    assert began.rotation.in_progress is not None
    assert FINALIZER in scene.cluster.resource(scene.name)["metadata"]["finalizers"]
    scene.cluster.change(scene.name, suspend=True)
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    assert scene.password != FIRST
    assert can_log_in(scene.database, scene.user, scene.password)
    template = scene.cluster.deployment("app")["spec"]["template"]["metadata"]["annotations"]
    assert template[f"rotated-rds.io/version.{scene.name}"] == status.version_id
    assert "finalizers" not in scene.cluster.resource(scene.name)["metadata"]
    assert said(status, Kind.SUSPENDED).true


def test_A6_a_secret_that_could_not_be_written_after_a_rotation_is_written_under_suspend(scene: Scene) -> None:
    scene.given_ready()
    path = scene.cluster.path("secrets", scene.name, "v1")
    scene.cluster.merge(path, {"immutable": True})
    status = scene.asked(rotate="1")
    assert status.requests["rotate"].result == "Done"
    assert reason(status, Kind.MIRRORED) == "False Rejected"
    scene.cluster.change(scene.name, suspend=True)
    scene.settle()
    scene.cluster.api.call("DELETE", path)
    scene.settle()
    assert can_log_in(scene.database, scene.user, scene.password)


# the schedule


def to_next(scene: Scene) -> None:
    """The moment that status names."""
    moment = scene.cluster.status(scene.name)["rotation"]["next"]
    scene.later(seconds=(datetime.fromisoformat(moment) - scene.passes.clock()).total_seconds() + 1)


def test_F1_a_scheduled_rotation_runs_once_in_its_window(scene: Scene) -> None:
    status = scene.given_ready(rotation={"schedule": "rate(1 day)", "window": "2h"})
    assert status.rotation.next is not None
    to_next(scene)
    status = scene.settle()
    assert [line.result for line in status.history] == ["Succeeded"]
    assert scene.password != FIRST
    scene.later(minutes=5)
    assert len(scene.settle().history) == 1
    to_next(scene)
    assert len(scene.settle().history) == 2


def test_F1_a_job_that_runs_until_the_window_s_end_makes_it_missed_never_cut(scene: Scene) -> None:
    scene.given_ready(rotation={"schedule": "rate(1 day)", "window": "2h"})
    given_job(scene, "report")
    to_next(scene)
    assert held(scene.settle()) == "JobRunning"
    scene.later(hours=2)
    status = scene.settle()
    assert reason(status, Kind.ROTATION_READY) == "False RotationOverdue"
    assert scene.password == FIRST
    assert status.history == ()
    end_job(scene, "report")
    assert scene.settle().history == (), "the next chance is the same window of the following day"
    to_next(scene)
    status = scene.settled()
    assert len(status.history) == 1


def test_D4_nothing_starts_when_too_little_of_the_window_is_left(scene: Scene) -> None:
    scene.given_ready(rotation={"schedule": "rate(1 day)", "window": "2h"}, restarts={"readyTimeout": "10m"})
    given_job(scene, "report")
    to_next(scene)
    scene.settle()
    now = scene.passes.clock()
    end = now.replace(hour=2, minute=0, second=0, microsecond=0)
    scene.later(seconds=(end - now).total_seconds() - 599)
    end_job(scene, "report")
    status = scene.settle()
    assert status.history == ()
    assert status.rotation.in_progress is None
    assert scene.wake is not None
    assert scene.wake > 600, "it does not look again every moment"


def test_F1_with_status_lost_the_last_success_is_the_newest_version_s_date_in_AWS(scene: Scene) -> None:
    scene.given_ready(rotation={"schedule": "rate(1 day)", "window": "2h"})
    version = scene.rotated().version_id
    made = {one["VersionId"]: one["CreatedDate"] for one in versions(scene)}
    lose_status(scene)
    scene.restarted()
    status = scene.settled()
    assert status.version_id == version
    assert status.rotation.last_rotated == made[str(version)].replace(microsecond=0)
    assert scene.calls("PutSecretValue") == 1


def versions(scene: Scene) -> list[Any]:
    answer: Json = dict(scene.by_hand.secretsmanager().list_secret_version_ids(SecretId=scene.secret_id))
    return answer["Versions"]


def lose_status(scene: Scene) -> None:
    path = f"{scene.cluster.path('rotatedrdssecrets', scene.name)}/status"
    scene.cluster.api.call(
        "PATCH", path, [{"op": "replace", "path": "/status", "value": {"observedGeneration": -1}}], content="application/json-patch+json"
    )


# restarts of the operator


def test_G5_a_new_operator_restarts_no_workload_and_rotates_nothing(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given(rotation={"schedule": "rate(10 days)"})
    scene.comes_ready()
    scene.rotated()
    scene.comes_ready()
    before = scene.cluster.resource(scene.name), scene.cluster.deployment("app")["metadata"]["generation"], scene.content
    scene.restarted()
    scene.settled()
    scene.later(hours=7)
    scene.settled()
    assert scene.cluster.deployment("app")["metadata"]["generation"] == before[1]
    assert scene.content == before[2]
    assert scene.current()[0] == before[0]["status"]["versionId"]


def test_G5_with_status_lost_a_new_operator_restarts_nothing_either(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given()
    scene.comes_ready()
    scene.rotated()
    scene.comes_ready()
    generation, content = scene.cluster.deployment("app")["metadata"]["generation"], scene.content
    lose_status(scene)
    scene.restarted()
    scene.settled()
    assert scene.cluster.deployment("app")["metadata"]["generation"] == generation
    assert scene.content == content


def lie(scene: Scene, **status: Any) -> None:
    """Somebody who may write status writes it."""
    scene.cluster.api.call(
        "PATCH", f"{scene.cluster.path('rotatedrdssecrets', scene.name)}/status", {"status": status}, content="application/merge-patch+json"
    )


def test_G4_a_version_that_somebody_wrote_to_status_is_not_believed(scene: Scene) -> None:
    version = scene.given_ready().version_id
    lie(scene, versionId="00000000-0000-4000-8000-000000000000")
    status = scene.settled(LOOK)
    assert status.version_id == version
    assert scene.password == FIRST


def test_G4_an_ARN_that_somebody_wrote_to_status_opens_no_other_secret(scene: Scene) -> None:
    scene.given_ready()
    victim = scene.another("victim")
    arn = victim.given_secret_in_aws("victim-Passw0rd", tags={"rotated-rds.io/owner": "bed/another/victim"})
    lie(scene, secretArn=arn)
    assert reason(scene.settle(LOOK), Kind.SECRET_READY) == "False OwnedByAnother"
    assert scene.password == FIRST


def test_G5_a_half_done_rotation_of_the_operator_before_is_finished(scene: Scene) -> None:
    scene.given_ready()
    scene.cluster.annotate(scene.name, rotate="1")
    scene.turn()
    fault = scene.aws.control.fault("error", "UpdateSecretVersionStage", code="InternalServiceError", status=500, count=None)
    scene.turn()
    scene.aws.control.release(fault)
    assert scene.password == FIRST
    scene.restarted()
    status = scene.settled()
    assert status.requests["rotate"].result == "Done"
    assert can_log_in(scene.database, scene.user, scene.password)
    assert scene.calls("PutSecretValue") == 1
