"""SAFETY.md B1, B2: what a login tells, of each verdict that the three real servers can give."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pymysql
import pytest

from rotated_rds.model.database import Login, Tls, TlsMode, Verdict
from tests.bed.bed import Bed, Facts
from tests.bed.databases.ground import Ground
from tests.bed.processes import until
from tests.support.databases import Options, execute_as_root, log_in, set_password
from tests.support.logins import ENGINES, User, endpoint, log_in_at, made_at, restart, user_at
from tests.support.outages import another, standby

BRIEF = timedelta(seconds=0.5)
SLACK = 1.0
"""Seconds over a deadline that a busy machine may need."""


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(database: Facts) -> Generator[User]:
    with user_at(database) as made:
        yield made


def code(facts: Facts, **codes: str) -> str:
    return codes[str(facts["engine"])]


def test_B1_a_right_password_logs_in_and_tells_of_the_server(database: Facts, user: User) -> None:
    login = log_in_at(endpoint(database), user)
    assert (login.verdict, login.writer) == (Verdict.OK, True)
    assert login.server_version.startswith(str(database["version"]))
    assert login.address in {f"127.0.0.1:{database['port']}", f"[::1]:{database['port']}"}


def test_B1_a_wrong_password_is_refused_on_every_engine(database: Facts, user: User) -> None:
    login = log_in_at(endpoint(database), User(user.name, "wrong"))
    assert (login.verdict, login.code) == (Verdict.REFUSED, code(database, postgres="28P01", mariadb="1045", mysql="1045"))


def test_B1_an_unknown_user_is_refused_on_every_engine(database: Facts) -> None:
    assert log_in_at(endpoint(database), User()).verdict is Verdict.REFUSED


def test_B1_a_right_password_for_an_unknown_database_is_proven(database: Facts, user: User) -> None:
    login = log_in_at(endpoint(database, database="none_such"), user)
    assert (login.verdict, login.code) == (Verdict.PROVEN, code(database, postgres="3D000", mariadb="1044", mysql="1044"))


def test_B1_a_wrong_password_for_an_unknown_database_is_refused(database: Facts, user: User) -> None:
    assert log_in_at(endpoint(database, database="none_such"), User(user.name, "wrong")).verdict is Verdict.REFUSED


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B1_an_unknown_database_is_proven_to_who_may_see_all_of_them(request: pytest.FixtureRequest, engine: str) -> None:
    facts: Facts = request.getfixturevalue(engine)
    master = User(str(facts["admin_user"]), str(facts["admin_password"]))
    login = log_in_at(endpoint(facts, database="none_such"), master)
    assert login.verdict is Verdict.PROVEN
    assert login.code in {"1044", "1049"}


def test_B1_a_right_password_without_CONNECT_is_proven(postgres: Facts) -> None:
    with user_at(postgres) as user, database_of_nobody(postgres) as name:
        login = log_in_at(endpoint(postgres, database=name), user)
    assert (login.verdict, login.code) == (Verdict.PROVEN, "42501")


@contextmanager
def database_of_nobody(facts: Facts) -> Generator[str]:
    name = f"closed_{User().name}"
    execute_as_root(facts, f"CREATE DATABASE {name}")
    execute_as_root(facts, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    try:
        yield name
    finally:
        execute_as_root(facts, f"DROP DATABASE {name} WITH (FORCE)")


def test_B1_a_users_own_limit_of_connections_is_proven(database: Facts) -> None:
    clauses = {"postgres": "CONNECTION LIMIT 1", "mariadb": "WITH MAX_USER_CONNECTIONS 1", "mysql": "WITH MAX_USER_CONNECTIONS 1"}
    with (
        user_at(database, Options(clauses=clauses[str(database["engine"])])) as user,
        log_in(database, user.name, user.password),
    ):
        login = log_in_at(endpoint(database), user)
        refused = log_in_at(endpoint(database), User(user.name, "wrong"))
    assert (login.verdict, login.code) == (Verdict.PROVEN, code(database, postgres="53300", mariadb="1226", mysql="1226"))
    assert refused.verdict is Verdict.REFUSED


def test_B1_a_role_without_login_is_proven(postgres: Facts) -> None:
    with user_at(postgres) as user:
        execute_as_root(postgres, f"ALTER ROLE {user.name} NOLOGIN")
        assert log_in_at(endpoint(postgres), user) == Login(Verdict.PROVEN, "28000", _address(postgres))


def test_B1_a_rejection_by_pg_hba_tells_nothing(postgres: Facts) -> None:
    with user_at(postgres, Options(tls_only=True)) as user:
        assert log_in_at(endpoint(postgres, Tls(TlsMode.DISABLE)), user) == Login(Verdict.UNKNOWN, "28000", _address(postgres))


def _address(facts: Facts) -> str:
    return f"127.0.0.1:{facts['port']}"


def test_B1_a_server_that_asks_for_no_password_tells_nothing(bed: Bed) -> None:
    with another(bed) as facts:
        user = made_at(facts)
        (Ground(Path(str(facts["folder"]))).data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
        execute_as_root(facts, "SELECT pg_reload_conf()")
        until("the new pg_hba.conf is in force", lambda: log_in_at(endpoint(facts), user).verdict is not Verdict.OK)
        assert log_in_at(endpoint(facts), User(user.name, "wrong")) == Login(Verdict.UNKNOWN, "unchecked", _address(facts))


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B1_an_expired_password_is_told_apart(request: pytest.FixtureRequest, engine: str) -> None:
    facts: Facts = request.getfixturevalue(engine)
    with user_at(facts, Options(clauses="PASSWORD EXPIRE")) as user:
        assert log_in_at(endpoint(facts), user).verdict is Verdict.EXPIRED
        assert log_in_at(endpoint(facts), User(user.name, "wrong")).verdict is Verdict.REFUSED


def test_B1_PostgreSQLs_expired_password_looks_like_a_refusal(postgres: Facts) -> None:
    with user_at(postgres, Options(clauses="VALID UNTIL '2020-01-01'")) as user:
        assert log_in_at(endpoint(postgres), user).verdict is Verdict.REFUSED


@pytest.mark.parametrize(("engine", "number"), [("mysql", "3118"), ("mariadb", "4151")])
def test_B1_a_locked_account_tells_whether_the_password_is_right(request: pytest.FixtureRequest, engine: str, number: str) -> None:
    facts: Facts = request.getfixturevalue(engine)
    with user_at(facts, Options(clauses="ACCOUNT LOCK")) as user:
        assert log_in_at(endpoint(facts), user) == Login(Verdict.LOCKED_RIGHT, number, _address(facts))
        assert not log_in_at(endpoint(facts), User(user.name, "wrong")).verdict.proves


def test_B1_an_account_that_MySQL_locked_for_wrong_passwords_tells_nothing_of_the_right_one(mysql: Facts) -> None:
    with user_at(mysql, Options(clauses="FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1")) as user:
        log_in_at(endpoint(mysql), User(user.name, "wrong"))
        assert log_in_at(endpoint(mysql), user) == Login(Verdict.LOCKED, "3955", _address(mysql))


def test_B1_an_account_that_MariaDB_blocked_for_wrong_passwords_tells_nothing_of_the_right_one(bed: Bed) -> None:
    with another(bed, "mariadb", max_password_errors="1") as facts:
        user = made_at(facts)
        log_in_at(endpoint(facts), User(user.name, "wrong"))
        assert log_in_at(endpoint(facts), user) == Login(Verdict.LOCKED, "4150", _address(facts))


@pytest.mark.parametrize("engine", ENGINES)
def test_B1_a_full_server_is_busy(bed: Bed, engine: str) -> None:
    few = "10" if engine == "mariadb" else "4"  # MariaDB's least
    with another(bed, engine, max_connections=few) as facts, ExitStack() as sessions:
        user = made_at(facts)
        if engine == "postgres":
            sessions.enter_context(log_in(facts, user.name, user.password))
            # The last three places are for superusers: the password was checked before that was looked at.
            assert log_in_at(endpoint(facts), user) == Login(Verdict.PROVEN, "53300", _address(facts))
        fill(sessions, facts, user)
        login = log_in_at(endpoint(facts), User(user.name, "wrong"))
    assert (login.verdict, login.code) == (Verdict.BUSY, "53300" if engine == "postgres" else "1040")


def fill(sessions: ExitStack, facts: Facts, user: User) -> None:
    """Open sessions until the server has no more."""
    root = User(str(facts["root_user"]), str(facts["root_password"]))
    for who in (user, root):  # the last places are the superuser's
        with suppress(psycopg.OperationalError, pymysql.err.OperationalError):
            while True:
                sessions.enter_context(log_in(facts, who.name, who.password))


@pytest.mark.parametrize("language", ["de_DE", "fr_FR", "ja_JP"])
@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B1_the_verdict_does_not_depend_on_the_servers_language(bed: Bed, engine: str, language: str) -> None:
    with another(bed, engine, lc_messages=language) as facts:
        user = made_at(facts)
        assert log_in_at(endpoint(facts), User(user.name, "wrong")).verdict is Verdict.REFUSED
        assert log_in_at(endpoint(facts, database="none_such"), user).verdict is Verdict.PROVEN


def test_B1_neither_name_nor_password_is_cut_or_read_as_something_else(database: Facts) -> None:
    odd = "p\u00e4\u00df w'\"; --%s\u4f60"
    with user_at(database) as user:
        set_password(database, user.name, odd)
        assert log_in_at(endpoint(database), User(user.name, odd)).verdict is Verdict.OK
        assert log_in_at(endpoint(database), User(user.name, odd + "x")).verdict is Verdict.REFUSED
        assert log_in_at(endpoint(database), User(user.name, f"{odd}\0x")).code == "unsendable"


def test_B2_a_standby_says_that_it_is_no_writer(bed: Bed) -> None:
    with another(bed) as primary, standby(bed, primary) as second:
        user = made_at(primary)
        until("the user has come to the standby", lambda: log_in_at(endpoint(second), user).verdict is Verdict.OK)
        assert log_in_at(endpoint(second), user).writer is False
        assert log_in_at(endpoint(primary), user).writer is True


@pytest.mark.parametrize(("engine", "setting"), [("mysql", "read_only"), ("mysql", "super_read_only"), ("mariadb", "read_only")])
def test_B2_a_read_only_server_says_that_it_is_no_writer(bed: Bed, engine: str, setting: str) -> None:
    with another(bed, engine) as facts:
        user = made_at(facts)
        execute_as_root(facts, f"SET GLOBAL {setting} = 1")
        assert log_in_at(endpoint(facts), user).writer is False
        execute_as_root(facts, f"SET GLOBAL {setting} = 0")


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_B2_an_Aurora_reader_says_that_it_is_no_writer(bed: Bed, engine: str) -> None:
    with another(bed, engine) as facts:
        root = User(str(facts["root_user"]), str(facts["root_password"]))
        where = endpoint(facts, database=None)
        restart(bed, facts, ["--innodb-read-only=1"], lambda: log_in_at(where, root).verdict is Verdict.OK)
        assert log_in_at(where, root).writer is False


def test_B2_a_read_only_postgres_says_that_it_is_no_writer(postgres: Facts) -> None:
    with user_at(postgres) as user:
        execute_as_root(postgres, f"ALTER ROLE {user.name} SET default_transaction_read_only = on")
        assert log_in_at(endpoint(postgres), user).writer is False
