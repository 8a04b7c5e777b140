"""AWS.md 2.2, each weakness of AWS's own functions on the real servers, and SAFETY.md D1: the second user is an equal, or there is none."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass

import psycopg
import pytest
from pydantic import SecretStr

from rotated_rds.clients.databases import Session
from rotated_rds.model.alternating import Pair, clone_of
from rotated_rds.model.errors import Reason, Refused, Unavailable
from tests.bed.bed import Facts
from tests.support.databases import Options, can_log_in, drop_user, execute_as_root, log_in, new_user
from tests.support.logins import User, admin_session, endpoint, log_in_at

NEW = "New-Pw-2-b3'x"


@dataclass(frozen=True)
class Two:
    """A base user, and the clone that an administrator makes of it."""

    facts: Facts
    base: User
    owner: str | None = None

    @property
    def clone(self) -> str:
        return clone_of(self.base.name)

    @property
    def pair(self) -> Pair:
        return Pair(self.base.name, self.clone, self.owner)

    def root(self, *statements: str, database: str | None = "app") -> None:
        words = {"base": self.base.name, "clone": self.clone, "owner": self.owner}
        for statement in statements:
            execute_as_root(self.facts, statement.format(**words), database=database)

    @contextlib.contextmanager
    def session(self) -> Generator[Session]:
        with admin_session(self.facts, self.base.name) as session:
            yield session

    def make(self, user: str | None = None) -> None:
        """What a rotation does before it sets the password, and the password."""
        with self.session() as session:
            both, user = session.pair(self.pair), user or self.clone
            both.check()
            both.make_ready(user)
            session.set_password(user, SecretStr(NEW), None)

    def traits(self) -> tuple[frozenset[str], frozenset[str]]:
        """The base's and the clone's."""
        with self.session() as session:
            both = session.pair(self.pair)
            return both.traits(self.base.name), both.traits(self.clone)

    def refusal(self) -> Refused:
        with pytest.raises(Refused) as no:
            self.make()
        return no.value


@contextlib.contextmanager
def two(facts: Facts, options: Options | None = None, owner: str | None = None) -> Generator[Two]:
    base = User()
    new_user(facts, base.name, base.password, options or Options())
    try:
        yield Two(facts, base, owner)
    finally:
        drop_user(facts, clone_of(base.name))
        drop_user(facts, base.name)


# MySQL and MariaDB


@pytest.fixture(params=["mysql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Facts:
    return request.getfixturevalue(request.param)


MASKS = ("%", "localhost", "10.%")


@pytest.fixture
def role(database: Facts) -> Generator[str]:
    """A role that the administrator may hand on."""
    name = f"r_{User().name[2:]}"
    admin = f"'{database['admin_user']}'@'%'"
    execute_as_root(database, f"CREATE ROLE {name}")
    execute_as_root(database, f"GRANT INSERT ON app.* TO {name}")
    execute_as_root(database, f"GRANT {name} TO {admin} WITH ADMIN OPTION")
    yield name
    execute_as_root(database, f"DROP ROLE {name}")


def default_role(facts: Facts, role: str, account: str) -> str:
    return f"SET DEFAULT ROLE {role} {'TO' if facts['engine'] == 'mysql' else 'FOR'} {account}"


def test_C5_D1_the_clone_has_every_host_mask_grant_option_default_role_limit_and_tls_rule(database: Facts, role: str) -> None:
    with two(database, Options(hosts=MASKS, tls_only=True, clauses="WITH MAX_USER_CONNECTIONS 50 PASSWORD EXPIRE NEVER")) as both:
        both.root(f"CREATE TABLE {both.base.name} (a INT, b INT)")
        for mask in MASKS:
            both.root(
                f"GRANT SELECT (a), UPDATE (b) ON app.{both.base.name} TO '{{base}}'@'{mask}'",
                f"GRANT SELECT ON app.* TO '{{base}}'@'{mask}' WITH GRANT OPTION",
                f"GRANT {role} TO '{{base}}'@'{mask}'",
                default_role(database, role, f"'{both.base.name}'@'{mask}'"),
            )
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert {trait.split(" ", 1)[0] for trait in clone} == {f"@{mask}" for mask in MASKS}
        assert {"@% REQUIRE SSL", "@% PASSWORD EXPIRE NEVER", "@% MAX_USER_CONNECTIONS 50", "@% GRANT GRANT OPTION ON `app`.*"} <= clone
        assert can_log_in(database, both.clone, NEW)
        assert not can_log_in(database, both.clone, NEW, tls=False), "TLS is required of it too"
        with log_in(database, both.clone, NEW) as session:
            assert role in str(session.run("SELECT CURRENT_ROLE()"))
            session.run(f"GRANT SELECT ON app.{both.base.name} TO '{both.base.name}'@'%'")
        both.root(f"DROP TABLE {both.base.name}")


def test_A4_C5_E4_every_host_mask_of_the_clone_is_locked_also_by_whoever_follows_and_is_opened_again(database: Facts) -> None:
    with two(database, Options(hosts=MASKS)) as both:
        both.make()
        fences = iter([False, True])

        def fence(_seconds: float) -> None:
            if next(fences):
                raise Unavailable(Reason.UNAVAILABLE, "the Lease is too short")

        def unneeded(_seconds: float) -> None:
            raise AssertionError("nothing is left to do")

        with admin_session(database, both.base.name, fence=fence) as session, pytest.raises(Unavailable):
            session.pair(both.pair).lock()
        with both.session() as session:
            half = session.pair(both.pair)
            assert not half.is_locked()
            half.lock()
            assert half.is_locked()
        with admin_session(database, both.base.name, fence=unneeded) as session:
            session.pair(both.pair).lock()
        assert {trait for trait in both.traits()[1] if "ACCOUNT LOCK" in trait} == {f"@{mask} ACCOUNT LOCK" for mask in MASKS}
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert can_log_in(database, both.clone, NEW)


def test_D1_what_changed_of_the_base_is_made_up_for_also_what_was_revoked(database: Facts, role: str) -> None:
    with two(database) as both:
        both.root(f"GRANT {role} TO '{{base}}'@'%'", default_role(database, role, f"'{both.base.name}'@'%'"))
        both.make()
        both.root(
            "REVOKE ALL ON app.* FROM '{base}'@'%'",
            "GRANT SELECT, DELETE ON app.* TO '{base}'@'%'",
            "ALTER USER '{base}'@'%' REQUIRE SSL",
        )
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert "@% GRANT DELETE ON `app`.*" in clone
        assert "@% REQUIRE SSL" in clone
        assert any(trait.startswith("@% DEFAULT ROLE ") for trait in clone)
        both.root(f"REVOKE {role} FROM '{{base}}'@'%'", default_role(database, "NONE", f"'{both.base.name}'@'%'"))
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert not any(role in trait for trait in clone)


def test_D1_a_role_that_the_administrator_may_not_hand_on_stops_it_before_the_password(database: Facts) -> None:
    """AWS's function leaves a clone without the role, whose password works, for the next attempt to promote."""
    role = f"r_{User().name[2:]}"
    with two(database) as both:
        both.root(f"CREATE ROLE {role}", f"GRANT {role} TO '{{base}}'@'%'")
        if database["engine"] == "mysql":  # the bed's master may hand on any role there
            both.root("GRANT FILE ON *.* TO '{base}'@'%'")
        assert both.refusal().reason is Reason.ADMIN_INSUFFICIENT
        assert not can_log_in(database, both.clone, NEW)
        both.root(f"DROP ROLE {role}")


