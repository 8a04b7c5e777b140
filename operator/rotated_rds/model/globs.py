"""Globs of the tenancy file: only `*` is special, it matches `/` too, and what is filled in is never itself a glob."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Glob:
    """The texts between the stars. One text alone has no star and matches itself only."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str, names: Mapping[str, str]) -> "Glob":
        """Split at the stars first and fill in `{name}` then, so that a star in a value stays a character."""
        return cls(tuple(PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), part) for part in text.split("*")))

    @property
    def literal(self) -> bool:
        return len(self.parts) == 1

    @property
    def head(self) -> str:
        """What stands before the first star: the longer, the closer the glob."""
        return self.parts[0]

    def matches(self, text: str) -> bool:
        """Match the whole text, in time that grows with its length only: tenants choose the text."""
        if self.literal:
            return text == self.head
        head, *inner, tail = self.parts
        if len(text) < len(head) + len(tail) or not text.startswith(head) or not text.endswith(tail):
            return False
        at, end = len(head), len(text) - len(tail)
        for part in inner:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    def folded(self) -> "Glob":
        """For host names: letters of either case, with or without the root's dot."""
        return Glob(tuple(part.casefold() for part in (*self.parts[:-1], self.parts[-1].rstrip("."))))
