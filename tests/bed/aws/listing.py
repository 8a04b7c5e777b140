"""ListSecrets: filters, order and pages."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from moto.secretsmanager.list_secrets.filters import split_words

from tests.bed.aws import describe
from tests.bed.aws.errors import Refusal, invalid_parameter, validation
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret

Filters = Sequence[dict[str, Any]]

MOST = 100


def list_secrets(region: Region, asked: dict[str, Any]) -> dict[str, Any]:
    most = asked.get("MaxResults")
    if most is not None and not 1 <= most <= MOST:
        raise validation(f"Value at 'maxResults' failed to satisfy constraint: Member must have value between 1 and {MOST}")
    filters: Filters = asked.get("Filters") or []
    _check(filters)
    wanted = [
        secret
        for secret in region.all_seen()
        if (asked.get("IncludePlannedDeletion") or not secret.is_deleted()) and matches(secret, filters)
    ]
    wanted.sort(key=_order(asked.get("SortBy")), reverse=asked.get("SortOrder") == "desc")
    shown, following = page(wanted, most or MOST, asked.get("NextToken"))
    return {"SecretList": [describe.entry(secret) for secret in shown]} | following


def _words(text: str) -> list[str]:
    return [word.lower() for word in split_words(text)]


def _any_word(pattern: str, texts: Sequence[str]) -> bool:
    """Every word of the pattern begins some word of one of the texts, whatever the case."""
    return any(all(any(word.startswith(part) for word in _words(text)) for part in _words(pattern)) for text in texts if text)


def _prefix(pattern: str, texts: Sequence[str]) -> bool:
    return any(text.startswith(pattern) for text in texts)


def _tags(secret: Secret, side: str) -> list[str]:
    return [tag[side] for tag in secret.tags or []]


_Match = Callable[[str, Sequence[str]], bool]

_FILTERS: dict[str, tuple[_Match, Callable[[Secret], Sequence[str]]]] = {
    "name": (_prefix, lambda secret: [secret.name]),
    "tag-key": (_prefix, lambda secret: _tags(secret, "Key")),
    "tag-value": (_prefix, lambda secret: _tags(secret, "Value")),
    "owning-service": (_prefix, lambda secret: [secret.owning_service] if secret.owning_service else []),
    "primary-region": (_prefix, lambda secret: [secret.region]),
    "description": (_any_word, lambda secret: [secret.description or ""]),
    "all": (_any_word, lambda secret: [secret.name, secret.description or "", *_tags(secret, "Key"), *_tags(secret, "Value")]),
}


def _check(filters: Filters) -> None:
    if len(filters) > 10:
        raise validation("Value at 'filters' failed to satisfy constraint: Member must have length less than or equal to 10")
    for one in filters:
        if one.get("Key") not in _FILTERS:
            raise validation(f"Value {one.get('Key')!r} at 'filters.key' failed to satisfy constraint: one of {sorted(_FILTERS)}")
        if not one.get("Values"):
            raise invalid_parameter(f"Invalid filter values for key: {one['Key']}")


def matches(secret: Secret, filters: Filters) -> bool:
    """All filters hold; one filter holds when any of its values does. A value after `!` must not be there."""
    return all(_holds(secret, one["Key"], one["Values"]) for one in filters)


def _holds(secret: Secret, key: str, values: Sequence[str]) -> bool:
    match, texts_of = _FILTERS[key]
    texts = texts_of(secret)
    return any(not match(value[1:], texts) if value.startswith("!") else match(value, texts) for value in values)


def _order(by: str | None) -> Callable[[Secret], Any]:
    orders: dict[str, Callable[[Secret], Any]] = {
        "name": lambda secret: secret.name,
        "created-date": lambda secret: secret.created_date,
        "last-changed-date": lambda secret: secret.last_changed_date,
        "last-accessed-date": lambda secret: secret.last_accessed or 0,
    }
    if by is not None and by not in orders:
        raise validation(f"Value {by!r} at 'sortBy' failed to satisfy constraint: one of {sorted(orders)}")
    return orders[by or "created-date"]


_T = TypeVar("_T")


def page(whole: Sequence[_T], most: int, token: str | None) -> tuple[Sequence[_T], dict[str, str]]:
    """One page, and NextToken when there are more."""
    start = _start(token)
    end = start + most
    following = {"NextToken": base64.b64encode(f"bed {end}".encode()).decode()} if end < len(whole) else {}
    return whole[start:end], following


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        mark, _, place = base64.b64decode(token, validate=True).decode().partition(" ")
    except (binascii.Error, UnicodeDecodeError):
        mark, place = "", ""
    if mark != "bed" or not place.isdigit():
        raise Refusal("InvalidNextTokenException", "The NextToken value is invalid.")
    return int(place)
