"""Back to the credential before: where there is one, and when a failed rollout asks for it (SAFETY.md D5)."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from rotated_rds.model import rollback
from rotated_rds.model.credential import Credential, SecretValue
from rotated_rds.model.restarts import REVERTED
from rotated_rds.model.secret import CURRENT, PREVIOUS, SecretState
from rotated_rds.model.spec import Spec, Strategy, parse_spec
from rotated_rds.model.status import RequestStatus, Rotated, Status, WorkloadStatus
from tests.support.resources import merged

NOW = datetime(2026, 11, 25, tzinfo=UTC)
MADE = {"v1": NOW - timedelta(days=2), "v2": NOW - timedelta(days=1)}
DUAL, ALTERNATING = Strategy.DUAL_PASSWORD, Strategy.ALTERNATING_USERS


def a_spec(**more: Any) -> Spec:
    least = {"database": {"instance": "db"}, "user": {"name": "app"}, "rotation": {"strategy": "DualPassword"}}
    return parse_spec(merged(least, more))


def labels(current: str, previous: str | None) -> SecretState:
    versions = {current: frozenset({CURRENT})} | ({previous: frozenset({PREVIOUS})} if previous else {})
    return SecretState("arn:aws:secretsmanager:eu-west-1:1:secret:a-123456", "a", versions)


def held(version: str, user: str, password: str) -> Credential:
    return Credential(version, SecretValue.of(user, password))


def test_D5_one_password_and_other_people_s_rotations_are_not_rolled_back() -> None:
    lambda_arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    assert rollback.unfit(a_spec()) is None
    assert "SingleUser" in (rollback.unfit(a_spec(rotation={"strategy": "SingleUser"})) or "")
    assert "Lambda" in (rollback.unfit(a_spec(rotation={"strategy": "SingleUser", "functionArn": lambda_arn})) or "")
    assert "External" in (rollback.unfit(a_spec(rotation={"strategy": "SingleUser", "method": "External"}, user=None)) or "")


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("v1", "v2", True), ("v2", "v1", False), ("v1", "v1", False), (None, "v2", False), ("v0", "v2", False)]
)
def test_D5_older_is_what_AWS_s_dates_surely_say(one: str | None, other: str, expected: bool) -> None:
    assert rollback.is_older(one, other, MADE) is expected


@pytest.mark.parametrize(
    ("strategy", "previous", "there"),
    [
        (DUAL, held("v1", "app", "before"), True),
        (DUAL, held("v1", "app", "now"), False),
        (ALTERNATING, held("v1", "app_clone", "before"), True),
        (ALTERNATING, held("v1", "app", "before"), False),
    ],
)
def test_D5_the_credential_before_is_another_one(strategy: Strategy, previous: Credential, there: bool) -> None:
    said = rollback.nothing(strategy, held("v2", "app", "now"), previous)
    assert said is None if there else (said or "").startswith("nothing to roll back to")


@pytest.mark.parametrize("state", [labels("v1", "v2"), labels("v1", None)])
def test_D5_a_second_rollback_has_nothing_to_go_back_to(state: SecretState) -> None:
    assert not rollback.is_older(state.previous, state.current, MADE)
    assert rollback.no_older(state).startswith("nothing to roll back to")


def told(version: str, result: Literal["Succeeded", "RolledBack"]) -> Rotated:
    return Rotated(version_id=version, started=NOW, finished=NOW, result=result, seconds=0)


def test_D5_a_rollback_whose_status_was_lost_is_known_by_AWS_s_labels() -> None:
    assert rollback.carried_out(labels("v1", "v2"), Status(version_id="v2", history=(told("v2", "Succeeded"),)), MADE)
    assert not rollback.carried_out(labels("v2", "v1"), Status(version_id="v2"), MADE), "nobody has gone back yet"
    assert not rollback.carried_out(labels("v1", "v2"), Status(version_id="v1"), MADE), "published: it was told"
    assert not rollback.carried_out(labels("v1", "v2"), Status(version_id="v2", history=(told("v1", "RolledBack"),)), MADE)


def failed(version: str = "v2", message: str = "not ready after 600 s", since: datetime = NOW, **more: Any) -> Status:
    line = WorkloadStatus(kind="Deployment", name="shop", state="Failed", version_id=version, since=since, message=message)
    return Status(version_id="v2", workloads=(line,), **more)


def resumed(at: datetime) -> dict[str, RequestStatus]:
    return {"resume": RequestStatus(text="a", time=at, result="Done")}


BACK = {"restarts": {"onFailure": "Rollback"}}


@pytest.mark.parametrize(
    ("spec", "before", "goes_back"),
    [
        pytest.param(BACK, failed(), True, id="a rollout failed"),
        pytest.param({}, failed(), False, id="not asked for"),
        pytest.param(BACK, failed(version="v1"), False, id="to another version"),
        pytest.param(BACK, failed(message=REVERTED), False, id="its template is somebody else's"),
        pytest.param(BACK, failed(requests=resumed(NOW + timedelta(seconds=1))), False, id="a person said: go on"),
        pytest.param(BACK, failed(requests=resumed(NOW - timedelta(seconds=1))), True, id="and it failed again"),
        pytest.param({**BACK, "suspend": True}, failed(), False, id="suspended"),
        pytest.param(BACK, Status(version_id="v2"), False, id="nothing failed"),
    ],
)
def test_D5_a_failed_rollout_takes_the_credential_back_where_the_spec_says_so(
    spec: dict[str, Any], before: Status, goes_back: bool
) -> None:
    assert (rollback.failed_rollout(a_spec(**spec), before) is not None) is goes_back
