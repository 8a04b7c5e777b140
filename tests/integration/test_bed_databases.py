"""The bed's databases are the real engines, reached over TLS, with a master that can do what RDS's can and no more."""

import os
import secrets
from collections.abc import Generator
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.bed.bed import Bed, Facts
from tests.bed.databases import PARTS
from tests.bed.databases.sql import Session
from tests.bed.pki import Authority
from tests.bed.processes import until
from tests.support.databases import (
    Options,
    can_log_in,
    drop_user,
    end_sessions,
    execute_as_root,
    log_in,
    logged,
    new_master,
    new_user,
    sessions,
    set_password,
)

ENGINES = ("postgres", "mariadb", "mysql")
DENIED = (psycopg.errors.InsufficientPrivilege, pymysql.err.OperationalError)
TURNED_AWAY = (psycopg.OperationalError, pymysql.err.OperationalError)


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


@pytest.fixture
def name(database: Facts) -> Generator[str]:
    """A user's name of the test's own; the user goes when the test ends."""
    chosen = f"u_{secrets.token_hex(5)}"
    yield chosen
    drop_user(database, chosen)


@pytest.fixture
def master(database: Facts) -> Generator[Session]:
    with log_in(database, str(database["admin_user"]), str(database["admin_password"])) as opened:
        yield opened


def test_each_server_is_the_engine_it_is_taken_for(database: Facts) -> None:
    versions = {"postgres": "15.", "mariadb": "10.11.", "mysql": "9."}
    assert str(database["version"]).startswith(versions[str(database["engine"])])
    said = str(execute_as_root(database, "SELECT version()")[0][0])
    assert str(database["version"]) in said
    assert ("MariaDB" in said) == (database["engine"] == "mariadb")


def test_starting_what_is_up_changes_nothing(bed: Bed, database: Facts) -> None:
    assert PARTS[str(database["part"])](bed) == database


@pytest.mark.skipif(os.geteuid() != 0, reason="we are not root, so neither is the server")
def test_the_server_runs_as_an_account_whose_only_right_is_to_pass_closed_folders(bed: Bed, database: Facts) -> None:
    process = bed.processes.named(str(database["part"]))
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    told = {line.split(":")[0]: line.split()[1:] for line in status if line.strip()}
    assert "0" not in told["Uid"]
    assert int(told["CapEff"][0], 16) & ~0b110 == 0


def test_the_master_is_no_superuser(database: Facts, master: Session) -> None:
    beyond = {
        "postgres": "SELECT rolpassword FROM pg_authid",
        "mysql": "SET PERSIST max_connections = 10",
        "mariadb": "SET GLOBAL read_only = 1",
    }
    with pytest.raises(DENIED):
        master.run(beyond[str(database["engine"])])


def test_the_master_of_postgres_is_what_rds_makes_it(postgres: Facts) -> None:
    attributes = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin"
    found = execute_as_root(postgres, f"{attributes} FROM pg_roles WHERE rolname = 'dbadmin'")
    assert found == [(False, True, True, False, False, True)]
    assert execute_as_root(postgres, "SELECT pg_has_role('dbadmin', 'rds_superuser', 'MEMBER')") == [(True,)]
    assert execute_as_root(postgres, "SELECT rolsuper FROM pg_roles WHERE rolname = 'rdsadmin'") == [(True,)]


def test_the_master_makes_users_and_hands_on_what_it_may(database: Facts, master: Session, name: str) -> None:
    if database["engine"] == "postgres":
        master.run(f"CREATE ROLE {name} LOGIN PASSWORD 'made-by-master'")
    else:
        master.run(f"CREATE USER {name}@'%' IDENTIFIED BY 'made-by-master'")
        master.run(f"GRANT SELECT, CREATE ON app.* TO {name}@'%' WITH GRANT OPTION")
        assert (name,) in master.run("SELECT user FROM mysql.user")
    assert can_log_in(database, name, "made-by-master")


def test_the_master_changes_the_password_of_another(database: Facts, master: Session, name: str) -> None:
    new_user(database, name, "before")
    change = f"ALTER ROLE {name} PASSWORD 'after'" if database["engine"] == "postgres" else f"ALTER USER {name}@'%' IDENTIFIED BY 'after'"
    master.run(change)
    assert can_log_in(database, name, "after")
    assert not can_log_in(database, name, "before")


def test_the_master_of_mysql_may_keep_a_second_password(mysql: Facts) -> None:
    name = f"dual_{secrets.token_hex(4)}"
    new_user(mysql, name, "first")
    with log_in(mysql, str(mysql["admin_user"]), str(mysql["admin_password"])) as master:
        master.run(f"ALTER USER {name}@'%' IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD")
        assert can_log_in(mysql, name, "first")
        assert can_log_in(mysql, name, "second")
        master.run(f"ALTER USER {name}@'%' DISCARD OLD PASSWORD")
    assert not can_log_in(mysql, name, "first")
    drop_user(mysql, name)


def test_another_master_has_the_grants_of_the_first(database: Facts, name: str) -> None:
    new_master(database, name, "also-a-master")
    with log_in(database, name, "also-a-master") as opened:
        if database["engine"] == "postgres":
            opened.run(f"CREATE ROLE {name}_made NOLOGIN")
            opened.run(f"DROP ROLE {name}_made")
        else:
            assert _grants(database, name) == _grants(database, str(database["admin_user"]))


