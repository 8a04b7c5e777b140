"""SAFETY.md D5, A7: back to the credential before, on request and after a failed rollout; mostly on MySQL with two passwords."""

from datetime import timedelta

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.secret import CURRENT, PREVIOUS
from rotated_rds.model.status import Kind, Status
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support import scene as scenes
from tests.support.alternating import clone, drop_pair, given_alternating, labels, logs_in, rotate
from tests.support.databases import execute_as_root
from tests.support.dual import LATER, OWN, begin, expect_two, may_keep_two, primary, rotated
from tests.support.passes import ByHand
from tests.support.safety import FIRST, Scene
from tests.support.workloads import annotated, break_pods, current, given_rolled_out, state, through

STAGE = "UpdateSecretVersionStage"


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, mysql: Facts, aws: Facts) -> Scene:
    return begin(Scene.at(bed, api, namespace, mysql, aws), OWN)


def back(scene: Scene, text: str) -> Status:
    scene.cluster.annotate(scene.name, rollback=text)
    return scene.settle()


def results(status: Status) -> list[str]:
    return [line.result for line in status.history]


def events(scene: Scene, reason: str) -> list[str]:
    return [one["type"] for one in scene.cluster.events(scene.name) if one["reason"] == reason]


def test_D5_a_rollback_takes_label_and_Secret_back_and_says_so_until_the_next_success(scene: Scene) -> None:
    first, second = scene.label(CURRENT), rotated(scene, "one")
    last = scene.status().rotation.last_rotated
    status = back(scene, "a")
    assert (status.requests["rollback"].result, results(status)) == ("Done", ["RolledBack", "Succeeded"])
    assert expect_two(scene, scene.password(second)) == first == status.history[0].version_id
    assert scene.label(PREVIOUS) == second
    assert scene.reason(Kind.ROTATION_READY) == Reason.ROLLED_BACK
    assert events(scene, "RolledBack") == ["Normal"]
    assert status.rotation.last_rotated == last, "its window counts as done"
    scene.hand.clock.advance(timedelta(hours=1))
    scene.look()
    assert scene.reason(Kind.ROTATION_READY) == Reason.ROLLED_BACK
    rotated(scene, "two")
    assert scene.reason(Kind.ROTATION_READY) == Reason.SUCCEEDED
    assert scene.ready()


def test_D5_a_sync_ends_what_a_rollback_says_and_changes_nothing(scene: Scene) -> None:
    first = scene.label(CURRENT)
    rotated(scene, "one")
    back(scene, "a")
    scene.cluster.annotate(scene.name, sync="a")
    scene.settle()
    assert scene.ready()
    assert scene.label(CURRENT) == first


def test_D5_a_second_rollback_is_refused_and_moves_nothing(scene: Scene) -> None:
    first = scene.label(CURRENT)
    assert back(scene, "too soon").requests["rollback"].result == "Refused"
    rotated(scene, "one")
    back(scene, "a")
    answer = back(scene, "b").requests["rollback"]
    assert (answer.result, answer.message.partition(":")[0]) == ("Refused", "nothing to roll back to")
    assert scene.label(CURRENT) == first
    assert scene.reason(Kind.ROTATION_READY) == Reason.ROLLED_BACK


@pytest.mark.parametrize("forgotten", [False, True])
def test_D5_a_rollback_whose_answer_was_lost_is_done_once(scene: Scene, forgotten: bool) -> None:
    first, second = scene.label(CURRENT), rotated(scene, "one")
    scene.aws.control.fault("lost", STAGE)
    scene.cluster.annotate(scene.name, rollback="a")
    scene.turn()
    assert scene.label(CURRENT) == first
    assert scene.cluster.content(scene.name)["password"] == scene.password(second), "not told yet"
    if forgotten:
        ahead, scene.hand = scene.hand.clock.ahead, ByHand.on(scene.bed, scene.aws)  # another process
        scene.hand.clock.advance(ahead)
    status = scene.settle()
    assert status.requests["rollback"].result == "Done"
    assert results(status) == ["RolledBack", "Succeeded"]
    assert expect_two(scene, scene.password(second)) == first, "it was we who moved it: no second look is waited for (A7)"


def test_D5_what_AWS_refuses_to_move_stays_and_the_request_has_failed(scene: Scene) -> None:
    second = rotated(scene, "one")
    scene.aws.control.fault("error", STAGE, code="AccessDenied")
    assert back(scene, "a").requests["rollback"].result == "Failed"
    assert expect_two(scene, FIRST) == second
    assert scene.ready()
    assert back(scene, "b").requests["rollback"].result == "Done"


