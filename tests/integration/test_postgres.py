"""SAFETY.md A3, B3, C4, C7, C8 on PostgreSQL: whose password may be changed, by whom, and how the change is sent."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from pydantic import SecretStr

from rotated_rds.model.database import Endpoint, Engine
from rotated_rds.model.errors import Reason, Refused, Unavailable
from tests.bed.bed import Bed, Facts
from tests.bed.databases.ground import Ground
from tests.bed.processes import until
from tests.support.databases import Options, can_log_in, drop_user, execute_as_root, log_in, logged, may_administer, new_master
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
from tests.support.outages import another, standby


@pytest.fixture
def user(postgres: Facts) -> Generator[User]:
    with user_at(postgres) as made:
        yield made


def test_an_ordinary_user_may_be_changed_by_itself_and_by_an_administrator(postgres: Facts, user: User) -> None:
    assert refusal_of_own(postgres, user) is None
    assert refusal_of_admin(postgres, user) is None


@pytest.mark.parametrize("change", ["NOLOGIN", "VALID UNTIL '2020-01-01'"])
def test_B3_a_user_that_no_password_lets_in_is_left_alone(postgres: Facts, user: User, change: str) -> None:
    execute_as_root(postgres, f"ALTER ROLE {user.name} {change}")
    assert refusal_of_admin(postgres, user) is Reason.ACCOUNT_UNUSABLE


@pytest.mark.parametrize("change", ["VALID UNTIL 'infinity'", "VALID UNTIL '2999-01-01'", "CREATEDB", "CONNECTION LIMIT 5"])
def test_B3_a_user_that_a_password_lets_in_may_be_changed(postgres: Facts, user: User, change: str) -> None:
    execute_as_root(postgres, f"ALTER ROLE {user.name} {change}")
    assert refusal_of_admin(postgres, user) is None


@pytest.mark.parametrize("attribute", ["SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS"])
def test_C7_a_user_with_power_over_others_is_not_for_an_administrator(postgres: Facts, user: User, attribute: str) -> None:
    execute_as_root(postgres, f"ALTER ROLE {user.name} {attribute}")
    assert refusal_of_admin(postgres, user) is Reason.NOT_ALLOWED
    assert refusal_of_own(postgres, user) is None


@pytest.mark.parametrize("group", ["rds_superuser", "pg_read_all_data", "pg_monitor"])
def test_C7_a_member_of_a_powerful_group_by_any_way_is_not_for_an_administrator(postgres: Facts, user: User, group: str) -> None:
    with user_at(postgres, Options(clauses="NOINHERIT")) as between:
        execute_as_root(postgres, f"GRANT {group} TO {between.name}")
        execute_as_root(postgres, f"GRANT {between.name} TO {user.name}")
        assert refusal_of_admin(postgres, user) is Reason.NOT_ALLOWED


def test_C7_the_owner_of_the_database_is_an_ordinary_user(bed: Bed) -> None:
    with another(bed) as facts:
        user = made_at(facts)
        execute_as_root(facts, f"ALTER DATABASE app OWNER TO {user.name}")
        assert refusal_of_admin(facts, user) is None


def test_C7_the_administrator_itself_and_RDSs_own_are_not_for_an_administrator(postgres: Facts) -> None:
    for name in (str(postgres["admin_user"]), "rdsadmin"):
        with admin_session(postgres, name) as session:
            assert refusal(session, User(name)) is Reason.NOT_ALLOWED


def test_C8_an_administrator_without_CREATEROLE_is_told_so_before_any_change(postgres: Facts, user: User) -> None:
    with user_at(postgres) as weak:
        assert refusal_of_admin(postgres, user, admin=weak) is Reason.ADMIN_INSUFFICIENT
        with admin_session(postgres, user.name, admin=weak) as session, pytest.raises(Refused) as denied:
            session.set_password(user.name, SecretStr("anything"), None)
    assert denied.value.reason is Reason.ADMIN_INSUFFICIENT
    assert can_log_in(postgres, user.name, user.password)


def test_C8_an_administrator_that_is_not_RDSs_master_will_do(postgres: Facts, user: User) -> None:
    with user_at(postgres, Options(clauses="CREATEROLE")) as admin:
        may_administer(postgres, admin.name, user.name)
        assert refusal_of_admin(postgres, user, admin=admin) is None


def test_a_user_that_is_gone_is_not_found_by_check_nor_by_the_change(postgres: Facts, user: User) -> None:
    with admin_session(postgres, user.name) as session:
        drop_user(postgres, user.name)
        assert refusal(session, user) is Reason.USER_NOT_FOUND
        with pytest.raises(Refused) as gone:
            session.set_password(user.name, SecretStr("anything"), None)
    assert gone.value.reason is Reason.USER_NOT_FOUND


def test_C3_restricted_passwords_are_told_before_any_change(postgres: Facts, user: User) -> None:
    execute_as_root(postgres, f"""ALTER ROLE {user.name} SET "rds.restrict_password_commands" = 'on'""")
    assert refusal_of_own(postgres, user) is Reason.PASSWORD_RESTRICTED
    execute_as_root(postgres, f"GRANT rds_password TO {user.name}")
    assert refusal_of_own(postgres, user) is None


def test_C3_a_password_that_the_servers_policy_rejects_changes_nothing(bed: Bed) -> None:
    with another(bed, shared_preload_libraries="passwordcheck") as facts:
        user = made_at(facts)
        with own_session(endpoint(facts), user) as session, pytest.raises(Refused) as rejected:
            session.set_password(user.name, SecretStr(user.name), SecretStr(user.password))
        assert rejected.value.reason is Reason.PASSWORD_POLICY
        assert can_log_in(facts, user.name, user.password)


def test_C4_a_verifier_is_sent_whatever_the_server_would_make(bed: Bed) -> None:
    with another(bed, password_encryption="md5") as facts:
        user, new = made_at(facts), User().password
        hba = Ground(Path(str(facts["folder"]))).data / "pg_hba.conf"
        hba.write_text(hba.read_text().replace("scram-sha-256", "md5"))
        execute_as_root(facts, "SELECT pg_reload_conf()")
        until("the new pg_hba.conf is in force", lambda: log_in_at(endpoint(facts), user).verdict.proves)
        with own_session(endpoint(facts), user) as session:
            session.set_password(user.name, SecretStr(new), SecretStr(user.password))
        assert can_log_in(facts, user.name, new)
        assert execute_as_root(facts, "SELECT rolpassword ~ '^SCRAM-SHA-256' FROM pg_authid WHERE rolname = %s", [user.name]) == [(True,)]
        assert re.search(rf'ALTER ROLE "{user.name}" PASSWORD \'SCRAM-SHA-256', logged(facts))


def test_C4_a_user_that_becomes_its_owner_role_at_login_still_changes_its_own_password(postgres: Facts, user: User) -> None:
    with user_at(postgres) as owner:
        execute_as_root(postgres, f"GRANT {owner.name} TO {user.name}")
        execute_as_root(postgres, f"ALTER ROLE {user.name} SET role = '{owner.name}'")
        new = User(user.name)
        assert refusal_of_own(postgres, user) is None
        with own_session(endpoint(postgres), user) as session:
            session.set_password(user.name, SecretStr(new.password), SecretStr(user.password))
        assert can_log_in(postgres, new.name, new.password)


def test_A3_the_lock_is_the_same_for_the_user_and_its_administrator_and_nobody_can_shadow_it(postgres: Facts, user: User) -> None:
    execute_as_root(postgres, f"CREATE SCHEMA {user.name} AUTHORIZATION {user.name}", database="app")
    trap = f"CREATE FUNCTION {user.name}.pg_advisory_lock(bigint) RETURNS void LANGUAGE sql AS $$ SELECT $$"
    execute_as_root(postgres, trap, database="app")
    execute_as_root(postgres, f"ALTER ROLE {user.name} SET search_path = {user.name}, pg_catalog")
    with own_session(endpoint(postgres), user), pytest.raises(Unavailable, match="another session"), admin_session(postgres, user.name):
        pass
    execute_as_root(postgres, f"DROP SCHEMA {user.name} CASCADE", database="app")


def test_A3_the_server_is_told_to_end_what_takes_long_and_a_session_that_nobody_uses(postgres: Facts, user: User) -> None:
    with own_session(endpoint(postgres), user):
        [(pid,)] = execute_as_root(postgres, "SELECT pid FROM pg_stat_activity WHERE usename = %s", [user.name])
    told = [line for line in logged(postgres).splitlines() if f"[{pid}]" in line]
    for setting in ("statement_timeout = 2500", "lock_timeout = 2000", "idle_session_timeout = 60000"):
        assert any(f"SET {setting}" in line for line in told)


def test_B2_a_standby_is_not_written_to(bed: Bed) -> None:
    with another(bed) as primary, standby(bed, primary) as second:
        user = made_at(primary)
        until("the user has come to the standby", lambda: log_in_at(endpoint(second), user).verdict.proves)
        with own_session(endpoint(second), user) as session:
            assert not session.writer
            with pytest.raises(Unavailable, match="not the writer"):
                session.set_password(user.name, SecretStr("anything"), SecretStr(user.password))


def test_another_master_of_RDSs_kind_is_not_for_an_administrator(postgres: Facts) -> None:
    other = User()
    new_master(postgres, other.name, other.password)
    try:
        assert refusal_of_admin(postgres, other) is Reason.NOT_ALLOWED
    finally:
        drop_user(postgres, other.name)


def test_an_endpoint_without_a_database_means_the_one_named_postgres(postgres: Facts) -> None:
    where = Endpoint(Engine.POSTGRES, str(postgres["host"]), int(str(postgres["port"])), None, endpoint(postgres).tls)
    master = User(str(postgres["admin_user"]), str(postgres["admin_password"]))
    assert log_in_at(where, master).verdict.proves


def test_E1_an_administrator_without_pg_monitor_sees_how_many_sessions_others_have(postgres: Facts, user: User) -> None:
    with user_at(postgres, Options(clauses="CREATEROLE")) as admin, admin_session(postgres, user.name, admin=admin) as session:
        assert session.sessions_of(user.name) == 0
        with log_in(postgres, user.name, user.password):
            assert session.sessions_of(user.name) == 1
