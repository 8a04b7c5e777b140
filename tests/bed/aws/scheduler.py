"""Starts rotations when their window opens, and lets deleted secrets go, by the bed's clock."""

import contextlib
import threading
import uuid
from dataclasses import dataclass

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import secretsmanager_backends

from tests.bed.aws import labels, lifecycle, masters, schedule
from tests.bed.aws.region import Region, World
from tests.bed.aws.rotation import Engine
from tests.bed.aws.secret import Secret

# A thread cannot wait for as long as a schedule may say.
_LONGEST_WAIT = 86_400.0


@dataclass
class Scheduler:
    world: World
    engine: Engine

    def __post_init__(self) -> None:
        threading.Thread(target=self._for_ever, name="schedule", daemon=True).start()

    def _for_ever(self) -> None:
        while True:
            with self.world.clock.moved:
                wait = _soonest() - self.world.clock.now()
                if wait > 0:
                    self.world.clock.moved.wait(min(wait, _LONGEST_WAIT))
            self.run_due()

    def run_due(self) -> None:
        """Start every rotation whose window has opened; a stuck one is attempted again with its own version."""
        with self.world.lock:
            now = self.world.clock.now()
            for region in _regions():
                lifecycle.purge(region, now)
            for region, secret in _planned():
                if secret.next_opens is not None and secret.next_opens <= now:
                    self._start(region, secret, now)

    def _start(self, region: Region, secret: Secret, now: float) -> None:
        """NextRotationDate is set anew by success alone: after failures it lies in the past."""
        secret.next_opens = schedule.next_window(schedule.parse(secret.rules or {}), now).opens
        if secret.owning_service is not None:
            with contextlib.suppress(JsonRESTError):  # one runs already
                masters.of(secret).start(str(uuid.uuid4()))
        elif not self.engine.running(secret.arn):
            pending = labels.holder(secret.versions, labels.PENDING)
            current = labels.holder(secret.versions, labels.CURRENT)
            self.engine.start(region, secret, pending if pending is not None and pending != current else str(uuid.uuid4()))


def _soonest() -> float:
    """The next moment at which there is something to do."""
    openings = [secret.next_opens for _, secret in _planned() if secret.next_opens is not None]
    return min(openings + [secret.deleted_date for secret in _secrets() if secret.deleted_date is not None], default=float("inf"))


def _regions() -> list[Region]:
    accounts = list(secretsmanager_backends.values())
    return [region for account in accounts for region in list(account.values()) if isinstance(region, Region)]


def _secrets() -> list[Secret]:
    return [secret for region in _regions() for secret in list(region.store.values()) if isinstance(secret, Secret)]


def _planned() -> list[tuple[Region, Secret]]:
    return [
        (region, secret)
        for region in _regions()
        for secret in list(region.store.values())
        if isinstance(secret, Secret) and secret.rotation_enabled and not secret.is_deleted()
    ]
