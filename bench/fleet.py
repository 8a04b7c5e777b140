"""A thousand resources, each following an AWS secret of its own; every version holds a login that works."""

import json
import random
import secrets
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bed.api import Api, ApiError
from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.bed.progress import Say
from tests.support.aws import Aws
from tests.support.databases import new_user

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

NAMESPACES, USERS = 10, 20
PREFIX = "bench/"
_GROUP = "/apis/rotated-rds.io/v1alpha1/namespaces"


@dataclass(frozen=True)
class Member:
    """One resource: its place in the cluster and its AWS secret."""

    namespace: str
    name: str
    number: int

    @property
    def secret(self) -> str:
        return f"{PREFIX}{self.namespace}/{self.name}"

    @property
    def place(self) -> tuple[str, str]:
        return self.namespace, self.name


@dataclass(frozen=True)
class Change:
    """One move of AWSCURRENT. at: just before it was asked for, on the monotonic clock; wall: the same on the wall's."""

    member: Member
    version: str
    user: str
    at: float
    wall: float


@dataclass
class Fleet:
    """Members, the database's users, and which of its two users each member's AWSCURRENT names."""

    api: Api
    aws: Aws
    database: Facts
    size: int
    members: Sequence[Member] = field(init=False)
    passwords: dict[str, str] = field(default_factory=lambda: {f"bench{n:02}": f"Pw-{secrets.token_hex(12)}" for n in range(USERS)})
    current: dict[Member, str] = field(default_factory=dict[Member, str])
    _client: "SecretsManagerClient | None" = None

    def __post_init__(self) -> None:
        self.members = [Member(f"bench-{n % NAMESPACES}", f"db-{n:04}", n) for n in range(self.size)]

    @property
    def client(self) -> "SecretsManagerClient":
        self._client = self._client or self.aws.secretsmanager()
        return self._client

    def build(self, say: Say) -> None:
        """Users, secrets, namespaces, resources; nobody follows them yet."""
        for user, password in self.passwords.items():
            new_user(self.database, user, password)
        say(f"bench: {len(self.members)} AWS secrets")
        for member in self.members:  # one at a time: moto's own CreateSecret races (KOPF.md 8)
            self.current[member] = _users_of(member)[0]
            self.client.create_secret(Name=member.secret, SecretString=self._value(self.current[member]))
        for namespace in sorted({member.namespace for member in self.members}):
            self.api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        self.apply(say)

    def apply(self, say: Say) -> None:
        say(f"bench: {len(self.members)} resources")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._create, self.members))

    def clear(self) -> None:
        """Delete the resources and, by their owner references, the Secrets; the AWS secrets stay."""
        for namespace in sorted({member.namespace for member in self.members}):
            self.api.call("DELETE", f"{_GROUP}/{namespace}/rotatedrdssecrets")
            self.api.call("DELETE", f"/api/v1/namespaces/{namespace}/secrets")
            self.api.call("DELETE", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
            until(
                f"{namespace} is empty",
                lambda namespace=namespace: not self.api.call("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"],
            )

    def change(self, member: Member) -> Change:
        """A new version under AWSCURRENT, with the member's other user."""
        one, other = _users_of(member)
        user = other if self.current[member] == one else one
        version = str(uuid.uuid4())
        at, wall = time.monotonic(), time.time()
        self.client.put_secret_value(SecretId=member.secret, ClientRequestToken=version, SecretString=self._value(user))
        self.current[member] = user
        return Change(member, version, user, at, wall)

    def some(self, count: int, seed: int) -> list[Member]:
        """So many different members, in an order that is the same in every run."""
        return random.Random(seed).sample(list(self.members), count)  # noqa: S311  not for secrecy

    def _create(self, member: Member) -> None:
        body = self._resource(member)
        try:
            self.api.call("POST", f"{_GROUP}/{member.namespace}/rotatedrdssecrets", body)
        except ApiError as error:
            if error.code != 409:
                raise

    def _resource(self, member: Member) -> dict[str, Any]:
        database = {"host": "localhost", "engine": self.database["engine"], "port": self.database["port"], "name": "app"}
        return {
            "apiVersion": "rotated-rds.io/v1alpha1",
            "kind": "RotatedRDSSecret",
            "metadata": {"name": member.name, "namespace": member.namespace},
            "spec": {"database": database, "secret": {"name": member.secret}, "rotation": {"method": "External"}},
        }

    def _value(self, user: str) -> str:
        place = {"engine": "postgres", "host": "localhost", "port": self.database["port"], "dbname": "app"}
        return json.dumps({**place, "username": user, "password": self.passwords[user]})


def _users_of(member: Member) -> tuple[str, str]:
    return f"bench{member.number % USERS:02}", f"bench{(member.number + 1) % USERS:02}"
