"""One secret as the bed keeps it: moto's, plus what moto has no place for."""

import re
from typing import Any

from moto.secretsmanager.models import FakeSecret

Rules = dict[str, Any]


class Secret(FakeSecret):
    """moto's secret with the rotation rules as they were given, and the day of the last read."""

    rules: Rules | None = None
    last_accessed: float | None = None
    days_between: int | None = None
    next_opens: float | None = None


_ARN = re.compile(r"^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(?P<name>.+)$")
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


def names_of(secret_id: str) -> list[str]:
    """The names that a name, a full ARN or a partial ARN may mean, likeliest first."""
    if not (match := _ARN.match(secret_id)):
        return [secret_id]
    name = match["name"]
    return [_SUFFIX.sub("", name), name] if _SUFFIX.search(name) else [name]
