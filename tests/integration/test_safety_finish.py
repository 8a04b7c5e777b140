"""SAFETY.md A6: a started rotation is finished or undone with the spec it started with, whatever comes meanwhile."""

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.resource import FINALIZER
from rotated_rds.model.secret import CURRENT, PENDING
from rotated_rds.model.status import Kind
from rotated_rds.model.tenancy import parse
from rotated_rds.passes import Hint
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.operators import Operator, running
from tests.support.passes import ByHand
from tests.support.resources import Cluster, a_resource
from tests.support.safety import FIRST, Scene

STAGE = "UpdateSecretVersionStage"
NOBODY = {"mode": "Namespaced", "rules": [{"namespaces": ["somewhere-else"], "hosts": ["localhost"]}]}


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws).begin()


def finalizers(scene: Scene) -> list[str]:
    return scene.cluster.resource("db")["metadata"].get("finalizers") or []


def set_but_not_moved(scene: Scene) -> str:
    """The database has the new password, and AWSCURRENT is still the old one."""
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("error", STAGE, code="InternalServiceError")
    scene.turn()
    assert scene.logs_in(scene.password(ours))
    assert not scene.logs_in(FIRST)
    return ours


def stored_but_not_set(scene: Scene) -> str:
    ours = scene.begin_rotation("next")
    scene.aws.control.fault("lost", "PutSecretValue")
    scene.turn()
    assert scene.label(PENDING) == ours
    assert scene.logs_in(FIRST)
    return ours


def only_written_down(scene: Scene) -> str:
    return scene.begin_rotation("next")


WHERE = pytest.mark.parametrize("reach", [only_written_down, stored_but_not_set, set_but_not_moved], ids=lambda one: one.__name__)
Reach = Callable[[Scene], str]


@WHERE
def test_A6_suspended_meanwhile_it_is_finished_and_then_nothing_starts(scene: Scene, reach: Reach) -> None:
    ours = reach(scene)
    scene.cluster.change("db", suspend=True)
    assert scene.settle().requests["rotate"].result == "Done"
    assert scene.expect_one_credential() == ours
    scene.settle()
    assert scene.status().condition(Kind.SUSPENDED) is not None
    since = scene.last_call()
    assert scene.rotate_again("while suspended").requests["rotate"].text == "next"
    assert scene.operations(since) == []
    scene.cluster.change("db", suspend=False)
    assert scene.settle().requests["rotate"].text == "while suspended", "it has waited"
    scene.expect_one_credential()


@WHERE
def test_A6_with_a_spec_that_became_invalid_it_is_finished_with_the_one_it_began_with(scene: Scene, reach: Reach) -> None:
    ours = reach(scene)
    scene.cluster.change("db", rotation={"schedule": "rate(4 hours)", "window": "9h"})
    scene.settle()
    assert scene.expect_one_credential() == ours
    assert scene.turn().requests["rotate"].result == "Done"
    ready = scene.status().condition(Kind.READY)
    assert ready is not None
    assert ready.reason == Reason.INVALID_SPEC
    assert finalizers(scene) == []


@WHERE
def test_A6_with_a_spec_that_changed_it_is_finished_with_the_one_it_began_with(scene: Scene, reach: Reach) -> None:
    ours = reach(scene)
    scene.cluster.change("db", database={"host": "127.0.0.2"}, rotation={"password": {"length": 64}})
    scene.turn()
    while scene.status().rotation.in_progress is not None:
        scene.turn()
    assert scene.label(CURRENT) == ours
    assert scene.logs_in(scene.password(ours))
    assert len(scene.password(ours)) != 64
    assert scene.cluster.content("db")["password"] == scene.password(ours)
    assert scene.turn().condition(Kind.READY) is not None
    assert not scene.ready(), "the new spec is looked at after that"


@WHERE
def test_A6_deleted_meanwhile_it_is_finished_and_then_the_resource_goes(scene: Scene, reach: Reach) -> None:
    ours = reach(scene)
    arn = scene.arn
    scene.cluster.delete("db")
    assert FINALIZER in finalizers(scene)
    pass_until_gone(scene)
    shown = scene.secretsmanager.get_secret_value(SecretId=arn)
    assert shown["VersionId"] == ours
    assert scene.logs_in(json.loads(shown["SecretString"])["password"])
    assert not scene.logs_in(FIRST)


@pytest.mark.parametrize("reach", [stored_but_not_set, set_but_not_moved], ids=lambda one: one.__name__)
def test_A6_with_its_permission_withdrawn_it_is_finished_and_then_nothing_starts(scene: Scene, reach: Reach) -> None:
    ours = reach(scene)
    scene.hand = ByHand.on(scene.bed, scene.aws, tenancy=parse(NOBODY))
    assert scene.settle().requests["rotate"].result == "Done"
    assert scene.expect_one_credential() == ours
    scene.rotate_again("not allowed")
    assert scene.reason(Kind.DATABASE_RESOLVED) == Reason.NOT_ALLOWED
    assert scene.expect_one_credential() == ours
    assert finalizers(scene) == []


