"""How a secret looks from outside: DescribeSecret and the entries of ListSecrets."""

from typing import Any

from moto.secretsmanager.models import ReplicaSecret

from tests.bed.aws import labels, validation
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret


def describe(region: Region, asked: dict[str, Any]) -> dict[str, Any]:
    """DescribeSecret; works on a secret that is marked for deletion, too."""
    secret, replica = region.seen(asked["SecretId"])
    shown = _common(secret) | {"VersionIdsToStages": labels.labelled(secret.versions) or None}
    if replica is not None:
        shown |= _as_replica(secret, replica)
    elif secret.replicas:
        shown |= {"PrimaryRegion": secret.region, "ReplicationStatus": [one.config for one in secret.replicas]}
    return {key: value for key, value in shown.items() if value is not None}


def entry(secret: Secret) -> dict[str, Any]:
    """One secret of ListSecrets."""
    shown = _common(secret) | {"SecretVersionsToStages": labels.labelled(secret.versions) or None}
    return {key: value for key, value in shown.items() if value is not None}


def _as_replica(secret: Secret, replica: ReplicaSecret) -> dict[str, Any]:
    return {"ARN": replica.arn, "PrimaryRegion": secret.region, "RotationLambdaARN": None}


def _common(secret: Secret) -> dict[str, Any]:
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description or None,
        "KmsKeyId": None if secret.kms_key_id in validation.OWN_KEYS else secret.kms_key_id,
        "RotationEnabled": secret.rotation_enabled if secret.rotation_requested else None,
        "RotationLambdaARN": secret.rotation_lambda_arn or None,
        "RotationRules": _rules(secret),
        "LastRotatedDate": secret.last_rotation_date,
        "NextRotationDate": secret.next_rotation_date if secret.rotation_enabled else None,
        "LastChangedDate": secret.last_changed_date,
        "LastAccessedDate": secret.last_accessed,
        "CreatedDate": secret.created_date,
        "DeletedDate": secret.deleted_date,
        "OwningService": secret.owning_service,
        "Tags": secret.tags or None,
    }


def _rules(secret: Secret) -> dict[str, Any] | None:
    """The rules as given; AWS adds AutomaticallyAfterDays to an expression after a successful rotation."""
    if secret.rules is None or secret.days_between is None or "AutomaticallyAfterDays" in secret.rules:
        return secret.rules
    return {"AutomaticallyAfterDays": secret.days_between, **secret.rules}
