"""One resource a user: the older one keeps it (SAFETY.md A5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.model.claims import Claim, Claims, rival
from rotated_rds.model.resource import Key

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OLD = Claim(Key("shop", "old"), NOW, "app", frozenset({"db:5432", "10.0.0.1:5432"}))
NEW = Claim(Key("shop", "new"), NOW + timedelta(days=1), "app", frozenset({"alias:5432", "10.0.0.1:5432"}))


def a_body(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": "2026-11-24T00:00:00Z"},
        "spec": {"user": {"name": "app"}, **spec},
        "status": {"database": {"host": "DB", "port": 5432}},
    }


def test_A5_the_older_of_two_claims_for_one_user_wins_whoever_is_seen_first() -> None:
    for order in ((OLD, NEW), (NEW, OLD)):
        claims = Claims()
        for claim in order:
            claims.stake(claim)
        assert claims.stake(NEW) == OLD
        assert claims.stake(OLD) is None


def test_A5_of_the_same_age_the_name_decides_so_that_one_wins() -> None:
    twin = replace(NEW, created=NOW)
    assert [rival(OLD, [twin]), rival(twin, [OLD])] in ([None, OLD], [twin, None])


@pytest.mark.parametrize(
    "other",
    [replace(NEW, user="other"), replace(NEW, places=frozenset({"db:5433", "10.0.0.1:5433"})), replace(NEW, places=frozenset())],
)
def test_another_user_or_another_place_is_no_conflict(other: Claim) -> None:
    assert rival(other, [OLD]) is None


def test_A5_a_clone_is_claimed_with_its_base() -> None:
    alternating = replace(OLD, clone="app_clone")
    assert rival(replace(NEW, user="app_clone"), [alternating]) == alternating
    assert rival(replace(NEW, user="app_clone_clone"), [alternating]) is None
    assert rival(replace(alternating, created=NEW.created, key=NEW.key), [replace(OLD, user="app_clone")]) is not None


@pytest.mark.parametrize("status", [{}, {"rotation": {"strategy": "AlternatingUsers"}}], ids=["in the spec", "being left"])
def test_A5_E4_a_status_stakes_the_clone_s_claim_too(status: dict[str, Any]) -> None:
    claims, body = Claims(), a_body(rotation={"strategy": "SingleUser" if status else "AlternatingUsers"})
    claims.seed(OLD.key, body | {"status": body["status"] | status})
    claim = replace(NEW, user="app_clone", created=NOW + timedelta(days=9))
    assert [one.users for one in claims.seeds_before(claim)] == [{"app", "app_clone"}]


def test_a_resource_is_no_rival_of_itself() -> None:
    assert rival(OLD, [replace(OLD, created=NOW - timedelta(days=9))]) is None


def test_a_claim_goes_with_its_resource() -> None:
    claims = Claims()
    claims.stake(OLD)
    claims.drop(OLD.key)
    assert claims.stake(NEW) is None


def test_A5_of_rds_s_own_master_status_alone_tells_the_user() -> None:
    claims, managed = Claims(), {"user": None, "rotation": {"method": "RDSManaged"}}
    claims.seed(OLD.key, a_body(**managed))
    assert claims.seeds_before(NEW) == []
    body = a_body(**managed)
    body["status"]["username"] = "app"
    claims.seed(OLD.key, body)
    assert [seed.user for seed in claims.seeds_before(NEW)] == ["app"]


def test_A5_a_resource_s_status_stakes_its_claim_before_its_first_pass() -> None:
    claims = Claims()
    claims.seed(OLD.key, a_body())
    assert claims.stake(replace(NEW, places=frozenset({"db:5432"}))) is not None


@pytest.mark.parametrize("body", [a_body(user={}), a_body(rotation={"method": "External"}), {**a_body(), "status": {}}])
def test_who_does_not_write_or_is_nowhere_yet_stakes_nothing(body: dict[str, Any]) -> None:
    claims = Claims()
    claims.seed(OLD.key, body)
    assert claims.stake(replace(NEW, places=frozenset({"db:5432"}))) is None


def test_a_seed_does_not_replace_what_a_pass_resolved() -> None:
    claims = Claims()
    claims.stake(OLD)
    claims.seed(OLD.key, a_body())
    assert claims.stake(NEW) == OLD
