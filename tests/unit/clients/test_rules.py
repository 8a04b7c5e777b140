"""Whose password may be changed: the pure rules, in the cases that the bed's servers cannot show."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from rotated_rds.clients import mysql_rules, postgres_rules
from rotated_rds.clients.mysql_statements import alone, beside, change, native_hash
from rotated_rds.clients.postgres_rules import Account
from rotated_rds.model.database import Endpoint, Engine, Tls, TlsMode
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable

ORDINARY = Account(can_login=True, expired=False, me_createrole=True, me_admin_option=True)
MYSQL = Endpoint(Engine.MYSQL, "db", 3306)
MARIADB = Endpoint(Engine.MARIADB, "db", 3306)
AT_ANY_HOST = mysql_rules.Account("app", "%", "caching_sha2_password", "", locked=False)


def reason(problem: Problem | None) -> Reason | None:
    return problem.reason if problem else None


@pytest.mark.parametrize(
    ("account", "version", "expected"),
    [
        pytest.param(ORDINARY, (16, 4), None, id="with ADMIN OPTION on 16"),
        pytest.param(replace(ORDINARY, me_admin_option=False), (16,), Reason.ADMIN_INSUFFICIENT, id="without it on 16"),
        pytest.param(replace(ORDINARY, me_admin_option=False), (18, 1), Reason.ADMIN_INSUFFICIENT, id="without it on 18"),
        pytest.param(replace(ORDINARY, me_admin_option=False), (15, 18), None, id="without it on 15, which does not ask for it"),
        pytest.param(replace(ORDINARY, me_createrole=False), (15, 18), Reason.ADMIN_INSUFFICIENT, id="without CREATEROLE on 15"),
        pytest.param(replace(ORDINARY, me_createrole=False), (16, 4), Reason.ADMIN_INSUFFICIENT, id="without CREATEROLE on 16"),
        pytest.param(replace(ORDINARY, me_createrole=False, me_admin_option=False, me_superuser=True), (17,), None, id="a superuser"),
        pytest.param(replace(ORDINARY, me_restricted=True), (16,), Reason.PASSWORD_RESTRICTED, id="without rds_password"),
    ],
)
def test_C8_what_an_administrator_of_PostgreSQL_needs(account: Account, version: tuple[int, ...], expected: Reason | None) -> None:
    assert reason(postgres_rules.objection("app", account, admin="boss", version=version)) is expected


def test_C8_a_user_needs_none_of_it_for_itself() -> None:
    bare = Account(can_login=True, expired=False)
    assert postgres_rules.objection("app", bare, admin=None, version=(17,)) is None


@pytest.mark.parametrize(
    ("code", "admin", "expected"),
    [
        ("42501", False, Reason.PASSWORD_RESTRICTED),
        ("42501", True, Reason.ADMIN_INSUFFICIENT),
        ("22023", False, Reason.PASSWORD_POLICY),
        ("28000", False, Reason.PASSWORD_POLICY),
        ("P0001", False, Reason.PASSWORD_POLICY),
        ("42704", False, Reason.USER_NOT_FOUND),
        ("0A000", False, Reason.ROTATION_FAILED),
    ],
)
def test_C3_what_PostgreSQLs_definite_no_means(code: str, admin: bool, expected: Reason) -> None:
    problem = postgres_rules.refusal("app", code, admin=admin)
    assert isinstance(problem, Refused)
    assert problem.reason is expected


@pytest.mark.parametrize("code", ["25006", "55P03", "57014", "53200", "40001", "XX000", "58030"])
def test_C3_a_passing_trouble_of_PostgreSQL_is_no_refusal(code: str) -> None:
    assert not isinstance(postgres_rules.refusal("app", code, admin=False), Refused)


@pytest.mark.parametrize(
    ("code", "admin", "expected"),
    [
        ("1819", False, Reason.PASSWORD_POLICY),
        ("3638", True, Reason.PASSWORD_POLICY),
        ("3892", False, Reason.PASSWORD_RESTRICTED),
        ("1227", False, Reason.PASSWORD_RESTRICTED),
        ("1227", True, Reason.ADMIN_INSUFFICIENT),
        ("1396", True, Reason.USER_NOT_FOUND),
        ("1064", False, Reason.ROTATION_FAILED),
    ],
)
def test_C3_what_MySQLs_definite_no_means(code: str, admin: bool, expected: Reason) -> None:
    problem = mysql_rules.refusal("app", code, admin=admin)
    assert isinstance(problem, Refused)
    assert problem.reason is expected


@pytest.mark.parametrize("code", ["1290", "1836", "1205", "3024", "1969"])
def test_C3_a_passing_trouble_of_MySQL_is_no_refusal(code: str) -> None:
    problem = mysql_rules.refusal("app", code, admin=False)
    assert problem is None or isinstance(problem, Unavailable)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        (["GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION"], True),
        (["GRANT SELECT, CREATE USER ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*X'"], True),
        (["GRANT USAGE ON *.* TO `a`@`%`", "GRANT ALL PRIVILEGES ON `app`.* TO `a`@`%`"], False),
        (["GRANT `CREATE USER`@`%` TO `a`@`%`"], False),
        ([], False),
    ],
)
def test_which_grants_let_an_administrator_alter_others(grants: list[str], expected: bool) -> None:
    assert mysql_rules.may_alter(grants) is expected


@pytest.mark.parametrize("plugin", ["ed25519", "authentication_ldap_simple", "sha2_of_tomorrow"])
def test_B3_a_password_that_we_cannot_change_stops_the_change_of_all(plugin: str) -> None:
    accounts = [AT_ANY_HOST, replace(AT_ANY_HOST, host="localhost", plugin=plugin)]
    problem = mysql_rules.objection_to_admin(MYSQL, "app", accounts, [], admin="boss", may_alter=True)
    assert reason(problem) is Reason.ACCOUNT_UNUSABLE
    assert f"'app'@'localhost' logs in by {plugin}" in str(problem)


@pytest.mark.parametrize(
    ("tls", "ssl_types", "expected"),
    [
        (TlsMode.VERIFY_FULL, ("ANY",), None),
        (TlsMode.VERIFY_FULL, ("X509",), Reason.ACCOUNT_UNUSABLE),
        (TlsMode.VERIFY_FULL, ("SPECIFIED", "X509"), Reason.ACCOUNT_UNUSABLE),
        (TlsMode.VERIFY_FULL, ("X509", ""), None),
        (TlsMode.DISABLE, ("ANY",), Reason.ACCOUNT_UNUSABLE),
        (TlsMode.DISABLE, ("ANY", ""), None),
    ],
)
def test_B3_what_an_account_asks_of_TLS(tls: TlsMode, ssl_types: tuple[str, ...], expected: Reason | None) -> None:
    native = replace(AT_ANY_HOST, plugin="mysql_native_password")
    accounts = [replace(native, host=f"10.{number}.%", ssl_type=ssl_type) for number, ssl_type in enumerate(ssl_types)]
    where = replace(MARIADB, tls=Tls(tls))
    assert reason(mysql_rules.objection_to_admin(where, "app", accounts, [], admin="boss", may_alter=True)) is expected


def test_C4_the_spellings_of_a_change() -> None:
    new, old, both = SecretStr("n'ew"), SecretStr("old"), [AT_ANY_HOST, replace(AT_ANY_HOST, host="10.%")]
    assert change(Engine.MYSQL, [], new, old, hashed=False) == "ALTER USER CURRENT_USER() IDENTIFIED BY 'n''ew' REPLACE 'old'"
    assert change(Engine.MYSQL, both, new, None, hashed=False) == (
        "ALTER USER 'app'@'%' IDENTIFIED BY 'n''ew', 'app'@'10.%' IDENTIFIED BY 'n''ew'"
    )
    assert change(Engine.MARIADB, [], new, old, hashed=False) == "SET PASSWORD = PASSWORD('n''ew')"
    assert change(Engine.MARIADB, [], new, old, hashed=True) == f"SET PASSWORD = '{native_hash(new.get_secret_value())}'"
    assert "n''ew" not in change(Engine.MARIADB, both, new, None, hashed=True)


def test_D2_the_spellings_of_a_second_password() -> None:
    new, kept, both = SecretStr("n'ew"), SecretStr("kept"), [AT_ANY_HOST, replace(AT_ANY_HOST, host="10.%")]
    assert beside(Engine.MYSQL, [], new, kept, hashed=False) == (
        "ALTER USER CURRENT_USER() IDENTIFIED BY 'n''ew' REPLACE 'kept' RETAIN CURRENT PASSWORD"
    )
    assert beside(Engine.MYSQL, both, new, kept, hashed=False) == (
        "ALTER USER 'app'@'%' IDENTIFIED BY 'n''ew' RETAIN CURRENT PASSWORD, 'app'@'10.%' IDENTIFIED BY 'n''ew' RETAIN CURRENT PASSWORD"
    )
    assert beside(Engine.MARIADB, both[:1], new, kept, hashed=False) == (
        "ALTER USER 'app'@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('n''ew') OR mysql_native_password USING PASSWORD('kept')"
    )
    assert alone(Engine.MYSQL, [], kept, hashed=False) == "ALTER USER CURRENT_USER() DISCARD OLD PASSWORD"
    assert alone(Engine.MYSQL, both, kept, hashed=False) == "ALTER USER 'app'@'%' DISCARD OLD PASSWORD, 'app'@'10.%' DISCARD OLD PASSWORD"
    assert alone(Engine.MARIADB, both, kept, hashed=True) == change(Engine.MARIADB, both, kept, None, hashed=True)


def test_D2_MariaDB_is_told_both_hashes_so_that_a_repeat_says_the_same() -> None:
    new, kept = SecretStr("new"), SecretStr("kept")
    said = beside(Engine.MARIADB, [AT_ANY_HOST], new, kept, hashed=True)
    assert said.index(native_hash("new")) < said.index(" OR ") < said.index(native_hash("kept"))
    assert "PASSWORD" not in said


@pytest.mark.parametrize(
    ("engine", "grants", "admin", "expected"),
    [
        (Engine.MYSQL, [], True, None),
        (Engine.MYSQL, ["GRANT USAGE ON *.* TO `a`@`%`"], False, Reason.PASSWORD_RESTRICTED),
        (Engine.MYSQL, ["GRANT USAGE ON *.* TO `a`@`%`", "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `a`@`%`"], False, None),
        (Engine.MYSQL, ["GRANT CREATE USER ON *.* TO `a`@`%`"], False, None),
        (Engine.MARIADB, [], True, None),
        (Engine.MARIADB, [], False, Reason.UNSUPPORTED_STRATEGY),
    ],
)
def test_D2_who_may_give_a_second_password(engine: Engine, grants: list[str], admin: bool, expected: Reason | None) -> None:
    assert reason(mysql_rules.objection_to_two(engine, "app", grants, admin=admin)) is expected


def test_C4_the_native_hash_is_MariaDBs() -> None:
    assert native_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"  # from its manual's PASSWORD()
