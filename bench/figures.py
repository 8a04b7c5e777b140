"""A figure beside its promise and beside External Secrets: the table that people read, the JSON that tools read."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("figure", "measured", "promise", "kept", "External Secrets", "ratio")


@dataclass(frozen=True)
class Figure:
    """One number. promise: the design's limit; eso: External Secrets' own figure (BED.md, another day); more: more is better."""

    name: str
    value: float
    unit: str
    promise: float | None = None
    eso: float | None = None
    more: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the promise holds; None without one."""
        return None if self.promise is None else (self.value >= self.promise if self.more else self.value <= self.promise)

    @property
    def ratio(self) -> float | None:
        """How many times better than External Secrets; below 1 is worse."""
        if self.eso is None or not (self.value and self.eso):
            return None
        return self.value / self.eso if self.more else self.eso / self.value

    def cells(self) -> tuple[str, ...]:
        sign = "≥" if self.more else "≤"
        return (
            self.name,
            f"{short(self.value)} {self.unit}".strip(),
            "" if self.promise is None else f"{sign} {short(self.promise)}",
            {None: "", True: "yes", False: "NO"}[self.kept],
            "" if self.eso is None else short(self.eso),
            "" if self.ratio is None else f"{short(self.ratio)} to 1",
        )

    def document(self) -> dict[str, object]:
        return {**self.__dict__, "kept": self.kept, "ratio": self.ratio}


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile: a value that was really measured."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> list[str]:
    """Markdown, aligned, so that it reads in a terminal and stands in docs/bench.md as it is."""
    return aligned([HEAD, *(one.cells() for one in figures)])


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A Markdown table; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def short(value: float) -> str:
    """Three digits that matter."""
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
