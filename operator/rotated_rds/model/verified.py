"""A version that may be published: it logged in, now or before; its content is read only by who must write it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rotated_rds.model.credential import Credential


@dataclass(frozen=True)
class Verified:
    """read: whether its value was read in this pass. changed_at: when AWS's label moved to it, where that is known."""

    version: str
    credential: Callable[[], Credential]
    read: bool
    username: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Current:
    """The version under AWSCURRENT. proven: its credential, when it logged in during this very pass, at the end of a rotation of ours."""

    version: str
    proven: Credential | None = None
    moved_at: datetime | None = None
    pending_since: datetime | None = None


@dataclass(frozen=True)
class Published:
    """The version that the Kubernetes Secret holds, and since when. replaced: it took another version's place."""

    version: str
    at: datetime
    replaced: bool
