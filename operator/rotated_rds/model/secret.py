"""An AWS secret as DescribeSecret and ListSecrets show it, and what the spec wants of it: labels, owner, drift."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
OWNER_TAG = "rotated-rds.io/owner"
ADOPT_TAG = "rotated-rds.io/adopt"
CREATED_TAG = "rotated-rds.io/created-by"  # an owner's name, on what that owner made: the rest was taken over
MANAGED_BY_TAG, MANAGED_BY = "managed-by", "rotated-rds-operator"
_TOKENS = uuid.UUID("9d0f2c5e-51b1-5c4e-8a76-2f6c1b3f7a10")  # ours, for ever: tokens derive from it


@dataclass(frozen=True)
class Replica:
    """A copy in another Region. status: InSync, InProgress, Pending, Failed, Detached; message: AWS's words on it."""

    region: str
    status: str
    message: str = ""
    kms_key_id: str | None = None


@dataclass(frozen=True)
class SecretState:
    """A secret without its values. versions: labelled versions → their labels; an AWSPENDING one may hold no value yet."""

    arn: str
    name: str
    versions: Mapping[str, frozenset[str]]
    description: str = ""
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    rotation_enabled: bool = False
    function_arn: str | None = None
    rules: Mapping[str, object] = field(default_factory=dict[str, object])
    deleted_at: datetime | None = None
    owning_service: str | None = None
    last_rotated: datetime | None = None
    next_rotation: datetime | None = None
    created: datetime | None = None
    changed: datetime | None = None
    primary_region: str | None = None
    replicas: tuple[Replica, ...] = ()  # told by DescribeSecret alone
    rds_status: str | None = None  # SecretStatus of RDS's own secret, where RDS was asked: creating, active, rotating, impaired
    remembered: bool = False  # from our status, not from AWS

    def holder(self, label: str) -> str | None:
        """The version that carries a label."""
        return next((version for version, labels in self.versions.items() if label in labels), None)

    @property
    def current(self) -> str | None:
        return self.holder(CURRENT)

    @property
    def pending(self) -> str | None:
        return self.holder(PENDING)

    @property
    def previous(self) -> str | None:
        return self.holder(PREVIOUS)

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def owner(self) -> str | None:
        return self.tags.get(OWNER_TAG)


def name_in(arn: str) -> str:
    """The secret's name inside its ARN, which adds a hyphen and six characters."""
    return arn.split(":", 6)[6][:-7]


def token(place: str, cause: str, attempt: int) -> str:
    """ClientRequestToken and version id of one attempt at one cause (SAFETY.md A1).

    place: the secret's ARN; for its creation `account/Region/name`, as there is no ARN yet.
    """
    return str(uuid.uuid5(_TOKENS, f"{place}\n{cause}\n{attempt}"))


@dataclass(frozen=True)
class WantedSecret:
    """What the spec says of the secret itself; None and missing tags mean untouched.

    keeps_offer: the adoption tag stays on it, as it also allows the deletion.
    """

    description: str | None
    kms_key_id: str | None
    tags: Mapping[str, str]
    keeps_offer: bool = False


@dataclass(frozen=True)
class Repairs:
    """What differs in AWS from the spec: only what the spec names."""

    description: str | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    untag: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.description is not None, self.kms_key_id, self.tags, self.untag))


def drift(state: SecretState, wanted: WantedSecret) -> Repairs:
    """What to repair so that the secret is as the spec says."""
    return Repairs(
        wanted.description if wanted.description is not None and wanted.description != state.description else None,
        wanted.kms_key_id if wanted.kms_key_id and not same_key(wanted.kms_key_id, state.kms_key_id) else None,
        {key: value for key, value in wanted.tags.items() if state.tags.get(key) != value},
        (ADOPT_TAG,) if ADOPT_TAG in state.tags and not wanted.keeps_offer else (),
    )


def same_key(wanted: str, stored: str | None) -> bool:
    """A key may be named by id, alias or ARN; AWS stores what it was given."""
    return stored is not None and (wanted == stored or wanted.endswith(f"/{stored}") or stored.endswith(f"/{wanted}"))
