"""The operator's own Region, from the variables of the environment alone."""

import pytest

from rotated_rds.clients.aws import AwsIdentity, AwsSessions


@pytest.fixture(autouse=True)
def _no_region(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]  # pytest finds it
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


def region(identity: AwsIdentity | None = None) -> str | None:
    return AwsSessions(lambda _seconds: None).of(identity or AwsIdentity()).region


def test_aws_region_is_enough_as_the_chart_sets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert region() == "eu-west-1"


def test_aws_default_region_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert region() == "eu-west-2"


def test_a_resource_s_own_region_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert region(AwsIdentity(region="us-east-2")) == "us-east-2"


def test_without_any_there_is_none() -> None:
    assert region() is None
