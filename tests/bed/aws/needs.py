"""What AWS asks of a caller before it carries a call out: actions, resources, condition keys, after its service authorization reference."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.core.exceptions import JsonRESTError

from tests.bed.aws.calls import Call
from tests.bed.aws.iam import Check
from tests.bed.aws.region import Region, region_of
from tests.bed.aws.secret import Secret
from tests.bed.aws.validation import OWN_KEYS

Asked = Mapping[str, Any]

_SAME_AS = {
    "DeleteMessageBatch": "DeleteMessage",
    "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
_FREE = {("sts", "GetCallerIdentity")}  # "No permissions are required", says STS's reference


@dataclass(frozen=True)
class Needed:
    """One right that a call needs. optional: the call goes on without it, and does less. shown: the resource as AWS's refusal names it."""

    check: Check
    shown: str | None = None
    optional: bool = False


def needs_of(call: Call, body: bytes, account: str) -> list[Needed]:
    """All that a call needs, in the order in which AWS looks. account: the caller's."""
    if (call.service, call.operation) in _FREE:
        return []
    asked = asked_of(call, body)
    match call.service:
        case "secretsmanager":
            return list(_of_a_secret(call, asked, region_of(account, call.region)))
        case "rds":
            return [_described(call, asked, account)]
        case "sqs":
            return [_of_a_queue(call, asked)]
        case "cloudformation":
            return list(_of_a_stack(call, asked, account))
        case "lambda":
            return [Needed(Check(f"lambda:{call.operation}", call.function), call.function)]
        case "sts":
            return list(_of_a_role(call, asked))
        case _:
            return [Needed(Check(f"{call.service}:{call.operation}", "*"))]


def asked_of(call: Call, body: bytes) -> Asked:
    """The parameters: JSON, or the query protocol's, whose lists are `Tags.member.1.Key` and so on."""
    if call.json:
        with suppress(ValueError):
            return json.loads(body or b"{}")
        return {}
    flat = {key: values[0] for key, values in parse_qs(body.decode(errors="replace"), keep_blank_values=True).items()}
    tags = {key: value for key, value in flat.items() if key.startswith("Tags.member.")}
    numbers = sorted({key.split(".")[2] for key in tags})
    return {**flat, "Tags": [{"Key": tags[f"Tags.member.{n}.Key"], "Value": tags.get(f"Tags.member.{n}.Value", "")} for n in numbers]}


# Secrets Manager


def _of_a_secret(call: Call, asked: Asked, region: Region) -> Iterator[Needed]:
    action = f"secretsmanager:{call.operation}"
    if call.operation == "CreateSecret":
        yield from _created(action, asked, region)
        return
    if "SecretId" not in asked:
        yield Needed(Check(action, "*"))
        return
    secret = _found(region, asked["SecretId"])
    context = {**_tags_of(secret), **_about(asked), **_requested(asked)}
    for arn in [secret.arn] if secret else _possible(region, asked["SecretId"]):
        yield Needed(Check(action, arn, context), str(asked["SecretId"]))
    yield from _also(call, asked, region, secret)


def _found(region: Region, secret_id: str) -> Secret | None:
    with suppress(JsonRESTError):
        found = region.stored(secret_id)
        return found if isinstance(found, Secret) else None
    return None


def _possible(region: Region, name: str) -> list[str]:
    """Of a secret that is not there: by its name alone, or with an ending that nobody knows yet. AWS does not say which: both are asked."""
    if name.startswith("arn:"):
        return [name]
    bare = f"arn:aws:secretsmanager:{region.region_name}:{region.account_id}:secret:{name}"
    return [bare, f"{bare}-AbCdEf"]


def _created(action: str, asked: Asked, region: Region) -> Iterator[Needed]:
    """With tags also TagResource, and under a key of one's own the key."""
    name = str(asked.get("Name", ""))
    context = {"secretsmanager:Name": name, **_requested(asked)}
    for arn in _possible(region, name):
        yield Needed(Check(action, arn, context))
        if asked.get("Tags"):
            yield Needed(Check("secretsmanager:TagResource", arn, context))
    yield from _key(region, asked.get("KmsKeyId"), "GenerateDataKey", "Decrypt")


