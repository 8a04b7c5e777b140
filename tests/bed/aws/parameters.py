"""What of a request's parameters stands in the book: those named here and no others, so that no value of a secret ever does."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

SHOWN = frozenset(
    {
        *("Description", "KmsKeyId", "Tags", "TagKeys", "AddReplicaRegions", "RemoveReplicaRegions", "ResourcePolicy", "BlockPublicPolicy"),
        *("ClientRequestToken", "VersionId", "VersionStage", "VersionStages", "MoveToVersionId", "RemoveFromVersionId"),
        *("RotationLambdaARN", "RotationRules", "RotateImmediately", "RecoveryWindowInDays", "ForceDeleteWithoutRecovery"),
        *("DBInstanceIdentifier", "DBClusterIdentifier", "QueueUrl"),
        *("StackName", "ChangeSetName", "ChangeSetType", "Capabilities", "RoleARN", "Parameters"),
    }
)


def shown(body: bytes) -> dict[str, Any]:
    """A request's parameters by name, of JSON or of the query protocol (there `Tags.member.1.Key`); what cannot be read has none."""
    text = body.decode(errors="replace")
    try:
        asked: object = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    except ValueError:
        return {}
    return {name: value for name, value in asked.items() if name.partition(".")[0] in SHOWN} if isinstance(asked, Mapping) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # JSON
