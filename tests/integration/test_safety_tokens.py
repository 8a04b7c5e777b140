"""SAFETY.md A1: one token a cause, so that nothing can make a second password."""

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.resources import a_resource
from tests.support.scenes import Scene


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, postgres, aws)


def test_A1_the_version_id_is_the_token_of_the_request(scene: Scene) -> None:
    scene.begin()
    scene.rotate("by hand")
    assert scene.expect_one_credential() == scene.token("by hand")


def test_A1_the_same_request_twice_makes_one_version(scene: Scene) -> None:
    scene.begin()
    scene.rotate("once")
    made = scene.versions()
    scene.cluster.annotate("db", rotate=None)
    scene.settle()
    scene.rotate("once")
    assert scene.versions() == made
    scene.expect_one_credential()


def test_A1_a_request_of_a_resource_applied_again_is_done_without_a_new_version(scene: Scene) -> None:
    scene.begin()
    scene.rotate("from git")
    made, body = scene.versions(), scene.cluster.resource("db")
    scene.cluster.delete("db")
    again = a_resource(scene.cluster.namespace, "db", scene.database, scene.user)
    again["metadata"]["annotations"] = body["metadata"]["annotations"]
    scene.cluster.given_resource(again)
    status = scene.settle()
    assert status.requests["rotate"].result == "Done"
    assert scene.versions() == made
    scene.expect_one_credential()
