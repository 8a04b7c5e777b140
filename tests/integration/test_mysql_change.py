"""SAFETY.md C3, C4 on MySQL and MariaDB: how a new password is sent, and what happens when the server rejects it."""

from collections.abc import Generator

import pytest
from pydantic import SecretStr

from rotated_rds.model.database import Tls, TlsMode
from rotated_rds.model.errors import Reason, Refused
from tests.bed.bed import Bed, Facts
from tests.support.databases import Options, can_log_in, execute_as_root
from tests.support.logins import User, admin_session, endpoint, made_at, own_session, refusal_of_admin, refusal_of_own, user_at
from tests.support.outages import another

NEW = "New-Pw-2-b3'\\x"
EVERYWHERE = Options(hosts=("%", "localhost"))


@pytest.fixture(params=["mysql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(database: Facts) -> Generator[User]:
    with user_at(database) as made:
        yield made


@pytest.fixture
def mariadbs_user(mariadb: Facts) -> Generator[User]:
    with user_at(mariadb) as made:
        yield made


def test_C4_MySQL_gets_clear_text_over_verified_TLS_only(mysql: Facts) -> None:
    ca = str(mysql["ca"])
    with user_at(mysql) as user:
        for mode in (TlsMode.DISABLE, TlsMode.REQUIRE):
            where = endpoint(mysql, Tls(mode, ca))
            assert refusal_of_own(mysql, user, where) is Reason.INVALID_SPEC
            assert refusal_of_admin(mysql, user, where=where) is Reason.INVALID_SPEC
            with own_session(where, user) as session, pytest.raises(Refused) as refused:
                session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
            assert refused.value.reason is Reason.INVALID_SPEC
        assert can_log_in(mysql, user.name, user.password)
        assert refusal_of_own(mysql, user, endpoint(mysql, Tls(TlsMode.VERIFY_CA, ca))) is None


def test_C4_MariaDB_gets_a_hash_whatever_protects_the_connection(mariadb: Facts) -> None:
    with user_at(mariadb) as user, own_session(endpoint(mariadb, Tls(TlsMode.DISABLE)), user) as session:
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        assert can_log_in(mariadb, user.name, NEW)


def test_C4_MySQL_takes_the_change_where_it_wants_the_current_password(mysql: Facts) -> None:
    with user_at(mysql, Options(clauses="PASSWORD REQUIRE CURRENT")) as user, own_session(endpoint(mysql), user) as session:
        session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        assert can_log_in(mysql, user.name, NEW)
        with pytest.raises(Refused) as wrong:
            session.set_password(user.name, SecretStr("other-Pw-3"), SecretStr("not-the-current"))
        assert wrong.value.reason is Reason.PASSWORD_RESTRICTED
        assert can_log_in(mysql, user.name, NEW)


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_C4_MySQL_keeps_the_way_in_which_an_account_authenticates(mysql: Facts, plugin: str) -> None:
    with user_at(mysql, Options(plugin=plugin)) as user:
        with own_session(endpoint(mysql), user) as session:
            session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        with admin_session(mysql, user.name) as session:
            session.set_password(user.name, SecretStr(user.password), None)
        assert execute_as_root(mysql, "SELECT plugin FROM mysql.user WHERE user = %s", [user.name]) == [(plugin,)]
        assert can_log_in(mysql, user.name, user.password)


def test_C4_a_second_password_of_MariaDB_is_not_left_behind(mariadb: Facts, mariadbs_user: User) -> None:
    user, native = mariadbs_user, "mysql_native_password USING PASSWORD"
    execute_as_root(mariadb, f"ALTER USER {user.name}@'%' IDENTIFIED VIA {native}('{user.password}') OR {native}('second-1')")
    assert refusal_of_own(mariadb, user) is Reason.ACCOUNT_UNUSABLE
    with admin_session(mariadb, user.name) as session:
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), None)
    assert can_log_in(mariadb, user.name, NEW)
    assert not can_log_in(mariadb, user.name, "second-1")


def test_C4_where_a_validation_plugin_refuses_hashes_MariaDB_gets_clear_text_over_verified_TLS(bed: Bed) -> None:
    with another(bed, "mariadb") as facts:
        execute_as_root(facts, "INSTALL SONAME 'simple_password_check'")
        user = made_at(facts, user=User(password="Old-Pw-1!xyz"))
        unverified = endpoint(facts, Tls(TlsMode.REQUIRE))
        with own_session(unverified, user) as session, pytest.raises(Refused) as refused:
            session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        assert refused.value.reason is Reason.INVALID_SPEC
        with own_session(endpoint(facts), user) as session:
            session.set_password(user.name, SecretStr(NEW), SecretStr(user.password))
        assert can_log_in(facts, user.name, NEW)
        with admin_session(facts, user.name) as session:
            session.set_password(user.name, SecretStr(user.password), None)
        assert can_log_in(facts, user.name, user.password)


def test_C3_a_password_that_MariaDBs_policy_rejects_changes_nothing(bed: Bed) -> None:
    with another(bed, "mariadb") as facts:
        execute_as_root(facts, "INSTALL SONAME 'simple_password_check'")
        rejects(facts, made_at(facts, Options(hosts=("%", "10.%")), User(password="Old-Pw-1!xyz")), "short")


def test_C3_a_password_that_MySQLs_policy_rejects_changes_nothing(bed: Bed) -> None:
    with another(bed, "mysql") as facts:
        user = made_at(facts, Options(hosts=("%", "10.%")), User(password="Old-Pw-1!xyz"))
        execute_as_root(facts, "INSTALL COMPONENT 'file://component_validate_password'")
        rejects(facts, user, "short")


def test_C3_a_password_that_MySQL_has_seen_before_changes_nothing(mysql: Facts) -> None:
    with user_at(mysql, Options(clauses="PASSWORD HISTORY 5")) as user:
        rejects(mysql, user, user.password)


def rejects(facts: Facts, user: User, password: str) -> None:
    """Check that a password is rejected, to the user itself and to an administrator, and that the old one stays."""
    with own_session(endpoint(facts), user) as session, pytest.raises(Refused) as own:
        session.set_password(user.name, SecretStr(password), SecretStr(user.password))
    with admin_session(facts, user.name) as session, pytest.raises(Refused) as admin:
        session.set_password(user.name, SecretStr(password), None)
    assert {own.value.reason, admin.value.reason} == {Reason.PASSWORD_POLICY}
    assert can_log_in(facts, user.name, user.password)
