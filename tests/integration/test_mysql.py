"""SAFETY.md B3, C3, C4, C5, C7 on MySQL and MariaDB: whose password may be changed, by whom, and how the change is sent."""

from collections.abc import Generator

import pytest
from pydantic import SecretStr

from rotated_rds.model.database import Tls, TlsMode, Verdict
from rotated_rds.model.errors import Reason, Refused, Unavailable
from tests.bed.bed import Bed, Facts
from tests.support.databases import Options, can_log_in, drop_user, execute_as_root, logged, new_master
from tests.support.logins import (
    User,
    admin_session,
    endpoint,
    log_in_at,
    made_at,
    own_session,
    refusal,
    refusal_of_admin,
    refusal_of_own,
    user_at,
)
from tests.support.outages import another

NEW = "New-Pw-2-b3'x"
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


def test_an_ordinary_user_may_be_changed_by_itself_and_by_an_administrator(database: Facts, user: User) -> None:
    assert refusal_of_own(database, user) is None
    assert refusal_of_admin(database, user) is None


def test_C5_an_administrator_changes_all_accounts_of_the_name_together(database: Facts) -> None:
    with user_at(database, EVERYWHERE) as user:
        with admin_session(database, user.name) as session:
            session.check(user.name)
            session.set_password(user.name, SecretStr(NEW), None)
        for dropped in ("localhost", "%"):
            assert can_log_in(database, user.name, NEW)
            assert not can_log_in(database, user.name, user.password)
            execute_as_root(database, f"DROP USER {user.name}@'{dropped}'")


@pytest.mark.parametrize("hosts", [("localhost",), ("localhost", "%"), ("127.0.0.1", "localhost")])
def test_C5_without_an_administrator_only_the_account_for_every_host_is_changed(database: Facts, hosts: tuple[str, ...]) -> None:
    with user_at(database, Options(hosts=hosts)) as user:
        assert refusal_of_own(database, user) is Reason.HOST_MASK_UNKNOWN
        assert refusal_of_admin(database, user) is None


@pytest.mark.parametrize("clauses", ["ACCOUNT LOCK", "REQUIRE X509", "REQUIRE SUBJECT '/CN=x'"])
def test_B3_a_user_that_no_password_lets_in_is_left_alone(database: Facts, user: User, clauses: str) -> None:
    execute_as_root(database, f"ALTER USER {user.name}@'%' {clauses}")
    assert refusal_of_admin(database, user) is Reason.ACCOUNT_UNUSABLE


def test_B3_one_locked_account_among_others_is_changed_along(database: Facts) -> None:
    with user_at(database, EVERYWHERE) as user:
        execute_as_root(database, f"ALTER USER {user.name}@localhost ACCOUNT LOCK")
        assert refusal_of_admin(database, user) is None


def test_B3_a_user_that_must_use_TLS_is_left_alone_by_who_does_not(mariadb: Facts) -> None:
    with user_at(mariadb, Options(tls_only=True)) as user:
        assert refusal_of_admin(mariadb, user, where=endpoint(mariadb, Tls(TlsMode.DISABLE))) is Reason.ACCOUNT_UNUSABLE
        assert refusal_of_admin(mariadb, user) is None


def test_B3_an_expired_password_is_what_an_administrator_mends(database: Facts, user: User) -> None:
    execute_as_root(database, f"ALTER USER {user.name}@'%' PASSWORD EXPIRE")
    with admin_session(database, user.name) as session:
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), None)
    assert can_log_in(database, user.name, NEW)


def test_B3_an_account_without_a_password_is_left_as_it_is(mariadb: Facts, mariadbs_user: User) -> None:
    user = mariadbs_user
    execute_as_root(mariadb, f"CREATE USER {user.name}@localhost IDENTIFIED VIA unix_socket")
    with admin_session(mariadb, user.name) as session:
        session.check(user.name)
        session.set_password(user.name, SecretStr(NEW), None)
    rows = execute_as_root(mariadb, "SELECT host, plugin FROM mysql.user WHERE user = %s ORDER BY host", [user.name])
    assert rows == [("%", "mysql_native_password"), ("localhost", "unix_socket")]
    execute_as_root(mariadb, f"DROP USER {user.name}@'%'")
    assert refusal_of_admin(mariadb, user) is Reason.ACCOUNT_UNUSABLE


@pytest.mark.parametrize("privilege", ["SUPER", "CREATE USER", "GRANT OPTION"])
def test_C7_a_user_with_power_over_others_is_not_for_an_administrator(database: Facts, user: User, privilege: str) -> None:
    execute_as_root(database, f"GRANT {'SELECT' if privilege == 'GRANT OPTION' else privilege} ON *.* TO {user.name}@'%' WITH GRANT OPTION")
    assert refusal_of_admin(database, user) is Reason.NOT_ALLOWED
    assert refusal_of_own(database, user) is None


