"""Why something cannot go on: the Reason names of the public contract, and three classes for three answers."""

from enum import StrEnum


class Reason(StrEnum):
    """Condition and Event reasons, spelled as in the public contract."""

    # true or waiting
    SUCCEEDED = "Succeeded"
    PENDING = "Pending"
    HELD_BACK = "HeldBack"
    NO_WORKLOADS = "NoWorkloads"
    # on any condition
    NOT_ALLOWED = "NotAllowed"
    INVALID_SPEC = "InvalidSpec"
    ACCESS_DENIED = "AccessDenied"
    INVALID_PARAMETER = "InvalidParameter"
    UNAVAILABLE = "Unavailable"
    # DatabaseResolved
    DATABASE_NOT_FOUND = "DatabaseNotFound"
    UNSUPPORTED_ENGINE = "UnsupportedEngine"
    # SecretReady
    NOT_ADOPTED = "NotAdopted"
    OWNED_BY_ANOTHER = "OwnedByAnother"
    USER_CONFLICT = "UserConflict"
    SCHEDULED_FOR_DELETION = "ScheduledForDeletion"
    SECRET_DELETED_IN_AWS = "SecretDeletedInAWS"  # noqa: S105  a reason's name, no password
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  likewise
    INITIAL_PASSWORD_MISSING = "InitialPasswordMissing"  # noqa: S105  likewise
    USER_NOT_FOUND = "UserNotFound"
    REPLICATION_FAILED = "ReplicationFailed"
    # RotationReady
    FUNCTION_NOT_FOUND = "FunctionNotFound"
    STACK_FAILED = "StackFailed"
    ROTATION_FAILED = "RotationFailed"
    ROTATION_OVERDUE = "RotationOverdue"
    ROLLED_BACK = "RolledBack"
    PENDING_FOREIGN = "PendingForeign"
    ROTATION_OWNED_BY_AWS = "RotationOwnedByAWS"
    UNSUPPORTED_STRATEGY = "UnsupportedStrategy"
    OWNERSHIP_SPLIT = "OwnershipSplit"
    CLONE_CONFLICT = "CloneConflict"
    USER_MISMATCH = "UserMismatch"
    HOST_MASK_UNKNOWN = "HostMaskUnknown"
    ACCOUNT_UNUSABLE = "AccountUnusable"
    PASSWORD_POLICY = "PasswordPolicy"  # noqa: S105  likewise
    PASSWORD_RESTRICTED = "PasswordRestricted"  # noqa: S105  likewise
    ADMIN_MISMATCH = "AdminMismatch"
    ADMIN_REFUSED = "AdminRefused"
    ADMIN_INSUFFICIENT = "AdminInsufficient"
    # CredentialVerified
    LOGIN_FAILED = "LoginFailed"
    RECONCILING = "Reconciling"
    UNREACHABLE = "Unreachable"
    TLS_FAILED = "TLSFailed"
    MALFORMED_SECRET = "MalformedSecret"  # noqa: S105  likewise
    LOGIN_RESTRICTED = "LoginRestricted"
    ENDPOINT_BEHIND = "EndpointBehind"
    SERVER_BUSY = "ServerBusy"
    # Mirrored
    TARGET_CONFLICT = "TargetConflict"
    TEMPLATE_FAILED = "TemplateFailed"
    FORBIDDEN = "Forbidden"
    REJECTED = "Rejected"
    # WorkloadsCurrent
    ROLLING = "Rolling"
    ROLLOUT_FAILED = "RolloutFailed"
    HALTED = "Halted"
    RESTART_REVERTED = "RestartReverted"


def known_reason(text: str) -> Reason:
    """A reason as status has it; Pending for one of another version, or of somebody else."""
    try:
        return Reason(text)
    except ValueError:
        return Reason.PENDING


class Problem(Exception):
    """Why a stage could not finish. Its text is shown to whoever may read the resource: no credential, ever."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def message(self) -> str:
        return str(self)


class Refused(Problem):
    """The world said no and will say so again: no retry until something changes."""


class Unavailable(Problem):
    """The world did not answer, or not yet: retried with back-off."""
