"""Correction 1 at work: the calls that make, read and label versions."""

import uuid
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import FakeSecret, ReplicaSecret

from tests.bed.aws import labels, listing, validation
from tests.bed.aws.errors import exists, invalid_parameter, invalid_request, marked_deleted, not_found
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret

Asked = dict[str, Any]
Answer = dict[str, Any]

DAY = 86_400


def create(region: Region, asked: Asked) -> Answer:
    """CreateSecret. The same name, token and value again is a no-op that returns the same ARN."""
    name, text, binary = asked.get("Name", ""), asked.get("SecretString"), asked.get("SecretBinary")
    token = asked.get("ClientRequestToken")
    tags: list[dict[str, str]] = asked.get("Tags") or []
    validation.name(name)
    validation.token(token)
    validation.value(text, binary, needed=False)
    validation.description(asked.get("Description"))
    validation.tags(tags)
    validation.kms_key(region.account_id, region.region_name, asked.get("KmsKeyId"))
    if (old := region.store.named(name)) is not None:
        return _created_before(old, token, text, binary)
    secret = region.add(
        name,
        description=asked.get("Description"),
        tags=tags,
        kms_key_id=asked.get("KmsKeyId"),
        replica_regions=asked.get("AddReplicaRegions"),
    )
    if text is None and binary is None:
        region.changed(secret)
        return short(secret)
    version_id = token or str(uuid.uuid4())
    region.put(secret, version_id, [labels.CURRENT], text, binary)
    return short(secret, version_id)


def _created_before(old: FakeSecret | ReplicaSecret, token: str | None, text: str | None, binary: str | None) -> Answer:
    if not isinstance(old, Secret):
        raise exists("A replica of that name is in this Region.")
    if old.is_deleted():
        raise invalid_request("You can't create this secret because a secret with this name is already scheduled for deletion.")
    version = old.versions.get(token or "")
    if token and version is not None and labels.same_value(version, text, binary):
        return short(old, token)
    raise exists(f"The operation failed because the secret {old.name} already exists.")


