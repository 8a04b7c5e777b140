"""AlternatingUsers as rules: names, whose turn it is, what must be equal (SAFETY.md C6, D1)."""

from typing import Any

import pytest
from pydantic import SecretStr

from rotated_rds.model import alternating
from rotated_rds.model.alternating import Pair
from rotated_rds.model.credential import SecretValue
from rotated_rds.model.database import Engine, Login, Verdict
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import Spec, parse_spec
from tests.support.resources import merged

PAIR = Pair("app", "app_clone")
ALTERNATING = {
    "database": {"instance": "orders"},
    "user": {"name": "app", "adminSecretId": "admin"},
    "rotation": {"strategy": "AlternatingUsers"},
}


def a_spec(**more: Any) -> Spec:
    return parse_spec(merged(ALTERNATING, more))


@pytest.mark.parametrize(
    ("name", "engine", "fits"),
    [
        ("a" * 57, Engine.POSTGRES, True),
        ("a" * 58, Engine.POSTGRES, False),
        ("ä" * 28, Engine.POSTGRES, True),
        ("ä" * 29, Engine.POSTGRES, False),
        ("ä" * 26, Engine.MYSQL, True),
        ("a" * 27, Engine.MYSQL, False),
        ("a" * 74, Engine.MARIADB, True),
        ("a" * 75, Engine.MARIADB, False),
        ("app_clone", Engine.MARIADB, False),
    ],
)
def test_C6_a_base_user_s_name_leaves_room_for_the_clone_s(name: str, engine: Engine, fits: bool) -> None:
    text = alternating.fault(a_spec(user={"name": name}), engine)
    assert (text is None) is fits
    assert text is None or text.startswith("spec.user.name: ")


def test_C6_an_owner_role_is_for_postgresql() -> None:
    spec = a_spec(user={"ownerRole": "owner"})
    assert alternating.fault(spec, Engine.POSTGRES) is None
    assert str(alternating.fault(spec, Engine.MYSQL)).startswith("spec.user.ownerRole: ")


def test_D1_whose_turn_it_is_is_told_by_the_name_alone() -> None:
    pair = Pair.of(a_spec())
    assert (pair.other("app"), pair.other("app_clone")) == ("app_clone", "app")
    for stranger in ("app_clone_clone", "App", "master"):
        with pytest.raises(Refused) as no:
            pair.other(stranger)
        assert no.value.reason is Reason.USER_MISMATCH


def test_D1_what_only_the_user_in_use_has_would_be_lost() -> None:
    here, there = {"GRANT SELECT ON a", "GRANT SELECT ON b"}, {"GRANT SELECT ON a", "GRANT INSERT ON c"}
    no = alternating.would_be_lost(PAIR, "app_clone", here, there)
    assert no is not None
    assert no.reason is Reason.OWNERSHIP_SPLIT
    assert "GRANT SELECT ON b" in no.message
    assert "INSERT" not in no.message
    assert alternating.would_be_lost(PAIR, "app_clone", {"GRANT SELECT ON a"}, there) is None


@pytest.mark.parametrize(("base", "clone"), [({"a", "b"}, {"a"}), ({"a"}, {"a", "b"})])
def test_D1_a_clone_with_more_or_less_than_the_base_is_not_carried_over(base: set[str], clone: set[str]) -> None:
    no = alternating.not_carried_over(PAIR, base, clone)
    assert no is not None
    assert "b" in no.message
    assert alternating.not_carried_over(PAIR, base, base) is None


@pytest.mark.parametrize(
    ("login", "owner", "reason"),
    [
        (Login(Verdict.OK, role="app_clone"), None, None),
        (Login(Verdict.OK, role="owner"), "owner", None),
        (Login(Verdict.OK, role="app_clone"), "owner", Reason.OWNERSHIP_SPLIT),
        (Login(Verdict.OK), "owner", Reason.OWNERSHIP_SPLIT),
        (Login(Verdict.PROVEN, "3D000"), None, Reason.ROTATION_FAILED),
        (Login(Verdict.LOCKED_RIGHT, "3118"), None, Reason.ROTATION_FAILED),
    ],
)
def test_D1_a_right_password_is_not_enough_for_the_user_whose_turn_it_is(login: Login, owner: str | None, reason: Reason | None) -> None:
    no = alternating.objection(Pair("app", "app_clone", owner), "app_clone", login)
    assert (no.reason if no else None) is reason


def test_what_is_told_of_many_differences_is_short() -> None:
    no = alternating.not_carried_over(PAIR, {f"GRANT {n}" for n in range(99)}, set())
    assert no is not None
    assert "and 94 more" in no.message


def test_a_version_of_the_other_user_keeps_every_key_and_names_the_administrator() -> None:
    old = SecretValue.parse('{"username": "app", "password": "old", "host": "db", "team": "shop"}')
    new = old.of_user("app_clone", SecretStr("new"), master="arn:admin")
    assert SecretValue.parse(new.text()).whole == {
        "username": "app_clone",
        "password": "new",
        "host": "db",
        "team": "shop",
        "masterarn": "arn:admin",
    }
    assert (new.username, new.password.get_secret_value(), new.master) == ("app_clone", "new", "arn:admin")
    assert "new" not in repr(new)
