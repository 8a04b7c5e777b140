"""What each secret looked like a while ago: the ground for stale reads."""

import contextlib
import copy
import time
from collections.abc import Generator
from contextvars import ContextVar
from dataclasses import dataclass, field

from tests.bed.aws.secret import Secret

KEPT_SECONDS = 900.0

_as_of: ContextVar[float | None] = ContextVar("as_of", default=None)


@contextlib.contextmanager
def seen_as_of(moment: float | None) -> Generator[None]:
    """Let reads in this block see the world as it was at a moment of the monotonic clock; None: as it is."""
    token = _as_of.set(moment)
    try:
        yield
    finally:
        _as_of.reset(token)


def as_of() -> float | None:
    return _as_of.get()


@dataclass
class History:
    """Copies of one Region's secrets by name, oldest first; None stands for "there was none"."""

    _copies: dict[str, list[tuple[float, Secret | None]]] = field(default_factory=dict[str, list[tuple[float, Secret | None]]])

    def record(self, name: str, secret: Secret | None) -> Secret | None:
        """Keep a copy as of now; the answer is the copy before it."""
        copies = self._copies.setdefault(name, [(0.0, None)])
        before = copies[-1][1]
        copies.append((time.monotonic(), None if secret is None else frozen(secret)))
        horizon = time.monotonic() - KEPT_SECONDS
        while len(copies) > 2 and copies[1][0] < horizon:
            del copies[0]
        return before

    def at(self, name: str, moment: float) -> Secret | None:
        return next((secret for when, secret in reversed(self._copies.get(name, [])) if when <= moment), None)

    def all_at(self, moment: float) -> list[Secret]:
        return [secret for name in list(self._copies) if (secret := self.at(name, moment)) is not None]


def frozen(secret: Secret) -> Secret:
    """A copy that later writes do not reach."""
    twin = copy.copy(secret)
    twin.versions = {key: {**version, "version_stages": list(version["version_stages"])} for key, version in secret.versions.items()}
    twin.tags = copy.deepcopy(secret.tags)
    return twin
