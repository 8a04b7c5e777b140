"""SHOW GRANTS, as MySQL and MariaDB write it, taken apart (AWS.md 2.2)."""

import pytest

from rotated_rds.clients.mysql_grants import Grant, read_grants
from rotated_rds.clients.mysql_pair import require


@pytest.mark.parametrize(
    ("row", "traits", "statement"),
    [
        ("GRANT USAGE ON *.* TO `app`@`10.%`", set[str](), "GRANT USAGE ON *.* TO x"),
        (
            "GRANT USAGE ON *.* TO `app`@`10.%` IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5",
            set[str](),
            "GRANT USAGE ON *.* TO x",
        ),
        (
            "GRANT SELECT, INSERT (`a`, `b`) ON `a`.`t` TO `app`@`10.%` WITH GRANT OPTION",
            {"GRANT SELECT ON `a`.`t`", "GRANT INSERT (`a`, `b`) ON `a`.`t`", "GRANT GRANT OPTION ON `a`.`t`"},
            "GRANT SELECT, INSERT (`a`, `b`) ON `a`.`t` TO x WITH GRANT OPTION",
        ),
        (
            "GRANT USAGE ON `a`.* TO `app`@`10.%` WITH GRANT OPTION",
            {"GRANT GRANT OPTION ON `a`.*"},
            "GRANT USAGE ON `a`.* TO x WITH GRANT OPTION",
        ),
        (
            "GRANT RELOAD ON *.* TO `app`@`10.%` WITH MAX_QUERIES_PER_HOUR 3 GRANT OPTION",
            {"GRANT RELOAD ON *.*", "GRANT GRANT OPTION ON *.*"},
            "GRANT RELOAD ON *.* TO x WITH GRANT OPTION",
        ),
        (
            "GRANT `r`@`%`,`s, t`@`%` TO `app`@`10.%` WITH ADMIN OPTION",
            {"GRANT `r`@`%`", "GRANT `r`@`%` WITH ADMIN OPTION", "GRANT `s, t`@`%`", "GRANT `s, t`@`%` WITH ADMIN OPTION"},
            "GRANT `r`@`%`, `s, t`@`%` TO x WITH ADMIN OPTION",
        ),
        ("GRANT `r` TO `app`@`10.%`", {"GRANT `r`"}, "GRANT `r` TO x"),
        (
            "GRANT EXECUTE ON PROCEDURE `a`.` ON x TO y` TO `app`@`10.%`",
            {"GRANT EXECUTE ON PROCEDURE `a`.` ON x TO y`"},
            "GRANT EXECUTE ON PROCEDURE `a`.` ON x TO y` TO x",
        ),
        ("REVOKE INSERT ON `a`.* FROM `app`@`10.%`", {"REVOKE INSERT ON `a`.*"}, "REVOKE INSERT ON `a`.* FROM x"),
        ("GRANT PROXY ON ``@`` TO `app`@`10.%` WITH GRANT OPTION", {"GRANT PROXY ON ``@``", "GRANT GRANT OPTION ON ``@``"}, None),
    ],
)
def test_D1_a_row_compares_item_by_item_and_is_granted_whole(row: str, traits: set[str], statement: str | None) -> None:
    [grant] = _read([row])
    assert set(grant.traits()) == traits
    assert statement is None or grant.statement("x") == statement


def test_what_looks_like_an_option_inside_quotes_is_none() -> None:
    [grant] = _read(["GRANT SELECT ON `a`.* TO `app`@`10.%` IDENTIFIED VIA pam USING ' WITH GRANT OPTION'"])
    assert not grant.option


@pytest.mark.parametrize(
    "row", ["GRANT SELECT ON `a`.* TO `other`@`10.%`", "ALTER USER `app`@`10.%`", "GRANT SELECT ON `a`.* TO `app`@`%`"]
)
def test_D1_a_row_that_is_not_understood_is_not_passed_over(row: str) -> None:
    assert read_grants([row], "app", "10.%") is None


def test_a_default_role_is_no_grant() -> None:
    assert read_grants(["SET DEFAULT ROLE `r` FOR `app`@`10.%`"], "app", "10.%") == []


@pytest.mark.parametrize(
    ("columns", "clause"),
    [
        (("", "", "", ""), "NONE"),
        (("ANY", "", "", ""), "SSL"),
        (("X509", "", "", ""), "X509"),
        (("SPECIFIED", "", "/CN=a'b", "/CN=c"), "ISSUER '/CN=a''b' AND SUBJECT '/CN=c'"),
    ],
)
def test_D1_the_tls_requirement_is_spelled_as_the_columns_say(columns: tuple[str, str, str, str], clause: str) -> None:
    assert require(*columns) == clause


def _read(rows: list[str]) -> list[Grant]:
    found = read_grants(rows, "app", "10.%")
    assert found is not None
    return found
