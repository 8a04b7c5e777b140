"""Resource policies: kept as AWS writes them, refused when they are no policy or let everybody in; never evaluated."""

import json
import re
from typing import Any, cast

from tests.bed.aws.errors import Refusal, validation
from tests.bed.aws.region import Region
from tests.bed.aws.values import touch

Asked = dict[str, Any]

MOST = 20_480
_ACCOUNT = re.compile(r"[0-9]{12}")


def put(region: Region, asked: Asked) -> Asked:
    """PutResourcePolicy."""
    secret, text = region.writable(asked["SecretId"]), str(asked.get("ResourcePolicy", ""))
    if not 1 <= len(text) <= MOST:
        raise validation(f"Value at 'resourcePolicy' failed to satisfy constraint: 1 to {MOST} characters")
    statements = _statements(text)
    if asked.get("BlockPublicPolicy") and any(map(_public, statements)):
        raise Refusal("PublicPolicyException", "You can't attach this policy, because it allows broad access to your secret.")
    secret.policy = json.dumps({**json.loads(text), "Statement": [_as_kept(one) for one in statements]})
    touch(region, secret)
    return {"ARN": secret.arn, "Name": secret.name}


def get(region: Region, asked: Asked) -> Asked:
    secret = region.primary(asked["SecretId"])
    shown = {"ARN": secret.arn, "Name": secret.name, "ResourcePolicy": secret.policy}
    return {key: value for key, value in shown.items() if value is not None}


def delete(region: Region, asked: Asked) -> Asked:
    secret = region.writable(asked["SecretId"])
    secret.policy = None
    touch(region, secret)
    return {"ARN": secret.arn, "Name": secret.name}


def _statements(text: str) -> list[Asked]:
    try:
        found: Any = json.loads(text)["Statement"]
        statements: list[Asked] = cast("list[Asked]", found) if isinstance(found, list) else [found]
        if all({"Effect", "Action", "Resource", "Principal"} <= set(one) for one in statements):
            return statements
    except (ValueError, TypeError, KeyError):
        pass
    raise Refusal("MalformedPolicyDocumentException", "This resource policy contains invalid Json or an invalid statement.")


def _public(statement: Asked) -> bool:
    return statement["Effect"] == "Allow" and "Condition" not in statement and statement["Principal"] in ("*", {"AWS": "*"})


def _as_kept(statement: Asked) -> Asked:
    """AWS writes an account's number as its root's ARN."""
    principal: Any = statement["Principal"]
    if isinstance(principal, dict):
        named = cast("dict[str, Any]", principal)
        principal = {kind: [_root(name) for name in _listed(names)] for kind, names in named.items()}
    return {**statement, "Principal": principal}


def _root(name: str) -> str:
    return f"arn:aws:iam::{name}:root" if _ACCOUNT.fullmatch(name) else name


def _listed(value: Any) -> list[str]:
    return cast("list[str]", value) if isinstance(value, list) else [value]
