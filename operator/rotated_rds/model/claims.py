"""One resource a user: which resource writes for which database user at which endpoint (SAFETY.md A5)."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rotated_rds.model.alternating import clone_of
from rotated_rds.model.document import part, text
from rotated_rds.model.resource import Key
from rotated_rds.model.spec import Strategy


@dataclass(frozen=True)
class Claim:
    """places: the endpoint's `host:port` as written, and its resolved `ip:port`s. seed: told by status alone, not resolved yet.

    clone: the second user of AlternatingUsers.
    """

    key: Key
    created: datetime
    user: str
    places: frozenset[str]
    seed: bool = False
    clone: str | None = None

    @property
    def users(self) -> frozenset[str]:
        return frozenset({self.user} | ({self.clone} if self.clone else set()))

    def older_than(self, other: "Claim") -> bool:
        return (self.created, self.key) < (other.created, other.key)


@dataclass
class Claims:
    """The claims of all writing resources that were seen."""

    _claims: dict[Key, Claim] = field(default_factory=dict[Key, Claim])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stake(self, claim: Claim) -> Claim | None:
        """Record a claim; returns the older one that it collides with."""
        with self._lock:
            self._claims[claim.key] = claim
            return rival(claim, self._claims.values())

    def seed(self, key: Key, body: Mapping[str, Any]) -> None:
        """What a resource's own status says of its claim, before its first pass: so that the older one is known after a start."""
        database, method = part(body, "status", "database"), text(body, "spec", "rotation", "method")
        user = text(body, "status", "username") if method == "RDSManaged" else text(body, "spec", "user", "name")
        if not database or not user or method == "External":
            return
        place = frozenset({f"{database['host']}:{database['port']}".lower()})
        turns = Strategy.ALTERNATING_USERS in (text(body, block, "rotation", "strategy") for block in ("spec", "status"))
        clone = clone_of(user) if turns else None
        claim = Claim(key, datetime.fromisoformat(body["metadata"]["creationTimestamp"]), user, place, seed=True, clone=clone)
        with self._lock:
            self._claims.setdefault(key, claim)

    def seeds_before(self, claim: Claim) -> Sequence[Claim]:
        """Older claims for the same user that are known by one name only."""
        with self._lock:
            return [
                one
                for one in self._claims.values()
                if one.seed and one.users & claim.users and one.key != claim.key and one.older_than(claim)
            ]

    def complete(self, seed: Claim, places: frozenset[str]) -> None:
        """What a seed's name resolves to; what its own pass said meanwhile stands."""
        with self._lock:
            if self._claims.get(seed.key) == seed:
                self._claims[seed.key] = replace(seed, places=seed.places | places, seed=False)

    def drop(self, key: Key) -> None:
        with self._lock:
            self._claims.pop(key, None)


def rival(claim: Claim, claims: Iterable[Claim]) -> Claim | None:
    """The oldest other claim for the same user, or its clone, in the same place that was there first."""
    same = [one for one in claims if one.key != claim.key and one.users & claim.users and one.places & claim.places]
    oldest = min(same, key=lambda one: (one.created, one.key), default=None)
    return oldest if oldest and oldest.older_than(claim) else None