def test_D1_a_mask_of_the_clone_alone_is_said(database: Facts) -> None:
    with two(database) as both:
        both.make()
        both.root("CREATE USER '{clone}'@'10.9.%' IDENTIFIED BY 'x-Passw0rd-1'")
        no = both.refusal()
        assert no.reason is Reason.CLONE_CONFLICT
        assert "10.9.%" in no.message


def test_D1_the_base_is_left_as_it_is(database: Facts) -> None:
    with two(database) as both:
        both.make()
        both.root("GRANT SELECT ON mysql.* TO '{clone}'@'%'")
        before = both.traits()
        both.make(both.base.name)
        assert both.traits() == before


def test_C7_a_clone_with_grant_on_everything_is_not_for_an_administrator(database: Facts) -> None:
    with two(database) as both:
        both.make()
        both.root("GRANT SELECT ON *.* TO '{clone}'@'%' WITH GRANT OPTION")
        with both.session() as session, pytest.raises(Refused) as no:
            session.check(both.clone)
        assert no.value.reason is Reason.NOT_ALLOWED


# PostgreSQL


def test_D1_the_clone_has_the_role_s_attributes_settings_memberships_and_tls_rule(postgres: Facts) -> None:
    with two(postgres, Options(tls_only=True, clauses="CONNECTION LIMIT 7 VALID UNTIL '2999-01-01' CREATEDB")) as both:
        both.root(
            'ALTER ROLE "{base}" SET search_path TO "$user", app, public',
            'ALTER ROLE "{base}" IN DATABASE app SET statement_timeout TO 4321',
            "ALTER ROLE \"{base}\" SET application_name TO 'it''s, a name'",
            'CREATE TABLE "{base}_t" (a int)',
            'GRANT SELECT ON "{base}_t" TO "{base}" WITH GRANT OPTION',
        )
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert {"CREATEDB", "CONNECTION LIMIT 7", "SET statement_timeout=4321 in app"} <= clone
        assert can_log_in(postgres, both.clone, NEW)
        assert refused_without_tls(postgres, both.clone)
        with log_in(postgres, both.clone, NEW) as session:
            assert session.run("SHOW search_path") == [('"$user", app, public',)]
            assert session.run("SHOW statement_timeout") == [("4321ms",)]
            assert session.run(f'TABLE "{both.base.name}_t"') == []
            session.run(f'GRANT SELECT ON "{both.base.name}_t" TO PUBLIC')
        both.root(
            'ALTER ROLE "{base}" RESET application_name', "ALTER ROLE \"{base}\" CONNECTION LIMIT -1 NOCREATEDB VALID UNTIL 'infinity'"
        )
        both.make()
        base, clone = both.traits()
        assert base == clone
        assert "CREATEDB" not in clone
        both.root('DROP TABLE "{base}_t"')


