"""Secrets Manager: reads into SecretState, writes that may be repeated; never logs a value."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from rotated_rds.clients.aws import Absent, Aws, Exists
from rotated_rds.model.credential import SecretValue
from rotated_rds.model.document import entries, part, text
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, PENDING, Replica, SecretState

_SERVICE = "secretsmanager"


@dataclass(frozen=True)
class Version:
    """One version that holds a value, labelled or not."""

    id: str
    labels: frozenset[str]
    created: datetime


@dataclass(frozen=True)
class SecretsManager:
    """One account and Region's Secrets Manager, as far as a rotation needs it."""

    aws: Aws

    def describe(self, secret_id: str) -> SecretState | None:
        """Read a secret's state, never its value; None when there is none. Raises Refused, Unavailable."""
        try:
            return _state(self.aws.read(_SERVICE, "describe_secret", SecretId=secret_id))
        except Absent:
            return None

    def value(self, arn: str, version: str, label: str | None = None) -> SecretValue | None:
        """Read exactly one version, with `label` only while it carries it; None when it holds no value.

        Raises Refused (MalformedSecret too), Unavailable.
        """
        stage = {"VersionStage": label} if label else {}
        try:
            answer = self.aws.read(_SERVICE, "get_secret_value", SecretId=arn, VersionId=version, **stage)
        except Absent:
            return None
        return SecretValue.parse(str(answer.get("SecretString", "")))

    def versions(self, arn: str) -> Sequence[Version]:
        """All versions that hold a value, unlabelled ones too. Raises Refused, Unavailable."""
        found: list[Version] = []
        more: Mapping[str, object] = {}
        while True:
            answer = self.aws.read(_SERVICE, "list_secret_version_ids", SecretId=arn, IncludeDeprecated=True, **more)
            found += [Version(v["VersionId"], frozenset(v.get("VersionStages", [])), v["CreatedDate"]) for v in answer.get("Versions", [])]
            if not answer.get("NextToken"):
                return found
            more = {"NextToken": answer["NextToken"]}

    def create(
        self, name: str, token: str, value: SecretValue, *, tags: Mapping[str, str], description: str | None, kms_key_id: str | None
    ) -> str:
        """Create a secret with its first version; returns its ARN. Repeating it with the same token and value changes nothing.

        Raises Exists, Refused, Unavailable.
        """
        named = {"Description": description, "KmsKeyId": kms_key_id}
        answer = self.aws.write(
            _SERVICE,
            "create_secret",
            Name=name,
            ClientRequestToken=token,
            SecretString=value.text(),
            Tags=_pairs(tags),
            **{k: v for k, v in named.items() if v is not None},
        )
        return str(answer["ARN"])

    def put_pending(self, arn: str, token: str, value: SecretValue) -> bool:
        """Store a value as version `token`, labelled AWSPENDING; False when that version holds a value already.

        Raises Refused, Unavailable.
        """
        try:
            self.aws.write(
                _SERVICE, "put_secret_value", SecretId=arn, ClientRequestToken=token, SecretString=value.text(), VersionStages=[PENDING]
            )
        except Exists:
            return False
        return True

    def move_current(self, arn: str, *, to: str, from_: str) -> None:
        """Move AWSCURRENT, only if `from_` still holds it. Raises WrongState, Refused, NoAnswer, Unavailable."""
        self.move_label(arn, CURRENT, to=to, from_=from_)

    def move_label(self, arn: str, label: str, *, to: str, from_: str | None) -> None:
        """Put a label on a version, only if `from_` still holds it, or nobody. Raises WrongState, Refused, NoAnswer, Unavailable."""
        holder = {"RemoveFromVersionId": from_} if from_ else {}
        self.aws.write(_SERVICE, "update_secret_version_stage", SecretId=arn, VersionStage=label, MoveToVersionId=to, **holder)

    def take_off_pending(self, arn: str, version: str) -> None:
        """Take AWSPENDING off a version."""
        self.take_off(arn, PENDING, version)

    def take_off(self, arn: str, label: str, version: str) -> None:
        """Take a staging label off a version."""
        self.aws.write(_SERVICE, "update_secret_version_stage", SecretId=arn, VersionStage=label, RemoveFromVersionId=version)

    def update(self, arn: str, *, description: str | None, kms_key_id: str | None) -> None:
        named = {"Description": description, "KmsKeyId": kms_key_id}
        self.aws.write(_SERVICE, "update_secret", SecretId=arn, **{k: v for k, v in named.items() if v is not None})

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        self.aws.write(_SERVICE, "tag_resource", SecretId=arn, Tags=_pairs(tags))

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        self.aws.write(_SERVICE, "untag_resource", SecretId=arn, TagKeys=list(keys))

    def restore(self, arn: str) -> None:
        self.aws.write(_SERVICE, "restore_secret", SecretId=arn)

    def rotate(
        self, arn: str, *, function_arn: str | None, rules: Mapping[str, object], immediately: bool, token: str | None = None
    ) -> None:
        """Turn AWS's rotation on, or change it, or ask for one; `RotateImmediately` is always said.

        function_arn: None for a secret that RDS manages, which takes none. Raises WrongState, Refused, NoAnswer, Unavailable.
        """
        said = {"RotationLambdaARN": function_arn, "RotationRules": dict(rules), "ClientRequestToken": token}
        named = {key: value for key, value in said.items() if value}
        try:
            self.aws.write(_SERVICE, "rotate_secret", SecretId=arn, RotateImmediately=immediately, **named)
        except Absent:
            if function_arn is None:
                raise Unavailable(Reason.UNAVAILABLE, f"AWS secret {arn} is gone; looking again") from None
            raise Refused(
                Reason.FUNCTION_NOT_FOUND,
                f"spec.rotation.functionArn: AWS finds no function {function_arn}; create it, "
                "and let secretsmanager.amazonaws.com invoke it",
            ) from None

    def cancel_rotation(self, arn: str) -> None:
        """Turn AWS's rotation off; one under way stops where it is. Raises WrongState, Refused, NoAnswer, Unavailable."""
        self.aws.write(_SERVICE, "cancel_rotate_secret", SecretId=arn)

    def resource_policy(self, arn: str) -> str | None:
        """The secret's resource policy as AWS keeps it; None where there is none."""
        return text(self.aws.read(_SERVICE, "get_resource_policy", SecretId=arn), "ResourcePolicy")

    def put_resource_policy(self, arn: str, policy: str) -> None:
        """AWS refuses one that lets everybody in."""
        self.aws.write(_SERVICE, "put_resource_policy", SecretId=arn, ResourcePolicy=policy, BlockPublicPolicy=True)

    def replicate(self, arn: str, regions: Mapping[str, str | None]) -> None:
        """Copy the secret to more Regions, each under its key (None: AWS's own); another secret of its name there is never overwritten."""
        wanted = [{"Region": region} | ({"KmsKeyId": key} if key else {}) for region, key in regions.items()]
        self.aws.write(_SERVICE, "replicate_secret_to_regions", SecretId=arn, AddReplicaRegions=wanted, ForceOverwriteReplicaSecret=False)

    def remove_replicas(self, arn: str, regions: Sequence[str]) -> None:
        self.aws.write(_SERVICE, "remove_regions_from_replication", SecretId=arn, RemoveReplicaRegions=list(regions))

    def delete(self, arn: str, window: int) -> None:
        """Schedule the deletion. window: days in which it can be restored; 0 deletes at once and for good."""
        how = {"RecoveryWindowInDays": window} if window else {"ForceDeleteWithoutRecovery": True}
        with contextlib.suppress(Absent):
            self.aws.write(_SERVICE, "delete_secret", SecretId=arn, **how)

    def sweep(self, filters: Sequence[Mapping[str, object]]) -> Iterator[SecretState]:
        """Every secret that the filters let through, 100 a call. It may lag: it nominates, it never decides."""
        more: Mapping[str, object] = {}
        while True:
            answer = self.aws.read(_SERVICE, "list_secrets", MaxResults=100, Filters=list(filters), **more)
            yield from (_state(entry) for entry in answer.get("SecretList", []))
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _state(answer: Mapping[str, Any]) -> SecretState:
    """DescribeSecret's answer or a ListSecrets entry; they differ in one key."""
    versions = cast("Mapping[str, Sequence[str]]", answer.get("VersionIdsToStages") or answer.get("SecretVersionsToStages") or {})
    return SecretState(
        arn=answer["ARN"],
        name=answer["Name"],
        versions={version: frozenset(labels) for version, labels in versions.items() if labels},
        description=answer.get("Description", ""),
        kms_key_id=answer.get("KmsKeyId"),
        tags={tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])},
        rotation_enabled=bool(answer.get("RotationEnabled")),
        function_arn=answer.get("RotationLambdaARN"),
        rules=part(answer, "RotationRules"),
        deleted_at=answer.get("DeletedDate"),
        owning_service=answer.get("OwningService"),
        last_rotated=answer.get("LastRotatedDate"),
        next_rotation=answer.get("NextRotationDate"),
        created=answer.get("CreatedDate"),
        changed=answer.get("LastChangedDate"),
        primary_region=answer.get("PrimaryRegion"),
        replicas=tuple(
            Replica(str(one["Region"]), str(one.get("Status", "")), str(one.get("StatusMessage", "")), one.get("KmsKeyId"))
            for one in entries(answer, "ReplicationStatus")
        ),
    )
