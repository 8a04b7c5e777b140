"""Correction 7: RDS manages a master's password: random, set in the bed's real database, by a rotation that takes its time and may fail."""

import json
import secrets as random_source
import string
import threading
import uuid
from collections.abc import Callable
from typing import Any

import moto.rds.models
from moto.rds.models import MasterUserSecret

from tests.bed.aws import labels, schedule
from tests.bed.aws.errors import invalid_request
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret
from tests.bed.aws.values import touch
from tests.bed.databases.server import Server
from tests.bed.databases.sql import as_root

Wanted = dict[str, Any]

LENGTH = 28
EVERY = {"AutomaticallyAfterDays": 7}
HOLDS = ("creating", "before-database", "after-database")
BUSY = ("creating", "rotating")

# By the ARN of the instance or cluster: the real server behind it, and what a test ordered of its rotations.
_servers: dict[str, Server] = {}
_orders: dict[str, Wanted] = {}
_masters: dict[str, "Master"] = {}
_ordered = threading.Condition()


def serve(arn: str, facts: Wanted) -> None:
    """Say which real server an instance or cluster stands for: its master's password is set there."""
    _servers[arn] = Server.of(facts)


def order(arn: str, wanted: Wanted) -> Wanted:
    """How rotations of this instance's or cluster's master go.

    hold: where the next one waits (`creating`, `before-database`, `after-database`) until there is an order without it.
    impaired: they fail, as when RDS may not use the KMS key.
    """
    hold = wanted.get("hold")
    if hold not in (None, *HOLDS):
        raise ValueError(f"hold: one of {HOLDS}")
    with _ordered:
        _orders[arn] = {"hold": hold, "impaired": bool(wanted.get("impaired"))}
        _ordered.notify_all()
    return _orders[arn]


def of(secret: Secret) -> "Master":
    """The master whose secret that is. Raises InvalidRequestException for a secret that another service manages."""
    if (found := _masters.get(secret.arn)) is None:
        raise invalid_request("The service that manages the secret does not rotate it.")
    return found


class Master(MasterUserSecret):
    """moto's, with a password that the master really has, and a status that says what happens."""

    region: Region

    def __init__(self, resource: Any, kms_key_id: str | None) -> None:
        super().__init__(resource, kms_key_id)
        region = self.secretsmanager
        if not isinstance(region, Region) or not isinstance(self.secret, Secret):
            raise TypeError("the bed's Secrets Manager is not in place")
        self.region, self.managed = region, self.secret
        _masters[self.managed.arn] = self
        with region.world.lock:
            self.managed.rotation_requested = self.managed.rotation_enabled = True
            self.managed.rules = dict(EVERY)
            self._finished()
        self._begin(self._create)

    # moto's own doors

    @property
    def secret_status(self) -> str:
        """moto's steps on whenever it is read."""
        return self._status

    def rotate_secret(self) -> None:
        """RotateMasterUserPassword=true."""
        self.start(str(uuid.uuid4()))

    def delete_secret(self) -> None:
        """Management is turned off, or the database deleted: the secret goes at once."""
        with self.region.world.lock:
            self.region.forget(self.managed)
        _masters.pop(self.managed.arn, None)

    def _generate_secret_string(self) -> str:
        self.user = str(self.resource.master_username)
        return json.dumps({"username": self.user, "password": _password()})

    # rotation

    def start(self, token: str) -> None:
        """Begin a rotation to the version `token`: AWSPENDING first stands on a version without a value."""
        with self.region.world.lock:
            if self._status in BUSY:
                raise invalid_request("A previous rotation isn't complete. That rotation will be reattempted.")
            self._status = "rotating"
            self.managed.versions[token] = labels.new(token, self.region.world.clock.now())
            labels.attach(self.managed.versions, labels.PENDING, token)
            touch(self.region, self.managed)
        self._begin(lambda: self._rotate(token))

    def _begin(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=f"master of {self.resource.arn}", daemon=True).start()

    def _create(self) -> None:
        self._wait_at("creating")
        held = labels.holder(self.managed.versions, labels.CURRENT) or ""
        self._set(json.loads(self.managed.versions[held]["secret_string"])["password"])
        self._status = "active"

    def _rotate(self, token: str) -> None:
        self._wait_at("before-database")
        if _orders.get(self.resource.arn, {}).get("impaired"):
            self._impair()
            return
        text = json.dumps({"username": self.user, "password": _password()})
        with self.region.world.lock:
            self.region.put(self.managed, token, [labels.PENDING], text, None)
        self._set(json.loads(text)["password"])
        self._wait_at("after-database")
        with self.region.world.lock:
            labels.attach(self.managed.versions, labels.CURRENT, token)
            labels.remove(self.managed.versions, labels.PENDING)
            self.managed.last_rotation_date = self.region.world.clock.now()  # pyright: ignore[reportAttributeAccessIssue]  # moto says int; AWS's dates carry milliseconds
            self._finished()
            self._status = "active"

    def _impair(self) -> None:
        """The version goes; the status stays until a rotation succeeds."""
        with self.region.world.lock:
            labels.remove(self.managed.versions, labels.PENDING)
            touch(self.region, self.managed)
            self._status = "impaired"

    def _finished(self) -> None:
        schedule.plan_next(self.managed, schedule.parse(self.managed.rules or EVERY), self.region.world.clock.now())
        touch(self.region, self.managed)

    def _wait_at(self, place: str) -> None:
        with _ordered:
            _ordered.wait_for(lambda: _orders.get(self.resource.arn, {}).get("hold") != place)

    def _set(self, password: str) -> None:
        """In the real database, as RDS itself does it; nowhere where none stands behind the instance."""
        if (server := _servers.get(self.resource.arn)) is None:
            return
        with as_root(server) as root:
            name = root.quote(self.user)
            if server.engine == "postgres":
                root.run(f"ALTER ROLE {name} PASSWORD '{password}'")
            else:
                root.run(f"ALTER USER {name}@'%' IDENTIFIED BY '{password}'")


def _password() -> str:
    return "".join(random_source.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


def install() -> None:
    """Let moto's RDS make masters of this kind."""
    moto.rds.models.MasterUserSecret = Master
