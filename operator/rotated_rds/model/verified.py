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
