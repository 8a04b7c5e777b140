"""A secret's resource policy: whether a text is one, and whether two texts say the same. Pure."""

import json
import re
from typing import Any, cast

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")


def check(text: str) -> None:
    """Raises ValueError that says what is missing; the rest is AWS's to judge."""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('it is no JSON: write a policy document, {"Version": "2012-10-17", "Statement": [...]}') from None
    whole = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if not whole.get("Statement"):
        raise ValueError('it has no Statement: write a policy document, {"Version": "2012-10-17", "Statement": [...]}')


def same(wanted: str, stored: str | None) -> bool:
    """Whether AWS keeps this policy: the order of keys and of lists, and a list of one, make no difference to it."""
    if stored is None:
        return False
    try:
        return _plain(json.loads(wanted)) == _plain(json.loads(stored))
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    """AWS writes an account as its root's ARN."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        found = [_plain(one) for one in cast("list[Any]", value)]
        return found[0] if len(found) == 1 else sorted(found, key=lambda one: json.dumps(one, sort_keys=True))
    if isinstance(value, str) and (root := _ROOT.fullmatch(value)):
        return root[1]
    return value
