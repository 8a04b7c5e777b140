"""A secret with a real user, or two, behind our Lambda function on the bed: to rotate, to disturb, and to look at."""

import json
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotated_rds.model.alternating import clone_of
from tests.bed.bed import Facts
from tests.support.alternating import admin_value
from tests.support.aws import Aws
from tests.support.databases import Options, can_log_in, drop_user
from tests.support.logins import User, user_at

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
Json = dict[str, Any]


@dataclass
class Rotated:
    """A secret with a real user in it, and our function behind an ARN. `inside` sees the function's own calls and no others."""

    database: Facts
    user: User
    outside: Aws
    inside: Aws
    keys: Json = field(default_factory=dict[str, Any])
    arn: str = ""

    def __post_init__(self) -> None:
        self.client: Any = self.outside.client("secretsmanager")
        place = {"engine": self.database["engine"], "host": self.database["host"], "port": self.database["port"], "dbname": "app"}
        value = json.dumps({**place, "username": self.user.name, "password": self.user.password, "ours": [1, None], **self.keys})
        self.arn = self.client.create_secret(Name=f"function/{self.user.name}", SecretString=value)["ARN"]
        self.function = self.outside.function_arn(self.user.name)

    def install(self, kind: str = "ours", *, environment: dict[str, str] | None = None, **more: object) -> None:
        """Put our function, or another one, behind the ARN; it trusts the bed's CA unless its environment says otherwise."""
        own = {"ROTATED_RDS_CA_FILE": str(self.database["ca"]), **self.inside.environment, **(environment or {})}
        self.outside.control.function(self.function, kind, environment=own, **{"pause": 0, **more})

    def start(self) -> str:
        """Ask for a rotation; the answer is the new version's id."""
        return self.client.rotate_secret(SecretId=self.arn, RotationLambdaARN=self.function)["VersionId"]

    def last(self, seconds: float = 60) -> Json:
        """The last rotation, once none runs."""
        return self.outside.control.rotations(self.arn, seconds=seconds)[-1]

    def rotate(self) -> Json:
        self.start()
        return self.last()

    def labels(self) -> dict[str, list[str]]:
        shown = self.client.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {version: sorted(labels) for version, labels in shown.items()}

    def read(self, label: str) -> Json:
        return json.loads(self.client.get_secret_value(SecretId=self.arn, VersionStage=label)["SecretString"])

    def holder(self, label: str) -> str:
        return next(version for version, labels in self.labels().items() if label in labels)

    def versions(self) -> int:
        """How many versions ever got a value."""
        return len(self.client.list_secret_version_ids(SecretId=self.arn, IncludeDeprecated=True)["Versions"])

    def logs_in(self, label: str) -> bool:
        value = self.read(label)
        return can_log_in(self.database, value["username"], value["password"])


@contextmanager
def rotated_at(database: Facts, aws: Facts, options: Options | None = None, **keys: object) -> Generator[Rotated]:
    """A secret for the block. options: its user's. keys: of its JSON, over the plain ones."""
    with user_at(database, options) as user:
        made = Rotated(database, user, Aws(aws), Aws(aws), keys)
        made.install()
        yield made


@contextmanager
def alternating_at(database: Facts, aws: Facts, options: Options | None = None, **keys: object) -> Generator[Rotated]:
    """The same, and its JSON names the administrator, so that two users take turns."""
    with rotated_at(database, aws, options, **{"masterarn": master_at(database, aws), **keys}) as one:
        try:
            yield one
        finally:
            drop_user(database, clone_of(one.user.name))


def master_at(database: Facts, aws: Facts) -> str:
    """The ARN of a secret with the database's own administrator."""
    name = f"function/masters/{secrets.token_hex(4)}"
    return Aws(aws).secretsmanager().create_secret(Name=name, SecretString=admin_value(database))["ARN"]


def expect_rotated(one: Rotated, run: Json, before: str) -> None:
    """The rotation ended well: labels as AWS leaves them, the new password in, the old one out, and no other value."""
    assert (run["result"], run["error"]) == ("succeeded", "")
    assert one.labels() == {run["token"]: [CURRENT], before: [PREVIOUS]}
    assert (one.logs_in(CURRENT), one.logs_in(PREVIOUS)) == (True, False)


def expect_untouched(one: Rotated, run: Json, before: str) -> None:
    """The rotation failed: AWSCURRENT stands where it stood and logs in, the label of the failed one stays as AWS leaves it."""
    assert run["result"] == "failed"
    assert one.labels() == {before: [CURRENT], run["token"]: [PENDING]}
    assert one.logs_in(CURRENT)
    assert one.read(CURRENT)["password"] not in run["error"]


def expect_kept(one: Rotated, run: Json, before: str) -> None:
    """The rotation ended well, perhaps after another attempt, and what was current goes on to log in."""
    assert run["result"] == "succeeded", run["error"]
    labels = {version: [label for label in held if not label.startswith("rotated-rds.io/")] for version, held in one.labels().items()}
    assert labels == {run["token"]: [CURRENT], before: [PREVIOUS]}
    assert (one.logs_in(CURRENT), one.logs_in(PREVIOUS)) == (True, True)


DIES = """
import os
from pathlib import Path
from rotated_rds import function

def handler(event, context):
    function.handler(event, context)
    mark = Path(os.environ["MARK"])
    if event["Step"] == os.environ["DIES_AFTER"] and not mark.exists():
        mark.touch()
        os._exit(137)
"""


def install_dying(one: Rotated, folder: Path, step: str, *, environment: dict[str, str] | None = None, **more: object) -> None:
    """Our function in a container that is killed once, after a step was carried out and before it answers."""
    (folder / "dies.py").write_text(DIES)
    told = {**(environment or {}), "MARK": str(folder / "mark"), "DIES_AFTER": step}
    one.install("python", path=f"{folder / 'dies.py'}:handler", environment=told, **more)


def hold_inside_the_lock(one: Rotated) -> int:
    """Begin a rotation and hold it where setSecret, its session open and locked, reads the labels again."""
    held = one.inside.control.fault("hold-before", "DescribeSecret", after=2)
    one.start()
    assert one.inside.control.wait_held(held)
    return held