def test_A6_with_its_permission_withdrawn_before_anything_was_stored_it_is_undone(scene: Scene) -> None:
    ours = only_written_down(scene)
    scene.hand = ByHand.on(scene.bed, scene.aws, tenancy=parse(NOBODY))
    scene.turn()
    assert scene.status().rotation.in_progress is not None, "what a dead process stored may not show yet"
    scene.hand.clock.advance(timedelta(minutes=1))
    assert scene.turn().requests["rotate"].result == "Failed"
    assert ours not in scene.versions()
    assert finalizers(scene) == []
    assert scene.logs_in(FIRST)


def test_A6_a_status_that_somebody_else_wrote_is_no_permission(scene: Scene) -> None:
    scene.rotate("next")
    scene.hand = ByHand.on(scene.bed, scene.aws, tenancy=parse(NOBODY))
    forged = {"versionId": scene.label(CURRENT), "since": "2026-01-01T00:00:00.000000Z", "cause": "request", "startedFrom": "x"}
    elsewhere = {**scene.cluster.resource("db")["spec"], "database": {"host": "127.0.0.2", "engine": "postgres", "port": 1}}
    patch = {"status": {"rotation": {"inProgress": {**forged, "spec": json.dumps(elsewhere)}}}}
    scene.cluster.merge(f"{scene.cluster.path('rotatedrdssecrets', 'db')}/status", patch)
    scene.turn()
    assert scene.reason(Kind.DATABASE_RESOLVED) == Reason.NOT_ALLOWED
    assert "127.0.0.2" not in str(scene.cluster.status("db").get("database"))


def pass_until_gone(scene: Scene, most: int = 10) -> None:
    for _ in range(most):
        try:
            scene.cluster.resource("db")
        except ApiError:
            return
        end = scene.hand.passes.run(scene.hand.body(scene.cluster.namespace, "db"), Hint())
        if end.body is None:
            return
    raise AssertionError(f"still there: {scene.cluster.resource('db')}")


def test_A6_a_resource_at_rest_has_no_finalizer_of_ours_and_goes_at_once(scene: Scene) -> None:
    scene.rotate("next")
    assert finalizers(scene) == []
    scene.cluster.delete("db")
    with pytest.raises(ApiError):
        scene.cluster.resource("db")


def test_A6_somebody_elses_finalizer_stays(scene: Scene) -> None:
    path = scene.cluster.path("rotatedrdssecrets", "db")
    scene.cluster.merge(path, {"metadata": {"finalizers": ["example.org/theirs"]}})
    scene.begin_rotation("next")
    assert finalizers(scene) == ["example.org/theirs", FINALIZER]
    scene.settle()
    assert finalizers(scene) == ["example.org/theirs"]
    scene.cluster.merge(path, {"metadata": {"finalizers": []}})


@pytest.mark.parametrize(("operation", "after"), [("PutSecretValue", 0), (STAGE, 0)])
def test_A6_the_finalizer_stands_from_before_the_first_change_until_the_label_has_moved(scene: Scene, operation: str, after: int) -> None:
    scene.begin_rotation("next")
    with scene.held("hold-before", operation, after):
        assert FINALIZER in finalizers(scene)
    scene.expect_one_credential()
    assert finalizers(scene) == []


def test_A6_status_is_written_after_the_finalizer(scene: Scene) -> None:
    """Whoever is killed between the two has begun nothing, and leaves nothing that blocks a deletion."""
    path = scene.cluster.path("rotatedrdssecrets", "db")
    scene.cluster.merge(path, {"metadata": {"finalizers": [FINALIZER]}})
    scene.settle()
    assert finalizers(scene) == []


def test_A6_a_resource_on_its_way_out_begins_nothing(scene: Scene) -> None:
    path = scene.cluster.path("rotatedrdssecrets", "db")
    scene.cluster.merge(path, {"metadata": {"finalizers": ["example.org/theirs"]}})
    scene.cluster.annotate("db", rotate="too late")
    scene.cluster.delete("db")
    since = scene.last_call()
    scene.turn()
    assert scene.operations(since) == []
    scene.cluster.merge(path, {"metadata": {"finalizers": []}})


def test_A6_sigterm_lets_a_pass_under_way_end(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> None:
    cluster, ours, user = Cluster(api, namespace), Aws(aws), f"u{namespace[2:]}"
    operator = Operator(bed, ours, (namespace,))
    with running(operator):
        cluster.given_user(postgres, user, FIRST)
        cluster.given_resource(a_resource(namespace, "db", postgres, user))
        cluster.expect_ready("db")
        held = ours.control.fault("hold-before", STAGE)
        cluster.annotate("db", rotate="next")
        assert ours.control.wait_held(held)
        assert operator.process is not None
        os.kill(operator.process.pid, signal.SIGTERM)
        ours.control.release(held)
        cluster.expect("the operator ends by itself", lambda: bed.processes.named(operator.name) is None, seconds=15)
        password = cluster.content("db")["password"]
        assert password != FIRST, "the Secret was written before the process ended"
        assert can_log_in(postgres, user, password)
        operator.start().ready()
        assert cluster.expect_request("db", "rotate", "next")["result"] == "Done"
        cluster.expect_ready("db")
        assert "finalizers" not in cluster.resource("db")["metadata"]
