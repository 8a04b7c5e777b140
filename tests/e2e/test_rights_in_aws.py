"""The operator's rights in AWS: each journey with exactly the policy that the table makes for it, no more and no less."""

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.iam.journeys import JOURNEYS, travel


@pytest.mark.parametrize("journey", JOURNEYS)
def test_every_right_is_used_and_none_is_missing(journey: str, bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> None:
    for report in travel(journey, bed, api, namespace, postgres, aws):
        assert (report.journey, report.missing, report.unused, report.spare) == (report.journey, [], [], [])
        assert report.granted
        assert report.checks
