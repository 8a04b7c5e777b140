"""SAFETY.md A7: lists and messages nominate; an older AWSCURRENT is believed on the second look."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotated_rds.acts.steady import APART
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import CURRENT, PREVIOUS, SecretState
from rotated_rds.passes import Hint
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import set_password
from tests.support.safety import FIRST, Scene


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws)


def listed(scene: Scene) -> SecretState:
    """The sweep's entry of the secret, as AWS shows it now."""
    sweep = SecretsManager(scene.hand.world.sessions.of(scene.hand.world.identity(Key(scene.cluster.namespace, scene.name), scene.spec())))
    return next(one for one in sweep.sweep([{"Key": "name", "Values": [scene.cluster.namespace]}]) if one.arn == scene.arn)


def test_A7_a_list_that_shows_the_version_before_changes_nothing(scene: Scene) -> None:
    scene.begin()
    before = listed(scene)
    current = scene.rotate("next").version_id
    since = scene.last_call()
    status = scene.settle(Hint(look=True, listed=before))
    assert "DescribeSecret" in scene.operations(since)
    assert "PutSecretValue" not in scene.operations(since)
    assert status.version_id == current
    assert scene.expect_one_credential() == current


def test_A7_a_list_that_names_a_version_does_not_publish_it(scene: Scene) -> None:
    scene.begin()
    foreign = replace(listed(scene), versions={"0" * 32: frozenset({CURRENT})})
    assert scene.settle(Hint(look=True, listed=foreign)).version_id == scene.label(CURRENT)
    assert scene.cluster.content("db")["password"] == FIRST


def test_A7_a_list_that_shows_a_deletion_changes_nothing(scene: Scene) -> None:
    scene.begin()
    gone = replace(listed(scene), deleted_at=scene.hand.clock())
    scene.settle(Hint(look=True, listed=gone))
    assert scene.ready()
    scene.expect_one_credential()


def test_A7_a_newer_version_is_followed_at_once(scene: Scene) -> None:
    scene.begin()
    set_password(scene.database, scene.user, "Changed-by-hand-1")
    by_hand = scene.put("Changed-by-hand-1", [CURRENT])
    assert scene.look().version_id == by_hand
    scene.expect_one_credential()


def test_A7_a_move_to_an_older_version_is_followed_after_two_looks_ten_seconds_apart(scene: Scene) -> None:
    scene.begin()
    scene.rotate("next")
    older, newer = scene.label(PREVIOUS), scene.label(CURRENT)
    set_password(scene.database, scene.user, FIRST)
    scene.move(CURRENT, older)
    status = scene.look()
    assert status.version_id == newer, "the first look may be an old answer"
    wake = scene.hand.ends[-1].wake
    assert wake is not None
    assert timedelta() < wake - scene.hand.clock() <= APART
    scene.hand.clock.advance(APART / 2)
    assert scene.look().version_id == newer
    scene.hand.clock.advance(APART / 2)
    assert scene.turn().version_id == older, "a pass that nobody asked to look reads AWS again"
    scene.expect_one_credential()


def test_A7_a_stale_description_in_between_does_not_move_the_secret_back(scene: Scene) -> None:
    scene.begin()
    scene.rotate("next")
    moment = scene.aws.control.moment()
    newer = scene.rotate_again("once more").version_id
    stale = scene.aws.control.fault("stale", "DescribeSecret", moment=moment, count=None)
    since = scene.last_call()
    assert scene.look().version_id == newer
    assert "PutSecretValue" not in scene.operations(since)
    scene.aws.control.release(stale)
    scene.hand.clock.advance(APART)
    assert scene.look().version_id == newer
    assert scene.expect_one_credential() == newer


def test_A7_looks_that_disagree_begin_anew(scene: Scene) -> None:
    scene.begin()
    moment = scene.aws.control.moment()
    newer = scene.rotate("next").version_id
    for _ in range(2):
        stale = scene.aws.control.fault("stale", "DescribeSecret", moment=moment, count=None)
        assert scene.look().version_id == newer
        scene.aws.control.release(stale)
        assert scene.look().version_id == newer
        scene.hand.clock.advance(APART * 2)
    scene.expect_one_credential()


def test_A7_no_rotation_begins_on_an_older_version_that_was_seen_once(scene: Scene) -> None:
    scene.begin()
    moment = scene.aws.control.moment()
    newer = scene.rotate("next").version_id
    scene.hand.clock.advance(timedelta(minutes=1))
    stale = scene.aws.control.fault("stale", "DescribeSecret", moment=moment, count=None)
    since = scene.last_call()
    assert scene.rotate("too early").rotation.in_progress is None
    assert "PutSecretValue" not in scene.operations(since)
    scene.aws.control.release(stale)
    assert scene.settle().requests["rotate"].text == "too early"
    assert scene.expect_one_credential() != newer
