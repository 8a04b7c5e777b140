"""The SQL of docs/strategies.md, pasted as RDS's master would, is enough for a rotation: on the real servers, with no right more."""

import json
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.alternating import clone, drop_pair, rotate
from tests.support.databases import drop_user, execute_as_root, log_in
from tests.support.pasted import blocks, paste, starting
from tests.support.scene import FIRST, Scene

PAGE = "strategies.md"
BOTH = "MySQL and MariaDB"
DUAL = "MySQL with an administrator"
OWNER = "PostgreSQL, an owner of its own"


@dataclass
class Pasted:
    """A user whose rights are the page's, and an administrator that has been made by it."""

    scene: Scene
    rotator: str = field(default_factory=lambda: f"rot_{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: f"Rot-1-{secrets.token_hex(8)}")

    @property
    def role(self) -> str:
        return f"{self.scene.user}_r"

    def paste(self, *titles: str) -> None:
        postgres = self.scene.database["engine"] == "postgres"
        user = {"app": self.scene.user} if postgres else {"app@'%'": f"{self.scene.user}@'%'"}
        names = {"rotator": self.rotator, "app_owner": self.role, "app_role": self.role, "'…'": f"'{self.password}'"}
        for title in titles:
            paste(self.scene.database, starting(PAGE, title), {**names, **user})

    def root(self, *statements: str) -> None:
        words = {"user": f"'{self.scene.user}'@'%'", "role": self.role, "master": f"{self.scene.database['admin_user']}@'%'"}
        for statement in statements:
            execute_as_root(self.scene.database, statement.format(**words), database="app")

    def plain_user(self) -> None:
        """On MySQL and MariaDB with the rights that the page takes for an example, and a default role."""
        self.scene.cluster.given_user(self.scene.database, self.scene.user, FIRST, self.scene.name)
        engine = str(self.scene.database["engine"])
        if engine == "postgres":
            return
        to = " FOR " if engine == "mariadb" else " TO "
        self.root("REVOKE ALL ON app.* FROM {user}", "GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO {user}")
        self.root("CREATE ROLE {role}", "GRANT {role} TO {master} WITH ADMIN OPTION")
        self.root("GRANT {role} TO {user}", f"SET DEFAULT ROLE {{role}}{to}{{user}}")

    def ready(self, *, admin: bool = True, **spec: Any) -> None:
        """The resource, on its first version."""
        if admin:
            place = {"engine": self.scene.database["engine"], "host": "localhost", "port": self.scene.database["port"]}
            value = json.dumps({**place, "username": self.rotator, "password": self.password})
            self.scene.by_hand.secretsmanager().create_secret(Name=f"{self.scene.cluster.namespace}/rotator", SecretString=value)
            spec["user"] = {"adminSecretId": f"{self.scene.cluster.namespace}/rotator", **spec.get("user", {})}
        self.scene.cluster.given_resource(self.scene.resource(**spec))
        self.scene.settled()

    def drop(self) -> None:
        drop_pair(self.scene)
        drop_user(self.scene.database, self.rotator)
        if self.scene.database["engine"] == "postgres":
            drop_user(self.scene.database, self.role)
        else:
            self.root("DROP ROLE IF EXISTS {role}")


Made = Callable[[str], Pasted]


@pytest.fixture
def at(bed: Bed, api: Api, namespace: str, aws: Facts, request: pytest.FixtureRequest) -> Generator[Made]:
    made: list[Pasted] = []

    def on(engine: str) -> Pasted:
        made.append(Pasted(Scene.on(bed, api, namespace, request.getfixturevalue(engine), aws)))
        return made[-1]

    yield on
    for one in made:
        one.drop()


ALTERNATING = {
    "postgres 15": ("postgres", ("PostgreSQL up to 15", "PostgreSQL, where rds.restrict_password_commands")),
    "postgres 16": ("postgres", ("PostgreSQL 16 and later",)),
    "mysql": ("mysql", (BOTH,)),
    "mariadb": ("mariadb", (BOTH, "MariaDB, for a default role")),
}


def test_every_block_of_the_page_is_pasted_by_a_test() -> None:
    pasted = [*(title for _, titles in ALTERNATING.values() for title in titles), DUAL, OWNER, "MySQL 8.0.14 or later"]
    assert [title for title in blocks(PAGE) if not title.startswith(tuple(pasted))] == []


@pytest.mark.parametrize(("engine", "titles"), ALTERNATING.values(), ids=ALTERNATING)
def test_two_users_take_turns_with_the_administrator_of_the_page(at: Made, engine: str, titles: Sequence[str]) -> None:
    one = at(engine)
    one.plain_user()
    one.paste(*titles)
    one.ready(rotation={"strategy": "AlternatingUsers"})
    rotate(one.scene, "to the clone", later=0)
    assert one.scene.content["username"] == clone(one.scene)
    rotate(one.scene, "and back")
    assert one.scene.content["username"] == one.scene.user


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_two_passwords_are_kept_with_the_administrator_of_the_page(at: Made, engine: str) -> None:
    one = at(engine)
    one.plain_user()
    one.paste(DUAL)
    one.ready(rotation={"strategy": "DualPassword"})
    rotate(one.scene, "next", later=0)
    assert logs_in(one, FIRST)


def test_two_passwords_are_kept_by_the_user_itself_with_the_right_of_the_page(at: Made) -> None:
    one = at("mysql")
    one.plain_user()
    one.paste("MySQL 8.0.14 or later")
    one.ready(admin=False, rotation={"strategy": "DualPassword"})
    rotate(one.scene, "next", later=0)
    assert logs_in(one, FIRST)


def test_an_owner_role_is_made_of_what_a_user_owns(at: Made) -> None:
    one = at("postgres")
    one.plain_user()
    table = f"{one.scene.user}_t"
    execute_as_root(one.scene.database, f"CREATE TABLE {table} (a int)", database="app")
    execute_as_root(one.scene.database, f"ALTER TABLE {table} OWNER TO {one.scene.user}", database="app")
    one.paste(OWNER, "PostgreSQL up to 15")
    one.ready(user={"ownerRole": one.role}, rotation={"strategy": "AlternatingUsers"})
    for number in range(2):
        rotate(one.scene, str(number))
        with log_in(one.scene.database, one.scene.content["username"], one.scene.password) as session:
            session.run(f"ALTER TABLE {table} ADD column_{number} int")


def logs_in(one: Pasted, password: str) -> bool:
    with log_in(one.scene.database, one.scene.user, password) as session:
        return session.run("SELECT 1") == [(1,)]
