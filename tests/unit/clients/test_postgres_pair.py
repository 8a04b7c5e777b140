"""PostgreSQL's two users: what only one of them has, and lists as the server writes them (SAFETY.md D1)."""

import pytest

from rotated_rds.clients.postgres_pair import Role, parts, split
from rotated_rds.clients.wire import Row
from rotated_rds.model.alternating import Pair
from rotated_rds.model.errors import Reason

PLAIN, OWNED = Pair("app", "app_clone"), Pair("app", "app_clone", "app_owner")


@pytest.mark.parametrize(
    ("row", "pair", "mend"),
    [
        (("app", "o", "shop", "3"), PLAIN, "spec.user.ownerRole"),
        (("app_clone", "o", "shop", "3"), PLAIN, "spec.user.ownerRole"),
        (("app", "o", "shop", "3"), OWNED, "REASSIGN OWNED BY app TO app_owner"),
        (("app_clone", "o", "shop", "3"), OWNED, "REASSIGN OWNED BY app_clone TO app_owner"),
        (("app_clone", "a", "shop", "1"), PLAIN, "grant them to 'app'"),
        (("app_clone", "a", "shop", "1"), OWNED, "grant them to 'app'"),
        (("app", "a", "shop", "1"), OWNED, "grant them to that"),
        (("app", "a", "shop", "1"), PLAIN, None),
    ],
)
def test_D1_what_one_user_owns_or_was_granted_alone_splits_the_two(row: Row, pair: Pair, mend: str | None) -> None:
    no = split([row], pair)
    assert (no is None) is (mend is None)
    assert no is None or (no.reason is Reason.OWNERSHIP_SPLIT and str(mend) in no.message)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('"$user", public', ["$user", "public"]),
        ("app", ["app"]),
        ('"a, b",c', ["a, b", "c"]),
        ('"say ""hi""", d', ['say "hi"', "d"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_D1_a_list_of_names_is_taken_apart_as_the_server_wrote_it(value: str, names: list[str]) -> None:
    assert parts(value) == names


def a_role(*settings: tuple[str, str], limit: str = "-1", until: str | None = None, createdb: bool = False) -> Role:
    return Role(createdb, limit, until, frozenset(settings))


def test_D1_attributes_and_settings_compare_by_database() -> None:
    one = a_role(("", "work_mem=1MB"), ("shop", "work_mem=2MB"), limit="5", until="2030-01-01", createdb=True)
    assert one.traits(None) == {
        "CREATEDB",
        "CONNECTION LIMIT 5",
        "VALID UNTIL '2030-01-01'",
        "SET work_mem=1MB",
        "SET work_mem=2MB in shop",
    }
    assert a_role().traits(None) == frozenset()
    assert Role(createdb=False, limit="-1", valid_until=None, settings=frozenset(), login=False).traits(None) == {"NOLOGIN"}


def test_D1_the_owner_role_is_compared_only_where_somebody_else_set_it() -> None:
    one = a_role(("", "role=app_owner"), ("", "work_mem=1MB"))
    assert one.traits(None) == {"SET role=app_owner", "SET work_mem=1MB"}
    assert one.traits("app_owner") == {"SET work_mem=1MB"}


@pytest.mark.parametrize(
    ("settings", "acts"),
    [
        ([("", "role=app_owner")], True),
        ([], False),
        ([("shop", "role=app_owner")], False),
        ([("", "role=app_owner"), ("shop", "role=other")], False),
    ],
)
def test_D1_a_user_acts_as_the_owner_only_where_it_does_in_every_database(settings: list[tuple[str, str]], acts: bool) -> None:
    assert a_role(*settings).acts_as("app_owner") is acts