def test_C7_power_through_roles_of_roles_counts_too(database: Facts, user: User) -> None:
    outer, inner = f"r1_{user.name[2:]}", f"r2_{user.name[2:]}"
    for statement in (
        f"CREATE ROLE {outer}",
        f"CREATE ROLE {inner}",
        f"GRANT CREATE USER ON *.* TO {inner}",
        f"GRANT {inner} TO {outer}",
    ):
        execute_as_root(database, statement)
    assert refusal_of_admin(database, user) is None
    execute_as_root(database, f"GRANT {outer} TO {user.name}@'%'")
    assert refusal_of_admin(database, user) is Reason.NOT_ALLOWED
    for role in (outer, inner):
        execute_as_root(database, f"DROP ROLE {role}")


def test_C7_the_administrator_itself_another_one_and_RDSs_own_are_not_for_an_administrator(database: Facts) -> None:
    master = User()
    new_master(database, master.name, master.password)
    try:
        for name in (str(database["admin_user"]), "rdsadmin", master.name):
            with admin_session(database, name) as session:
                assert refusal(session, User(name)) is Reason.NOT_ALLOWED
    finally:
        drop_user(database, master.name)


def test_an_administrator_that_may_not_is_told_so_before_any_change(database: Facts, user: User) -> None:
    with user_at(database) as weak:
        assert refusal_of_admin(database, user, admin=weak) is Reason.ADMIN_INSUFFICIENT
        execute_as_root(database, f"GRANT SELECT ON *.* TO {weak.name}@'%'")
        assert refusal_of_admin(database, user, admin=weak) is Reason.ADMIN_INSUFFICIENT
        with admin_session(database, user.name, admin=weak) as session, pytest.raises(Refused) as denied:
            session.set_password(user.name, SecretStr(NEW), None)
        assert denied.value.reason is Reason.ADMIN_INSUFFICIENT
        with admin_session(database, user.name, admin=weak) as session, pytest.raises(Refused) as blind:
            session.sessions_of(user.name)
        assert blind.value.reason is Reason.ADMIN_INSUFFICIENT
        execute_as_root(database, f"GRANT CREATE USER ON *.* TO {weak.name}@'%'")
        assert refusal_of_admin(database, user, admin=weak) is None
    assert can_log_in(database, user.name, user.password)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B2_a_read_only_server_is_not_written_to_even_by_who_could(bed: Bed, engine: str) -> None:
    with another(bed, engine) as facts:
        user, admin = made_at(facts), made_at(facts)
        execute_as_root(facts, f"GRANT ALL ON *.* TO {admin.name}@'%'")
        execute_as_root(facts, "SET GLOBAL read_only = 1")
        with admin_session(facts, user.name, admin=admin) as session, pytest.raises(Unavailable, match="not the writer"):
            session.set_password(user.name, SecretStr(NEW), None)
        assert log_in_at(endpoint(facts), user).verdict.proves


def test_a_server_of_the_other_engine_is_told_by_name(mysql: Facts, mariadb: Facts) -> None:
    for facts, claimed, real in ((mysql, "mariadb", "mysql"), (mariadb, "mysql", "mariadb")):
        where = endpoint({**facts, "engine": claimed})
        with pytest.raises(Refused, match=f"set spec.database.engine to '{real}'") as refusal, admin_session(facts, "anybody", where):
            pass
        assert refusal.value.reason is Reason.UNSUPPORTED_ENGINE


def test_A3_the_server_is_told_to_end_what_waits_and_a_session_that_nobody_uses(database: Facts, user: User) -> None:
    with own_session(endpoint(database), user):
        pass
    told = logged(database)
    assert "lock_wait_timeout = 2, innodb_lock_wait_timeout = 2, wait_timeout = 60" in told
    assert "SELECT GET_LOCK('rotated-rds/" in told


def test_an_endpoint_may_name_a_database_or_none(database: Facts, user: User) -> None:
    assert log_in_at(endpoint(database, database="app"), user).verdict.proves
    assert log_in_at(endpoint(database, database=None), user).verdict.proves


def test_a_user_that_is_gone_is_not_found_by_check_nor_by_the_change(database: Facts, user: User) -> None:
    with admin_session(database, user.name) as session:
        drop_user(database, user.name)
        assert refusal(session, user) is Reason.USER_NOT_FOUND
        with pytest.raises(Refused) as gone:
            session.set_password(user.name, SecretStr(NEW), None)
    assert gone.value.reason is Reason.USER_NOT_FOUND


def test_B6_a_login_without_TLS_does_not_lean_on_one_with_it_before(mysql: Facts) -> None:
    plain = endpoint(mysql, Tls(TlsMode.DISABLE))
    with user_at(mysql, Options(plugin="caching_sha2_password")) as user:
        assert log_in_at(plain, user).verdict is Verdict.OK  # the server has not cached it: by the server's RSA key
        assert log_in_at(endpoint(mysql), user).verdict is Verdict.OK
        execute_as_root(mysql, "FLUSH PRIVILEGES")  # as after a failover
        assert log_in_at(plain, user).verdict is Verdict.OK
        assert log_in_at(plain, User(user.name, "wrong")).verdict is Verdict.REFUSED
