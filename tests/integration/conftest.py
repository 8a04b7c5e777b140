"""A resource of the test's own on real parts, for the files that go stage by stage."""

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.scene import Scene


@pytest.fixture
def scene(bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str) -> Scene:
    return Scene.on(bed, api, namespace, postgres, aws)
