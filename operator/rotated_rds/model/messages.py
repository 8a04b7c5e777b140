"""What AWS's events say: which secret, which version, when; anything else is unknown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Notification:
    """One event about a secret: a reason to look, never a fact to act on (SAFETY.md A7).

    secret: an ARN, a partial ARN or a name, as the event has it; version: the one that AWSCURRENT moved to, where the event says it.
    """

    secret: str
    version: str | None
    at: datetime | None


def read_message(text: str) -> Notification | None:
    """An SQS body → what it is about; None when it is malformed or about nothing that we know.

    Shapes: Secrets Manager's own "Secret Label Updated", CloudTrail's API calls and service events, either inside an SNS envelope.
    """
    event = _object(text)
    if event is not None and isinstance(event.get("Message"), str):
        event = _object(str(event["Message"]))
    if event is None:
        return None
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        return None
    at = _moment(event.get("time"))
    if event.get("detail-type") == "Secret Label Updated":
        return _label_updated(event, cast("Json", detail), at)
    secret = _from_trail(cast("Json", detail))
    return Notification(secret, None, at) if secret else None


def _label_updated(event: Json, detail: Json, at: datetime | None) -> Notification | None:
    arns, version = event.get("resources"), detail.get("versionId")
    if detail.get("labelUpdated") != "AWSCURRENT" or not isinstance(arns, list) or not arns or not isinstance(version, str):
        return None
    return Notification(str(cast("list[object]", arns)[0]), version, at)


def _from_trail(detail: Json) -> str | None:
    """AWS's docs and its users know five places."""
    for place, keys in (
        ("responseElements", ("arn", "aRN", "ARN")),
        ("additionalEventData", ("SecretId",)),
        ("serviceEventDetails", ("secretId",)),
        ("requestParameters", ("secretId",)),
    ):
        found = detail.get(place)
        if isinstance(found, Mapping):
            held = cast("Json", found)
            if named := next((held[key] for key in keys if isinstance(held.get(key), str)), None):
                return str(named)
    return None


def _object(text: str) -> Json | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return cast("Json", found) if isinstance(found, dict) else None


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