def _also(call: Call, asked: Asked, region: Region, secret: Secret | None) -> Iterator[Needed]:
    """Rights at other services."""
    key = secret.kms_key_id if secret else None
    match call.operation:
        case "GetSecretValue":
            yield from _key(region, key, "Decrypt")
        case "PutSecretValue":
            yield from _key(region, key, "GenerateDataKey", "Decrypt")
        case "UpdateSecret" if asked.get("KmsKeyId"):
            yield from _key(region, asked["KmsKeyId"], "GenerateDataKey", "Decrypt")
            yield from _key(region, asked["KmsKeyId"], "Encrypt", optional=True)
        case "ReplicateSecretToRegions":
            yield from _key(region, key, "Decrypt")
            copies: list[dict[str, str]] = asked.get("AddReplicaRegions") or []
            for copy in copies:
                there = region_of(region.account_id, copy["Region"])
                yield from _key(there, copy.get("KmsKeyId"), "GenerateDataKey", "Encrypt")
        case "RotateSecret" if function := asked.get("RotationLambdaARN") or (secret and secret.rotation_lambda_arn):
            yield Needed(Check("lambda:InvokeFunction", function))
        case _:
            return


def _key(region: Region, key: str | None, *actions: str, optional: bool = False) -> Iterator[Needed]:
    """Nothing for AWS's own key: everybody in the account may use that through Secrets Manager."""
    if not key or key in OWN_KEYS:
        return
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{region.region_name}:{region.account_id}:key/{key}"
    via = {"kms:ViaService": f"secretsmanager.{region.region_name}.amazonaws.com"}
    yield from (Needed(Check(f"kms:{action}", arn, via), optional=optional) for action in actions)


def _tags_of(secret: Secret | None) -> dict[str, str]:
    if secret is None:
        return {}
    tags = {f"aws:ResourceTag/{one['Key']}": one["Value"] for one in secret.tags or []}
    rotated = {"secretsmanager:resource/AllowRotationLambdaArn": secret.rotation_lambda_arn} if secret.rotation_lambda_arn else {}
    return {**tags, **rotated}


def _about(asked: Asked) -> dict[str, str]:
    named = {"secretsmanager:VersionStage": "VersionStage", "secretsmanager:RotationLambdaARN": "RotationLambdaARN"}
    forced = {"secretsmanager:ForceDeleteWithoutRecovery": "true"} if asked.get("ForceDeleteWithoutRecovery") else {}
    return {key: str(asked[name]) for key, name in named.items() if asked.get(name)} | forced


def _requested(asked: Asked) -> dict[str, str]:
    tags: list[dict[str, str]] = asked.get("Tags") or []
    return {f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in tags}


# the others


def _described(call: Call, asked: Asked, account: str) -> Needed:
    kind, name = {"DescribeDBClusters": ("cluster", "DBClusterIdentifier")}.get(call.operation, ("db", "DBInstanceIdentifier"))
    arn = f"arn:aws:rds:{call.region}:{account}:{kind}:{asked.get(name) or '*'}"
    return Needed(Check(f"rds:{call.operation}", arn), arn)


def _of_a_queue(call: Call, asked: Asked) -> Needed:
    """SQS writes actions in small letters when it refuses."""
    account, _, name = urlsplit(str(asked.get("QueueUrl", ""))).path.strip("/").partition("/")
    arn = f"arn:aws:sqs:{call.region}:{account}:{name}" if name else "*"
    return Needed(Check(f"sqs:{_SAME_AS.get(call.operation, call.operation)}", arn), arn)


def _of_a_role(call: Call, asked: Asked) -> Iterator[Needed]:
    if call.operation != "AssumeRole":
        yield Needed(Check(f"sts:{call.operation}", "*"))
        return
    arn, context = str(asked["RoleArn"]), assume_context(asked)
    yield Needed(Check("sts:AssumeRole", arn, context), arn)
    if asked["Tags"]:
        yield Needed(Check("sts:TagSession", arn, context), arn)


def _of_a_stack(call: Call, asked: Asked, account: str) -> Iterator[Needed]:
    """A stack's ARN ends in an id of AWS's; a transform and CloudFormation's own role are asked for beside it."""
    arn = f"arn:aws:cloudformation:{call.region}:{account}:stack/{asked.get('StackName', '*')}/bed"
    yield Needed(Check(f"cloudformation:{call.operation}", arn), arn)
    if "AWS::Serverless" in str(asked.get("TemplateBody", "")):
        yield Needed(Check(f"cloudformation:{call.operation}", f"arn:aws:cloudformation:{call.region}:aws:transform/Serverless-2016-10-31"))
    if role := asked.get("RoleARN"):
        yield Needed(Check("iam:PassRole", str(role), {"iam:PassedToService": "cloudformation.amazonaws.com"}), str(role))


def assume_context(asked: Asked) -> dict[str, str]:
    external = {"sts:ExternalId": str(asked["ExternalId"])} if asked.get("ExternalId") else {}
    return {**_requested(asked), **external}
