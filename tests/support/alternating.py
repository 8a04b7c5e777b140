"""A resource whose two users take turns, and the administrator that it needs."""

import json
from typing import Any

import psycopg
import pymysql

from rotated_rds.model.alternating import clone_of
from rotated_rds.model.status import Status
from tests.bed.bed import Facts
from tests.support.databases import can_log_in, drop_user, execute_as_root, log_in
from tests.support.scene import Scene

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
GRACE = 11  # minutes: over the default of rotation.gracePeriod, with a minute for the clocks


def admin_value(facts: Facts) -> str:
    """The text of an AWS secret with a database's own administrator."""
    value = {"engine": facts["engine"], "host": "localhost", "port": facts["port"]}
    return json.dumps({**value, "username": facts["admin_user"], "password": facts["admin_password"]})


def given_admin(scene: Scene) -> str:
    """The database's own administrator as an AWS secret; its id."""
    name = f"{scene.cluster.namespace}/admin"
    scene.by_hand.secretsmanager().create_secret(Name=name, SecretString=admin_value(scene.database))
    return name


def an_alternating(scene: Scene, **spec: Any) -> dict[str, Any]:
    """What of a spec makes two users take turns."""
    user = {"adminSecretId": given_admin(scene), **spec.pop("user", {})}
    return {"user": user, "rotation": {"strategy": "AlternatingUsers", **spec.pop("rotation", {})}, **spec}


def given_alternating(scene: Scene, **spec: Any) -> Status:
    """Ready, on its first version: the base user's. What its owner granted stays: the bed's grants may be made before or after."""
    return scene.given_ready(**an_alternating(scene, **spec))


def clone(scene: Scene) -> str:
    return clone_of(scene.user)


def rotate(scene: Scene, text: str, *, later: float = GRACE) -> Status:
    """One rotation on request, after the grace of the one before."""
    scene.later(minutes=later)
    status = scene.asked(rotate=text)
    assert status.requests["rotate"].text == text, status.body()
    assert status.requests["rotate"].result == "Done", status.requests["rotate"].message
    return scene.settled()


def refused(scene: Scene, text: str) -> Status:
    """One rotation on request that ends without a new password."""
    scene.later(minutes=GRACE)
    status = scene.asked(rotate=text)
    assert status.requests["rotate"].text == text, status.body()
    assert status.requests["rotate"].result == "Failed", status.requests["rotate"].message
    return status


def labels(scene: Scene) -> dict[str, str]:
    described = scene.by_hand.secretsmanager().describe_secret(SecretId=scene.secret_id)
    return {label: version for version, held in described["VersionIdsToStages"].items() for label in held}


def value(scene: Scene, version: str) -> dict[str, Any]:
    answer = scene.by_hand.secretsmanager().get_secret_value(SecretId=scene.secret_id, VersionId=version)
    return json.loads(answer["SecretString"])


def logs_in(scene: Scene, version: str) -> bool:
    """Whether a version's own user gets in with its password."""
    held = value(scene, version)
    return can_log_in(scene.database, held["username"], held["password"])


def is_locked_out(scene: Scene, version: str) -> bool:
    """Whether a version's own user is locked."""
    held = value(scene, version)
    return is_locked(scene.database, held["username"], held["password"])


def is_locked(facts: Facts, user: str, password: str) -> bool:
    """Whether a user is locked, with its right password; False where it gets in."""
    said = {"postgres": "not permitted to log in", "mysql": "3118", "mariadb": "4151"}
    try:
        with log_in(facts, user, password):
            return False
    except (psycopg.OperationalError, pymysql.err.OperationalError) as error:
        if said[str(facts["engine"])] in str(error):
            return True
        raise


def user_exists(scene: Scene, user: str) -> bool:
    if scene.database["engine"] == "postgres":
        return bool(execute_as_root(scene.database, "SELECT 1 FROM pg_roles WHERE rolname = %s", [user]))
    return bool(execute_as_root(scene.database, "SELECT 1 FROM mysql.user WHERE user = %s", [user]))


def drop_pair(scene: Scene) -> None:
    for user in (clone(scene), scene.user):
        drop_user(scene.database, user)
