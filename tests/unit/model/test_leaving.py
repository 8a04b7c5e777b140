"""Another strategy on a live resource: which one is in force, what no resource does, what AWS tells where status is lost (SAFETY.md E4)."""

from typing import Any

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.leaving import came_home, home_cause, in_force, unfit, went_back
from rotated_rds.model.secret import CURRENT, PREVIOUS, SecretState, token
from rotated_rds.model.spec import Spec, Strategy, parse_spec
from rotated_rds.model.status import RotationStatus, Status
from tests.support.resources import merged

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-123456"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
SINGLE, ALTERNATING, DUAL = Strategy
BY_FUNCTION, HOSTED = {"functionArn": FUNCTION}, {"hostedLambda": {"functionName": "f"}}
EXTERNAL = {"rotation": {"method": "External"}, "secret": {"name": "a"}}


def a_spec(strategy: str, **rotation: Any) -> Spec:
    user = {"name": "app", "adminSecretId": "admin"}
    return parse_spec(merged({"database": {"instance": "db"}, "user": user}, {"rotation": {"strategy": strategy, **rotation}}))


def a_status(strategy: str | None, method: str = "Operator", user: str = "app") -> Status:
    return Status(username=user, rotation=RotationStatus(method=method, strategy=strategy))


@pytest.mark.parametrize(
    ("was", "wanted", "expected"),
    [
        (None, SINGLE, SINGLE),
        (SINGLE, SINGLE, SINGLE),
        (SINGLE, ALTERNATING, ALTERNATING),
        (SINGLE, DUAL, DUAL),
        (ALTERNATING, ALTERNATING, ALTERNATING),
        (ALTERNATING, SINGLE, ALTERNATING),
        (ALTERNATING, DUAL, ALTERNATING),
        (DUAL, SINGLE, DUAL),
        (DUAL, ALTERNATING, DUAL),
        ("of a newer version", SINGLE, SINGLE),
    ],
)
def test_E4_a_strategy_that_leaves_something_behind_stays_in_force(was: str | None, wanted: str, expected: Strategy) -> None:
    assert in_force(a_spec(wanted), a_status(was)) is expected


@pytest.mark.parametrize("was", [ALTERNATING, DUAL])
def test_E4_who_gives_the_rotation_away_leaves_by_the_hand_over(was: Strategy) -> None:
    assert in_force(a_spec(SINGLE, **BY_FUNCTION), a_status(was)) is SINGLE
    assert in_force(parse_spec({"database": {"instance": "db"}, **EXTERNAL}), a_status(was)) is SINGLE


@pytest.mark.parametrize("rotation", [BY_FUNCTION, HOSTED], ids=["Lambda", "HostedLambda"])
@pytest.mark.parametrize(
    ("was", "mend"),
    [
        (a_status(ALTERNATING), "change spec.rotation.strategy alone"),
        (a_status(ALTERNATING, user="app_clone"), "change spec.rotation.strategy alone"),
        (a_status(ALTERNATING, "Lambda", "app_clone"), "annotate rotated-rds.io/rotate once"),
        (a_status(ALTERNATING, "Lambda"), None),
        (a_status(SINGLE), None),
        (a_status(DUAL), None),
        (a_status(None), None),
    ],
)
def test_E4_a_function_for_one_user_is_not_left_with_the_clone(was: Status, mend: str | None, rotation: dict[str, Any]) -> None:
    no = unfit(a_spec(SINGLE, **rotation), was)
    assert (no is None) is (mend is None)
    assert no is None or (no.reason is Reason.INVALID_SPEC and str(mend) in no.message and "set it back" in no.message)
    assert unfit(a_spec(ALTERNATING, **rotation), was) is None


def test_E4_every_other_change_of_strategy_is_carried_out() -> None:
    assert [unfit(a_spec(wanted), a_status(was)) for was in Strategy for wanted in Strategy] == [None] * 9
    assert unfit(parse_spec({"database": {"instance": "db"}, **EXTERNAL}), a_status(ALTERNATING)) is None


def labelled(current: str, previous: str | None) -> SecretState:
    return SecretState(ARN, "a", {current: frozenset({CURRENT})} | ({previous: frozenset({PREVIOUS})} if previous else {}))


def test_E4_A1_the_way_home_is_known_by_its_version_whatever_status_says() -> None:
    home, again = (token(ARN, home_cause("clone's"), number) for number in (0, 3))
    asked = token(ARN, "please", 0)
    assert came_home(labelled(home, "clone's"), ())
    assert came_home(labelled(again, "clone's"), ())
    assert came_home(labelled(asked, "clone's"), ("other", "please"))
    assert not came_home(labelled(asked, "clone's"), ("other",))
    assert not came_home(labelled(home, "another's"), ())
    assert not came_home(labelled("theirs", None), ("please",))


def test_E4_D5_a_rolled_back_way_home_is_known_by_the_version_that_it_left() -> None:
    home = token(ARN, home_cause("clone's"), 1)
    assert went_back(labelled("clone's", home))
    assert not went_back(labelled(home, "clone's"))
    assert not went_back(labelled("clone's", "another's"))
    assert not went_back(labelled("clone's", None))