def _grants(facts: Facts, name: str) -> set[str]:
    """What an account may, without its name and without the hash that MariaDB shows."""
    rows = execute_as_root(facts, f"SHOW GRANTS FOR {name}@'%'")
    return {str(row[0]).replace(name, "NAME").partition(" IDENTIFIED")[0] for row in rows}


def test_a_login_with_tls_is_encrypted_and_one_without_is_not(database: Facts, name: str) -> None:
    new_user(database, name, "either-way")
    for tls in (True, False):
        with log_in(database, name, "either-way", tls=tls) as opened:
            assert _encrypted(opened) is tls


def _encrypted(opened: Session) -> bool:
    if opened.engine == "postgres":
        return bool(opened.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0][0])
    return bool(opened.run("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1])


def test_a_server_of_another_authority_is_not_taken_for_ours(database: Facts, name: str, tmp_path: Path) -> None:
    new_user(database, name, "for-nobody-else")
    foreign = {**database, "ca": str(Authority(tmp_path).ca.certificate)}
    with pytest.raises(TURNED_AWAY, match="certificate verify failed"):
        can_log_in(foreign, name, "for-nobody-else")


def test_only_a_wrong_password_counts_as_refused(database: Facts, name: str) -> None:
    new_user(database, name, "right")
    assert can_log_in(database, name, "right")
    assert not can_log_in(database, name, "wrong")
    assert not can_log_in(database, "nobody_of_that_name", "right")
    with pytest.raises(TURNED_AWAY):
        can_log_in(database, name, "right", database="no_such_database")
    with pytest.raises(TURNED_AWAY):
        can_log_in({**database, "port": 1}, name, "right")


def test_a_tls_only_user_is_turned_away_in_plain_text(database: Facts, name: str) -> None:
    new_user(database, name, "tls-only", Options(tls_only=True))
    assert can_log_in(database, name, "tls-only")
    if database["engine"] == "postgres":
        with pytest.raises(TURNED_AWAY, match=r"pg_hba\.conf"):
            can_log_in(database, name, "tls-only", tls=False)
    else:
        assert not can_log_in(database, name, "tls-only", tls=False)


def test_clauses_reach_the_user(database: Facts, name: str) -> None:
    clauses = {"postgres": "CONNECTION LIMIT 1", "mysql": "WITH MAX_USER_CONNECTIONS 1", "mariadb": "WITH MAX_USER_CONNECTIONS 1"}
    new_user(database, name, "one-at-a-time", Options(clauses=clauses[str(database["engine"])]))
    with log_in(database, name, "one-at-a-time"), pytest.raises(TURNED_AWAY, match=r"too many connections|max_user_connections"):
        can_log_in(database, name, "one-at-a-time")


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_a_password_set_by_hand_changes_every_account_of_the_name(engine: str, request: pytest.FixtureRequest) -> None:
    facts: Facts = request.getfixturevalue(engine)
    name = f"masks_{secrets.token_hex(4)}"
    new_user(facts, name, "old", Options(hosts=("%", "localhost", "10.%")))
    set_password(facts, name, "new")
    hashes = execute_as_root(facts, "SELECT host, authentication_string FROM mysql.user WHERE user = %s", [name])
    assert {host for host, _ in hashes} == {"%", "localhost", "10.%"}
    assert can_log_in(facts, name, "new")
    assert not can_log_in(facts, name, "old")
    drop_user(facts, name)
    assert not execute_as_root(facts, "SELECT 1 FROM mysql.user WHERE user = %s", [name])


def test_a_users_statements_are_logged_and_roots_are_not(database: Facts, name: str) -> None:
    password, seen, unseen = (secrets.token_hex(16) for _ in range(3))
    new_user(database, name, password)
    with log_in(database, name, password) as opened:
        opened.run(f"SELECT '{seen}'")
    execute_as_root(database, f"SELECT '{unseen}'")
    until("the statement is in the log", lambda: seen in logged(database))
    assert unseen not in logged(database)


def test_no_password_that_the_bed_sets_is_in_the_logs(database: Facts, name: str) -> None:
    first, second = secrets.token_hex(16), secrets.token_hex(16)
    new_user(database, name, first)
    set_password(database, name, second)
    assert can_log_in(database, name, second)
    assert not can_log_in(database, name, first)
    until("the logins are in the log", lambda: name in logged(database))
    for secret in (first, second, str(database["admin_password"]), str(database["root_password"])):
        assert secret not in logged(database)


def test_sessions_of_a_user_are_seen_and_cut(database: Facts, name: str) -> None:
    new_user(database, name, "here-I-am")
    with log_in(database, name, "here-I-am") as one, log_in(database, name, "here-I-am"):
        assert len(sessions(database, name)) == 2
        end_sessions(database, name)
        until("the sessions end", lambda: not sessions(database, name))
        with pytest.raises(TURNED_AWAY):
            one.run("SELECT 1")


def test_a_dropped_user_is_gone_with_what_it_owned(postgres: Facts) -> None:
    name = f"owner_{secrets.token_hex(4)}"
    new_user(postgres, name, "mine")
    with log_in(postgres, name, "mine") as opened:
        opened.run(f"CREATE SCHEMA {name}")
        opened.run(f"CREATE TABLE {name}.t (n int)")
    drop_user(postgres, name)
    drop_user(postgres, name)
    assert not execute_as_root(postgres, "SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    assert not execute_as_root(postgres, "SELECT 1 FROM pg_namespace WHERE nspname = %s", [name], database="app")
