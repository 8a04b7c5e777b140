"""Resources with strategy DualPassword on the bed's MySQL and MariaDB, by the user itself or by an administrator."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.secret import CURRENT
from tests.bed.bed import Facts
from tests.support.aws import Aws
from tests.support.databases import execute_as_root, new_master
from tests.support.resources import merged
from tests.support.safety import Scene


@dataclass(frozen=True)
class Kind:
    """An engine, and who changes the password."""

    engine: str
    admin: bool

    def __str__(self) -> str:
        return f"{self.engine}, by {'an administrator' if self.admin else 'the user itself'}"


OWN, ADMIN, MARIADB = Kind("mysql", admin=False), Kind("mysql", admin=True), Kind("mariadb", admin=True)
KINDS = (OWN, ADMIN, MARIADB)
LATER = timedelta(minutes=11)  # the default gracePeriod is over


def given_admin(database: Facts, aws: Facts, namespace: str, port: int | None = None) -> str:
    """An administrator of the test's own; the name of its AWS secret. port: where the operator reaches the database."""
    name, password = f"a_{secrets.token_hex(5)}", f"admin-{secrets.token_hex(8)}-A1"
    new_master(database, name, password)
    value = {"engine": database["engine"], "host": "localhost", "port": port or database["port"], "username": name, "password": password}
    Aws(aws).secretsmanager().create_secret(Name=f"{namespace}/{name}", SecretString=json.dumps(value))
    return f"{namespace}/{name}"


def may_keep_two(database: Facts, user: str) -> None:
    """What MySQL asks of a user that keeps two passwords by itself."""
    execute_as_root(database, f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO '{user}'@'%'")


def begin(scene: Scene, kind: Kind, **spec: Any) -> Scene:
    """The user and its resource, mirrored."""
    user = {"adminSecretId": given_admin(scene.database, scene.aws.facts, scene.cluster.namespace)} if kind.admin else {}
    scene.begin(**merged({"user": user, "rotation": {"strategy": "DualPassword"}}, spec))
    if not kind.admin:
        may_keep_two(scene.database, scene.user)
    return scene


def rotated(scene: Scene, text: str) -> str:
    """One more rotation, when nobody is on the password before; the new version."""
    scene.hand.clock.advance(LATER)
    scene.settle()
    answer = scene.rotate(text).requests["rotate"]
    assert (answer.text, answer.result) == (text, "Done"), answer
    return scene.label(CURRENT)


def expect_two(scene: Scene, old: str) -> str:
    """At rest with two passwords: AWSCURRENT everywhere, and the password `old` logs in too; AWSCURRENT's version."""
    current = scene.label(CURRENT)
    password = scene.password(current)
    assert old != password
    assert scene.logs_in(password)
    assert scene.logs_in(old)
    assert scene.cluster.content(scene.name)["password"] == password
    assert scene.status().version_id == current
    assert scene.status().rotation.in_progress is None
    return current


def primary(scene: Scene) -> str | None:
    return scene.labels().get(PRIMARY)
