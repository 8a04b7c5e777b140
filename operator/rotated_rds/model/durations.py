"""Go durations (`90s`, `1h30m`) in and out, with bounds and the field's name in the error."""

import re
from datetime import timedelta

import durationpy

from rotated_rds.model.errors import Reason, Refused

# durationpy alone also takes `1d`, `-5m`, `.5h` and `1h 30m`, which Go and Kubernetes refuse.
_GO = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def parse_duration(text: str, field: str, at_least: timedelta = timedelta(), at_most: timedelta | None = None) -> timedelta:
    """Read a Go duration. Raises Refused(InvalidSpec) that names the field and the bounds."""
    try:
        span = durationpy.from_str(text) if _GO.fullmatch(text) else None
    except durationpy.DurationError:
        span = None  # longer than any calendar
    if span is None:
        raise Refused(Reason.INVALID_SPEC, f"{field}: {text[:40]!r} is not a duration: write it like 90s, 10m or 1h30m")
    if span < at_least or (at_most is not None and span > at_most):
        upper = f" and at most {duration_text(at_most)}" if at_most is not None else ""
        raise Refused(Reason.INVALID_SPEC, f"{field}: {text[:40]} is out of bounds: at least {duration_text(at_least)}{upper}")
    return span


def duration_text(span: timedelta) -> str:
    """Write the shortest Go form, to the millisecond: `1h30m`, `10m`, `0s`."""
    left = round(span / timedelta(milliseconds=1))
    words: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