def test_D5_a_password_that_no_longer_logs_in_is_not_gone_back_to(scene: Scene) -> None:
    second = rotated(scene, "one")
    scene.hand.clock.advance(LATER)
    scene.settle()  # it was discarded
    answer = back(scene, "a").requests["rollback"]
    assert answer.result == "Failed"
    assert "does not get in" in answer.message
    assert scene.expect_one_credential() == second == primary(scene)


def test_D5_a_stranger_s_AWSPENDING_stands_in_the_way(scene: Scene) -> None:
    second = rotated(scene, "one")
    scene.put("theirs-Passw0rd", ["AWSPENDING"])
    scene.look()
    assert back(scene, "a").requests["rollback"].result == "Refused"
    assert scene.label(CURRENT) == second


def test_D5_one_password_has_none_before_it(bed: Bed, api: Api, namespace: str, mysql: Facts, aws: Facts) -> None:
    scene = Scene.at(bed, api, namespace, mysql, aws).begin()
    scene.rotate("one")
    answer = back(scene, "a").requests["rollback"]
    assert (answer.result, "SingleUser" in answer.message) == ("Refused", True)
    scene.expect_one_credential()


# after a failed rollout


@pytest.fixture
def rolled_out(bed: Bed, api: Api, namespace: str, mysql: Facts, aws: Facts) -> scenes.Scene:
    """Two Deployments on the first version of a DualPassword resource that goes back by itself."""
    scene = scenes.Scene.on(bed, api, namespace, mysql, aws)
    restarts = {"onFailure": "Rollback", "readyTimeout": "10m", "maxConcurrent": 1}
    given_rolled_out(scene, "a", "b", rotation={"strategy": "DualPassword"}, restarts=restarts)
    may_keep_two(mysql, scene.user)
    return scene


def test_D5_a_failed_rollout_takes_the_credential_back_and_the_others_never_left_it(rolled_out: scenes.Scene) -> None:
    scene, (first, _) = rolled_out, rolled_out.current()
    break_pods(scene, "a")
    scene.rotated()
    second = scene.current()[0]
    assert annotated(scene, "a") == second
    scene.later(minutes=11)
    status = scene.settle()
    assert scene.current()[0] == first == status.version_id
    assert (scene.password, status.history[0].result) == (FIRST, "RolledBack")
    assert "Deployment/a" in (status.rotation.last_error or "")
    assert annotated(scene, "b") != second, "it was never restarted"
    break_pods(scene, "a", broken=False)
    through(scene, "a", "b")
    scene.waits_for("all run on it", lambda: current(scene.settle()) == "True")
    assert scenes.reason(scene.settle(), Kind.ROTATION_READY) == "False RolledBack"


def test_D5_what_fails_with_the_credential_before_too_is_not_rolled_back_again(rolled_out: scenes.Scene) -> None:
    scene, (first, _) = rolled_out, rolled_out.current()
    break_pods(scene, "a")
    scene.rotated()
    scene.later(minutes=11)
    scene.settle()
    scene.later(minutes=11)
    status = scene.settle()
    assert (state(status, "a"), state(status, "b"), current(status)) == ("Failed", "Ready", "False RolloutFailed")
    assert [line.result for line in status.history] == ["RolledBack", "Succeeded"]
    scene.later(hours=1)
    assert scene.settle().version_id == first == scene.current()[0]


def test_D5_a_failed_rollout_whose_password_before_is_gone_says_so_and_stays_halted(rolled_out: scenes.Scene) -> None:
    scene = rolled_out
    break_pods(scene, "a")
    scene.rotated()
    second = scene.current()[0]
    execute_as_root(scene.database, f"ALTER USER '{scene.user}'@'%' DISCARD OLD PASSWORD")
    scene.later(minutes=11)
    status = scene.settle()
    assert status.version_id == second == scene.current()[0]
    assert scenes.reason(status, Kind.ROTATION_READY) == "False LoginFailed"
    assert "not rolled back" in (status.rotation.last_error or "")
    assert current(status) == "False Halted"


# two users


def test_D5_D1_two_users_go_back_to_the_one_before_and_take_turns_from_there(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = scenes.Scene.on(bed, api, namespace, postgres, aws)
    given_alternating(scene)
    first, _ = scene.current()
    rotate(scene, "one")
    assert scene.content["username"] == clone(scene)
    status = scene.asked(rollback="a")
    assert status.requests["rollback"].result == "Done"
    assert (scene.current()[0], scene.content["username"]) == (first, scene.user)
    assert scenes.reason(status, Kind.ROTATION_READY) == "False RolledBack"
    assert logs_in(scene, first)
    assert logs_in(scene, labels(scene)[PREVIOUS]), "who still runs on the other one is not cut off"
    assert scene.asked(rollback="b").requests["rollback"].result == "Refused"
    rotate(scene, "two")
    assert scene.content["username"] == clone(scene)
    assert logs_in(scene, first)
    drop_pair(scene)
