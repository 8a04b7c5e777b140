"""Deleting, restoring and tagging secrets."""

from typing import Any

from moto.core.exceptions import JsonRESTError

from tests.bed.aws import validation
from tests.bed.aws.errors import invalid_parameter, marked_deleted
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret
from tests.bed.aws.values import DAY, touch

Asked = dict[str, Any]


def delete(region: Region, asked: Asked) -> Asked:
    """DeleteSecret: after the window, or at once when forced. A forced deletion of what is not there succeeds."""
    force, window = bool(asked.get("ForceDeleteWithoutRecovery")), asked.get("RecoveryWindowInDays")
    validation.recovery(window, force=force)
    now = region.world.clock.now()
    try:
        secret = region.primary(asked["SecretId"])
    except JsonRESTError as error:
        if force and error.error_type == "ResourceNotFoundException":
            return {"ARN": asked["SecretId"], "Name": asked["SecretId"], "DeletionDate": now}
        raise
    validation.not_managed(secret)
    if secret.replicas:
        regions = ", ".join(replica.region for replica in secret.replicas)
        raise invalid_parameter(f"You can't delete secret {secret.name} that still has replica regions [{regions}]")
    if secret.is_deleted() and not force:
        raise marked_deleted()
    when = now if force else now + (window or 30) * DAY
    if force:
        region.forget(secret)
    else:
        secret.delete(when)
        region.changed(secret)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": when}


def restore(region: Region, asked: Asked) -> Asked:
    secret = region.primary(asked["SecretId"])
    secret.restore()
    region.changed(secret)
    return {"ARN": secret.arn, "Name": secret.name}


def purge(region: Region, now: float) -> None:
    """Let go of secrets whose recovery window is over."""
    for secret in [one for one in region.store.values() if isinstance(one, Secret) and (one.deleted_date or now + 1) <= now]:
        region.forget(secret)


def tag(region: Region, asked: Asked) -> Asked:
    secret = region.writable(asked["SecretId"])
    wanted: list[dict[str, str]] = asked.get("Tags") or []
    validation.not_managed(secret)
    validation.tags(wanted, already=secret.tags or [])
    keys = {one["Key"] for one in wanted}
    secret.tags = [one for one in secret.tags or [] if one["Key"] not in keys] + wanted
    touch(region, secret)
    return {}


def untag(region: Region, asked: Asked) -> Asked:
    secret = region.writable(asked["SecretId"])
    keys: list[str] = asked.get("TagKeys") or []
    validation.not_managed(secret)
    validation.untag(keys)
    secret.tags = [one for one in secret.tags or [] if one["Key"] not in keys]
    touch(region, secret)
    return {}