def refused_without_tls(facts: Facts, user: str) -> bool:
    try:
        with log_in(facts, user, NEW, tls=False):
            return False
    except psycopg.OperationalError as error:
        return "pg_hba.conf" in str(error)


def test_D1_a_user_that_owns_something_is_not_cloned_without_an_owner_role(postgres: Facts) -> None:
    """What the clone of AWS's function creates the base user may not even read."""
    with two(postgres) as both:
        both.root('CREATE TABLE "{base}_t" (a int)', 'ALTER TABLE "{base}_t" OWNER TO "{base}"')
        no = both.refusal()
        assert no.reason is Reason.OWNERSHIP_SPLIT
        assert "spec.user.ownerRole" in no.message
        assert not can_log_in(postgres, both.clone, NEW)


@pytest.fixture
def owner(postgres: Facts) -> Generator[str]:
    name = f"o_{User().name[2:]}"
    execute_as_root(postgres, f"CREATE ROLE {name} NOLOGIN")
    execute_as_root(postgres, f"GRANT CREATE ON SCHEMA public TO {name}", database="app")
    yield name
    for database in ("app", "postgres"):
        execute_as_root(postgres, f"DROP OWNED BY {name}", database=database)
    execute_as_root(postgres, f"DROP ROLE {name}")


def test_D1_with_an_owner_role_what_either_creates_both_can_change(postgres: Facts, owner: str) -> None:
    with two(postgres, owner=owner) as both:
        assert both.refusal().reason is Reason.OWNERSHIP_SPLIT, "the base is no member yet"
        both.root('GRANT {owner} TO "{base}"')
        both.make()
        both.make(both.base.name)
        for user in (both.clone, both.base.name):
            assert log_in_at(endpoint(postgres), User(user, NEW)).role == owner
        with log_in(postgres, both.clone, NEW) as session:
            session.run(f"CREATE TABLE {owner}_t (a int)")
        with log_in(postgres, both.base.name, NEW) as session:
            session.run(f"ALTER TABLE {owner}_t ADD b int")
        assert both.traits() == (frozenset(), frozenset())


def test_D1_a_missing_membership_shows_in_the_login(postgres: Facts, owner: str) -> None:
    """The server lets such a user in as itself, silently."""
    with two(postgres, owner=owner) as both:
        both.root('GRANT {owner} TO "{base}"')
        both.make()
        both.root('REVOKE {owner} FROM "{base}"')
        assert log_in_at(endpoint(postgres), User(both.clone, NEW)).role == both.clone


@pytest.mark.parametrize("clause", ["LOGIN", "CREATEROLE", "SUPERUSER"])
def test_D1_an_owner_role_that_logs_in_or_has_powers_is_refused(postgres: Facts, owner: str, clause: str) -> None:
    with two(postgres, owner=owner) as both:
        both.root('GRANT {owner} TO "{base}"', f"ALTER ROLE {{owner}} {clause}")
        no = both.refusal()
        assert no.reason is Reason.NOT_ALLOWED
        assert clause in no.message


@pytest.mark.parametrize(
    "statement",
    ['GRANT SELECT ON "{base}_t" TO "{clone}"', 'ALTER TABLE "{base}_t" OWNER TO "{clone}"', 'GRANT {other} TO "{clone}"'],
)
def test_D1_what_only_the_clone_has_would_be_lost_to_the_base(postgres: Facts, owner: str, statement: str) -> None:
    with two(postgres) as both:
        both.make()
        both.root('CREATE TABLE "{base}_t" (a int)', statement.replace("{other}", owner))
        no = both.refusal()
        assert no.reason is Reason.OWNERSHIP_SPLIT
        assert both.clone in no.message
        both.root('DROP TABLE "{base}_t"')


def test_D1_a_schema_that_is_found_by_its_user_s_name_is_said(postgres: Facts) -> None:
    with two(postgres) as both:
        both.root('CREATE SCHEMA "{base}"')
        assert "search_path" in both.refusal().message
        both.root('ALTER ROLE "{base}" SET search_path TO "{base}", public')
        both.make()
        with log_in(postgres, both.clone, NEW) as session:
            assert session.run("SHOW search_path") == [(f"{both.base.name}, public",)]
        both.root('DROP SCHEMA "{base}"')


def test_C8_D1_a_setting_that_the_administrator_may_not_make_stops_it_before_the_password(postgres: Facts) -> None:
    with two(postgres) as both:
        both.root("ALTER ROLE \"{base}\" SET log_statement TO 'none'")
        no = both.refusal()
        assert no.reason is Reason.ADMIN_INSUFFICIENT
        with both.session() as session:
            assert not session.user_exists(both.clone), "all of it or nothing"
