"""The operator's rights in Kubernetes: what the chart gives it is what this version asks for, no more and no less."""

from pathlib import Path

import pytest

from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.support.audit import Asked, Right, audited
from tests.support.releases import install
from tests.support.rights import PARTS, Report, journey


@pytest.mark.usefixtures(*PARTS)
@pytest.mark.parametrize("everywhere", [pytest.param(True, id="all of the cluster"), pytest.param(False, id="watch.namespaces")])
def test_every_right_of_the_chart_is_used_and_none_is_missing(bed: Bed, namespace: str, tmp_path: Path, *, everywhere: bool) -> None:
    report = journey(bed, namespace, tmp_path, everywhere=everywhere)
    assert (report.unused, report.missing) == ([], [])
    assert {right.namespace == "" for right in report.granted if right.resource == "secrets"} == {everywhere}


def test_a_denial_is_seen(bed: Bed, api: Api, kubernetes: Facts, tmp_path: Path) -> None:
    assert kubernetes
    install(api)
    with audited(bed, tmp_path) as server:
        with pytest.raises(ApiError, match="403"):
            Api(server.kubeconfig).call("GET", "/api/v1/nodes")
        assert server.asked() == [Asked(Right("", "nodes", "list"), allowed=False)]


READ = Right("", "secrets", "get", "shop")


@pytest.mark.parametrize(
    ("granted", "asked", "unused", "missing"),
    [
        pytest.param([READ], [READ], [], [], id="used"),
        pytest.param([READ], [], [READ], [], id="never asked for"),
        pytest.param([], [READ], [], [READ], id="another role's"),
        pytest.param([Right("", "secrets", "get")], [READ], [], [], id="everywhere covers one namespace"),
        pytest.param([Right("", "secrets", "get", "shop", "a")], [READ], [Right("", "secrets", "get", "shop", "a")], [READ], id="one name"),
    ],
)
def test_the_difference_goes_both_ways(granted: list[Right], asked: list[Right], unused: list[Right], missing: list[Right]) -> None:
    report = Report(frozenset(granted), [Asked(right, allowed=True) for right in asked])
    assert (report.unused, report.missing) == (unused, missing)
