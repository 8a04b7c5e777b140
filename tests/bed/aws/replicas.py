"""Replicas: a copy in another Region, under its own key; a Region that cannot have one fails alone and says why."""

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import ReplicaSecret

from tests.bed.aws import validation
from tests.bed.aws.errors import invalid_parameter
from tests.bed.aws.region import Region, region_of
from tests.bed.aws.secret import Secret
from tests.bed.aws.values import touch

Asked = dict[str, Any]


def replicate(region: Region, asked: Asked) -> Asked:
    """ReplicateSecretToRegions. A Region whose copy failed may be named again; one that has its copy may not."""
    secret = region.writable(asked["SecretId"])
    validation.not_managed(secret)
    wanted: list[dict[str, str]] = asked.get("AddReplicaRegions") or []
    for one in wanted:
        if one["Region"] == region.region_name:
            raise invalid_parameter(f"Invalid replica region {one['Region']}: it is the secret's own.")
        if any(copy.region == one["Region"] and copy.has_replica for copy in secret.replicas):
            raise invalid_parameter(f"The secret is replicated to {one['Region']} already.")
    for one in wanted:
        secret.replicas = [copy for copy in secret.replicas if copy.region != one["Region"]]
        secret.replicas.append(_copy(region, secret, one, force=bool(asked.get("ForceOverwriteReplicaSecret"))))
    touch(region, secret)
    return {"ARN": secret.arn, "ReplicationStatus": [copy.config for copy in secret.replicas]}


def _copy(region: Region, secret: Secret, wanted: dict[str, str], *, force: bool) -> ReplicaSecret:
    there = region_of(region.account_id, wanted["Region"])
    fault = None if force else _fault(there, secret, wanted.get("KmsKeyId"))
    copy = ReplicaSecret(secret, wanted["Region"], "Failed" if fault else None, fault)
    if "KmsKeyId" in wanted:
        copy.config["KmsKeyId"] = wanted["KmsKeyId"]
    if not fault:
        there.store.drop(secret.name)
        there.store[copy.arn] = copy  # pyright: ignore[reportArgumentType]  # moto keeps replicas beside secrets
    return copy


def _fault(there: Region, secret: Secret, key: str | None) -> str | None:
    if there.store.named(secret.name) is not None:
        return f"Replication failed: Secret name {secret.name} already exists in region {there.region_name}."
    try:
        validation.kms_key(there.account_id, there.region_name, key)
    except JsonRESTError as error:
        return f"Replication failed: {error.message}"
    return None


def remove(region: Region, asked: Asked) -> Asked:
    """RemoveRegionsFromReplication: the copies are gone."""
    secret = region.writable(asked["SecretId"])
    wanted: list[str] = asked.get("RemoveReplicaRegions") or []
    for copy in [one for one in secret.replicas if one.region in wanted]:
        region_of(region.account_id, copy.region).store.drop(copy.arn)
        secret.replicas.remove(copy)
    touch(region, secret)
    return {"ARN": secret.arn, "ReplicationStatus": [copy.config for copy in secret.replicas]}
