"""Raw JSON of the API server and AWS: nested maps and lists, any of which may be absent or null."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

Json = Mapping[str, Any]


def part(document: Json | None, *keys: str) -> Json:
    """The map at a path; an empty one where there is none."""
    found = document or {}
    for key in keys:
        found = cast("Json | None", found.get(key)) or {}
    return found


def entries(document: Json | None, *keys: str) -> Sequence[Json]:
    """The list of maps at a path; an empty one where there is none."""
    found: Any = part(document, *keys[:-1]).get(keys[-1])
    return cast("Sequence[Json]", found or ())


def text(document: Json | None, *keys: str) -> str | None:
    """The text at a path; None where there is none."""
    found: Any = part(document, *keys[:-1]).get(keys[-1])
    return None if found is None else str(found)
