"""A version that AWS has left is never published over the one that took its place, whatever was lost in between."""

from rotated_rds.model.status import Kind
from tests.support.scene import FIRST, LOOK, Scene, reason

NEW = "second-Passw0rd"


def test_a_new_version_that_could_not_be_read_is_published_by_the_next_pass(scene: Scene) -> None:
    scene.given_ready()
    scene.moved_by_hand(NEW)
    scene.aws.control.fault("error", "GetSecretValue", count=3)
    broken = scene.turn(LOOK)
    assert reason(broken, Kind.MIRRORED) == "True"
    assert scene.password == FIRST
    assert reason(broken, Kind.READY) == "Unknown Pending"
    scene.settled()
    assert scene.password == NEW


def test_a_newer_version_in_the_secret_is_not_overwritten_from_memory(scene: Scene) -> None:
    scene.given_ready()
    before = scene.cluster.status(scene.name)
    scene.moved_by_hand(NEW)
    scene.settled(LOOK)
    published = scene.cluster.secret(scene.name)
    scene.cluster.merge(f"{scene.cluster.path('rotatedrdssecrets', scene.name)}/status", {"status": before})  # killed before it was written
    scene.restarted()
    scene.turn()
    assert scene.password == NEW
    status = scene.settled()
    assert status.version_id == scene.current()[0]
    now = scene.cluster.secret(scene.name)
    assert published is not None
    assert now is not None
    assert (now["data"], now["metadata"]["annotations"]) == (published["data"], published["metadata"]["annotations"])
