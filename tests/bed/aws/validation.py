"""Correction 6: what Secrets Manager refuses before it does anything."""

import base64
import re
from collections.abc import Sequence
from typing import Any

from moto.kms.models import kms_backends

from tests.bed.aws.errors import Refusal, invalid_parameter, invalid_request, validation
from tests.bed.aws.secret import Secret

OWN_KEYS = (None, "alias/aws/secretsmanager", "aws/secretsmanager")
MOST_BYTES = 65_536
MOST_TAGS = 50

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]+")
_ROTATION_TOKEN = re.compile(r"[A-Za-z0-9-]{36,256}")

Tags = Sequence[dict[str, str]]


def name(wanted: str) -> None:
    if not 1 <= len(wanted) <= 512:
        raise validation("Value at 'name' failed to satisfy constraint: Member must have length between 1 and 512")
    if not _NAME.fullmatch(wanted):
        raise invalid_parameter("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")


def token(wanted: str | None) -> None:
    if wanted is not None and not 32 <= len(wanted) <= 64:
        raise invalid_parameter("ClientRequestToken must be 32-64 characters long.")


def rotation_token(wanted: str | None) -> None:
    if wanted is not None and not _ROTATION_TOKEN.fullmatch(wanted):
        raise validation("Value at 'rotationToken' failed to satisfy constraint: 36 to 256 letters, digits and hyphens")


def value(text: str | None, binary: str | None, *, needed: bool) -> None:
    """A value is text or bytes, 1 to 65,536 bytes long."""
    if text is not None and binary is not None:
        raise invalid_parameter("You can't specify both a binary secret value and a string secret value in the same secret.")
    if text is None and binary is None:
        if needed:
            raise invalid_request("You must provide either SecretString or SecretBinary.")
        return
    size = len(text.encode()) if text is not None else len(base64.b64decode(binary or ""))
    if not 1 <= size <= MOST_BYTES:
        raise validation(f"Value at 'secretString' failed to satisfy constraint: Member must have length between 1 and {MOST_BYTES}")


def description(wanted: str | None) -> None:
    if wanted is not None and len(wanted) > 2048:
        raise validation("Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 2048")


def stages(wanted: Sequence[str]) -> None:
    if not 1 <= len(wanted) <= 20 or not all(1 <= len(label) <= 256 for label in wanted):
        raise validation("Value at 'versionStages' failed to satisfy constraint: 1 to 20 labels of 1 to 256 characters")


def tags(wanted: Tags, *, already: Tags = ()) -> None:
    """Keys 1-128, values 0-256, none of AWS's own prefix, at most 50 on one secret."""
    for tag in wanted:
        key, text = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= 128 or len(text) > 256:
            raise validation(f"Tag {key[:40]!r} failed to satisfy constraint: key 1 to 128, value 0 to 256 characters")
        _own_tag(key)
    if len({tag["Key"] for tag in wanted}) < len(wanted):
        raise invalid_parameter("Duplicate tag keys found.")
    if len({tag["Key"] for tag in (*already, *wanted)}) > MOST_TAGS:
        raise invalid_parameter(f"A secret can have at most {MOST_TAGS} tags.")


def untag(keys: Sequence[str]) -> None:
    for key in keys:
        _own_tag(key)


def _own_tag(key: str) -> None:
    if key.lower().startswith("aws:"):
        raise invalid_parameter("Tag keys that start with aws: are reserved for AWS use.")


def kms_key(account: str, region: str, wanted: str | None) -> None:
    """The key must be known and usable: the AWS managed one, or one that stands in the bed's KMS."""
    if wanted in OWN_KEYS or (wanted or "").endswith(":alias/aws/secretsmanager"):
        return
    backend = kms_backends[account][region]
    key_id = (wanted or "").rpartition(":key/")[2].rpartition(":alias/")[2] if wanted and wanted.startswith("arn:") else wanted or ""
    alias = key_id if key_id.startswith("alias/") else f"alias/{key_id}"
    found = backend.keys.get(key_id) or backend.keys.get(backend.get_key_id_from_alias(alias) or "")
    if found is None or found.key_state != "Enabled":
        raise Refusal("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key.")


def not_managed(secret: Secret) -> None:
    """Only the owning service writes to a managed secret."""
    if secret.owning_service is not None:
        raise invalid_request(f"You can't perform this operation on the secret because it is managed by {secret.owning_service}.")


def recovery(window: int | None, *, force: bool) -> None:
    if window is not None and force:
        raise invalid_parameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
    if window is not None and not 7 <= window <= 30:
        raise invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")


def batch(asked: dict[str, Any]) -> None:
    """BatchGetSecretValue takes up to 20 ids or filters, never both; MaxResults goes with filters only."""
    ids, filters, most = asked.get("SecretIdList"), asked.get("Filters"), asked.get("MaxResults")
    if bool(ids) == bool(filters):
        raise invalid_parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if ids and len(ids) > 20:
        raise validation("Value at 'secretIdList' failed to satisfy constraint: Member must have length less than or equal to 20")
    if most is not None and not filters:
        raise invalid_parameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
    if most is not None and not 1 <= most <= 20:
        raise validation("Value at 'maxResults' failed to satisfy constraint: Member must have value between 1 and 20")