def put(region: Region, asked: Asked) -> Answer:
    """PutSecretValue. A version's value never changes: the same token with another value is refused, with the same one a no-op."""
    secret = region.writable(asked["SecretId"])
    text, binary, stages = asked.get("SecretString"), asked.get("SecretBinary"), asked.get("VersionStages")
    token = asked.get("ClientRequestToken") or str(uuid.uuid4())
    validation.not_managed(secret)
    validation.token(token)
    validation.value(text, binary, needed=True)
    if stages is not None:
        validation.stages(stages)
    version = secret.versions.get(token)
    if version is None or not labels.has_value(version):
        region.put(secret, token, stages or [labels.CURRENT], text, binary)
    elif not labels.same_value(version, text, binary):
        raise exists(f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {secret.arn}.")
    return short(secret, token) | {"VersionStages": list(secret.versions[token]["version_stages"])}


def update(region: Region, asked: Asked) -> Answer:
    """UpdateSecret: settings, and a new AWSCURRENT when a value is given, whose token must be a new one."""
    secret = region.writable(asked["SecretId"])
    text, binary = asked.get("SecretString"), asked.get("SecretBinary")
    validation.not_managed(secret)
    validation.token(asked.get("ClientRequestToken"))
    validation.value(text, binary, needed=False)
    validation.description(asked.get("Description"))
    validation.kms_key(region.account_id, region.region_name, asked.get("KmsKeyId"))
    valued = text is not None or binary is not None
    token = asked.get("ClientRequestToken") or str(uuid.uuid4())
    if valued and token in secret.versions:
        raise exists(f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {secret.arn}.")
    secret.update(asked.get("Description", secret.description), secret.tags, asked.get("KmsKeyId"))
    if valued:
        region.put(secret, token, [labels.CURRENT], text, binary)
        return short(secret, token)
    touch(region, secret)
    return short(secret)


def get(region: Region, asked: Asked) -> Answer:
    """GetSecretValue: AWSCURRENT unless a version or a label is named; both must agree."""
    secret, replica = region.seen(asked["SecretId"])
    if secret.is_deleted():
        raise marked_deleted()
    version = _chosen(secret, asked.get("VersionId"), asked.get("VersionStage"))
    _note_access(region, secret)
    shown = {
        "ARN": secret.arn if replica is None else replica.arn,
        "Name": secret.name,
        "VersionId": version["version_id"],
        "VersionStages": list(version["version_stages"]),
        "CreatedDate": version["createdate"],
    }
    if "secret_string" in version:
        return shown | {"SecretString": version["secret_string"]}
    return shown | {"SecretBinary": version["secret_binary"]}


def _chosen(secret: Secret, version_id: str | None, stage: str | None) -> labels.Version:
    if version_id is None:
        label = stage or labels.CURRENT
        version = secret.versions.get(labels.holder(secret.versions, label) or "")
        named = f"staging label: {label}"
    else:
        version = secret.versions.get(version_id)
        named = f"VersionId: {version_id}"
    if version is None or not labels.has_value(version):
        raise not_found(f"Secrets Manager can't find the specified secret value for {named}")
    if stage is not None and stage not in version["version_stages"]:
        raise invalid_request("You provided a VersionStage that is not associated to the provided VersionId.")
    return version


def _note_access(region: Region, seen: Secret) -> None:
    """LastAccessedDate knows days only; a stale copy is not the place to write it."""
    stored = region.store.named(seen.name)
    if isinstance(stored, Secret):
        stored.last_accessed = region.world.clock.now() // DAY * DAY


def batch_get(region: Region, asked: Asked) -> Answer:
    """BatchGetSecretValue: AWSCURRENT of each; whoever has none is an entry under Errors, not a failure of the call."""
    validation.batch(asked)
    if ids := asked.get("SecretIdList"):
        return _values_of(region, ids)
    secrets = [secret for secret in region.all_seen() if not secret.is_deleted() and listing.matches(secret, asked["Filters"])]
    page, following = listing.page(secrets, asked.get("MaxResults") or 20, asked.get("NextToken"))
    return _values_of(region, [secret.arn for secret in page]) | following


def _values_of(region: Region, ids: list[str]) -> Answer:
    values: list[Answer] = []
    errors: list[Answer] = []
    for secret_id in ids:
        try:
            values.append(get(region, {"SecretId": secret_id}))
        except JsonRESTError as error:
            errors.append({"SecretId": secret_id, "ErrorCode": error.error_type, "Message": error.message})
    return {"SecretValues": values, "Errors": errors}


def list_versions(region: Region, asked: Asked) -> Answer:
    """ListSecretVersionIds: only versions that hold a value; those without a label when IncludeDeprecated says so."""
    secret, replica = region.seen(asked["SecretId"])
    wanted = [
        {"VersionId": key, "VersionStages": list(one["version_stages"]), "CreatedDate": one["createdate"], "KmsKeyIds": _keys(secret)}
        for key, one in secret.versions.items()
        if labels.has_value(one) and (one["version_stages"] or asked.get("IncludeDeprecated"))
    ]
    shown, following = listing.page(wanted, asked.get("MaxResults") or 100, asked.get("NextToken"))
    return {"ARN": secret.arn if replica is None else replica.arn, "Name": secret.name, "Versions": shown} | following


def _keys(secret: Secret) -> list[str]:
    return [secret.kms_key_id or "DefaultEncryptionKey"]


def update_stage(region: Region, asked: Asked) -> Answer:
    """UpdateSecretVersionStage: move or remove one label."""
    secret = region.writable(asked["SecretId"])
    label, remove_from, move_to = asked.get("VersionStage", ""), asked.get("RemoveFromVersionId"), asked.get("MoveToVersionId")
    validation.not_managed(secret)
    validation.stages([label])
    labels.check_move(secret.versions, label, remove_from, move_to)
    if move_to is not None:
        labels.attach_all(secret.versions, [label], move_to)
    elif labels.remove(secret.versions, label) is None:
        raise invalid_parameter(f"Staging label {label} is not attached to any version.")
    touch(region, secret)
    return short(secret)


def touch(region: Region, secret: Secret) -> None:
    """A change of anything but the value."""
    secret.last_changed_date = region.world.clock.now()  # pyright: ignore[reportAttributeAccessIssue]  # moto says int; AWS's dates carry milliseconds
    region.changed(secret)


def short(secret: Secret, version_id: str | None = None) -> Answer:
    """The answer most writes give."""
    shown: Answer = {"ARN": secret.arn, "Name": secret.name}
    if version_id is not None:
        shown["VersionId"] = version_id
    if secret.replicas:
        shown["ReplicationStatus"] = [replica.config for replica in secret.replicas]
    return shown
