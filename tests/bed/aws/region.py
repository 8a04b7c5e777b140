"""One account's Secrets Manager in one Region: moto's backend, whose secrets are found fast, remembered, and announced."""

import threading
import uuid
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Protocol, cast

from moto.secretsmanager import urls
from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend, SecretsStore, secretsmanager_backends

from tests.bed.aws import labels, schedule
from tests.bed.aws.clock import Clock
from tests.bed.aws.errors import invalid_parameter, marked_deleted, not_found
from tests.bed.aws.history import History, as_of
from tests.bed.aws.secret import Secret, names_of


class Announces(Protocol):
    """Whoever tells the world that a label has moved."""

    def label_moved(self, region: "Region", secret: Secret, label: str, version_id: str) -> None: ...


@dataclass
class World:
    """What all Regions share. `lock` guards every secret; it is never held while a fault delays or holds an answer."""

    announcer: Announces
    clock: Clock = field(default_factory=Clock)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Store(SecretsStore):
    """moto's, which walks through all secrets to find one; by their keys they are found at once."""

    def named(self, key: str) -> FakeSecret | ReplicaSecret | None:
        """The secret of exactly that name (a replica's key is its ARN)."""
        return super(SecretsStore, self).get(key)

    def drop(self, key: str) -> None:
        super(SecretsStore, self).pop(key, None)


class Region(SecretsManagerBackend):
    """moto's backend with look-up by index, a memory for stale reads, and an announcement of each label that moved."""

    world: ClassVar[World]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.history = History()
        self.store = Store()
        self.secrets = self.store

    @property
    def _url_module(self) -> ModuleType:
        """moto looks for it beside the class."""
        return urls

    def stored(self, secret_id: str) -> Secret | ReplicaSecret:
        """The secret of that name, ARN or partial ARN, whatever its state. Raises ResourceNotFoundException."""
        for name in names_of(secret_id):
            found = self.store.named(name)
            if isinstance(found, Secret) and _is_meant(found, name, secret_id):
                return found
        replica = self.store.named(secret_id) or next((one for one in self._replicas() if one.name == secret_id), None)
        if isinstance(replica, ReplicaSecret):
            return replica
        raise not_found()

    def _replicas(self) -> list[ReplicaSecret]:
        return [one for one in self.store.values() if isinstance(one, ReplicaSecret)]

    def primary(self, secret_id: str) -> Secret:
        """The secret for a change of its settings. Raises ResourceNotFoundException, InvalidParameterException on a replica."""
        found = self.stored(secret_id)
        if isinstance(found, ReplicaSecret):
            raise invalid_parameter("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
        return found

    def writable(self, secret_id: str) -> Secret:
        """The secret for a write; one that is marked for deletion refuses."""
        found = self.primary(secret_id)
        if found.is_deleted():
            raise marked_deleted()
        return found

    def seen(self, secret_id: str) -> tuple[Secret, ReplicaSecret | None]:
        """The secret for a read, as this call may see it, and the replica through which it was asked for."""
        moment = as_of()
        if moment is None:
            found = self.stored(secret_id)
            return (_source(found), found) if isinstance(found, ReplicaSecret) else (found, None)
        for name in names_of(secret_id):
            past = self.history.at(name, moment)
            if past is not None and _is_meant(past, name, secret_id):
                return past, None
        raise not_found()

    def all_seen(self) -> list[Secret]:
        """Every secret for ListSecrets, as this call may see them."""
        if (moment := as_of()) is not None:
            return self.history.all_at(moment)
        return [one for one in self.store.values() if isinstance(one, Secret)]

    def changed(self, secret: Secret) -> None:
        """Call after every change: keeps moto's own pointer true, remembers, and announces labels that moved."""
        secret.default_version_id = labels.holder(secret.versions, labels.CURRENT)
        before = self.history.record(secret.name, secret)
        if before is not None and before.arn == secret.arn and before.default_version_id != secret.default_version_id:
            schedule.count_as_rotation(secret, self.world.clock.now())
        old = {} if before is None or before.arn != secret.arn else before.versions
        for version_id, version in secret.versions.items():
            for label in version["version_stages"]:
                if label not in (labels.PENDING, labels.PREVIOUS) and labels.holder(old, label) != version_id:
                    self.world.announcer.label_moved(self, secret, label, version_id)

    def forget(self, secret: Secret) -> None:
        """The secret is gone for good, its name free."""
        self.store.drop(secret.name)
        self.history.record(secret.name, None)

    def add(self, name: str, **settings: Any) -> Secret:
        """A new secret without any version."""
        now: Any = self.world.clock.now()  # moto says int; AWS's dates carry milliseconds
        dates = {"created_date": now, "last_changed_date": now}
        secret = cast("Secret", Secret(self.account_id, self.region_name, name, {}, "", **dates, **settings))
        self.store[name] = secret
        return secret

    def _add_secret(  # noqa: PLR0913, PLR0917 - moto's own signature, through which its RDS part makes managed secrets
        self,
        secret_id: str,
        secret_string: str | None = None,
        secret_binary: str | None = None,
        description: str | None = None,
        tags: list[dict[str, str]] | None = None,
        kms_key_id: str | None = None,
        version_id: str | None = None,
        version_stages: list[str] | None = None,
        replica_regions: list[dict[str, str]] | None = None,
        force_overwrite: bool = False,
    ) -> tuple[FakeSecret, bool]:
        del version_stages
        secret = self.add(
            secret_id,
            description=description,
            tags=tags,
            kms_key_id=kms_key_id,
            replica_regions=replica_regions,
            force_overwrite=force_overwrite,
        )
        self.put(secret, version_id or str(uuid.uuid4()), [labels.CURRENT], secret_string, secret_binary)
        return secret, True

    def put(self, secret: Secret, version_id: str, stages: list[str], text: str | None, binary: str | None) -> None:
        """Give a version its value, which it keeps for ever, and its labels; the first value of all becomes AWSCURRENT."""
        first = not any(labels.has_value(version) for version in secret.versions.values())
        now = self.world.clock.now()
        version = secret.versions.setdefault(version_id, labels.new(version_id, now))
        version["createdate"] = now
        version |= {"secret_string": text} if text is not None else {"secret_binary": binary}
        labels.attach_all(secret.versions, [*stages, *([labels.CURRENT] if first else [])], version_id)
        secret.last_changed_date = now  # pyright: ignore[reportAttributeAccessIssue]  # moto says int; AWS's dates carry milliseconds
        self.changed(secret)


def _is_meant(secret: Secret, name: str, secret_id: str) -> bool:
    """A full ARN means one secret only: a re-created one has another suffix."""
    return secret_id in (name, secret.arn) or (secret_id.endswith(f":secret:{name}") and secret.arn.startswith(f"{secret_id}-"))


def _source(replica: ReplicaSecret) -> Secret:
    source = replica.source
    if not isinstance(source, Secret):
        raise TypeError(f"{source.name} was not made by the bed")
    return source


def region_of(account: str, region: str) -> Region:
    backend = secretsmanager_backends[account][region]
    if not isinstance(backend, Region):
        raise TypeError("moto's own backend is in place: call install() first")
    return backend


def install(world: World) -> None:
    """Let moto make Regions of this kind, and none of its own."""
    Region.world = world
    secretsmanager_backends.clear()
    secretsmanager_backends.backend = Region  # pyright: ignore[reportAttributeAccessIssue]  # the dict keeps the class that it makes entries of
