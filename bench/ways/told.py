"""What became of a cell, the table that people read, and whether everything is as it was promised."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import aligned, median, short
from bench.ways.plan import Amount, Cell

HEAD = ("method", "strategy", "engine", "rotations", "log-ins", "a second", "failed", "ready, median", "longest", "halt", "rollback", "")
CEL, OPERATOR = "CEL", "the operator"
_LONGEST = 100


@dataclass(frozen=True)
class Refused:
    """A cell that cannot be. by: who says so; message: in whose own words."""

    cell: Cell
    by: str
    message: str

    def text(self) -> str:
        """The words up to the mend."""
        said = self.message.partition(";")[0]
        return f"refused by {self.by}: {said if len(said) <= _LONGEST else said[: _LONGEST - 1] + '…'}"

    def problems(self, amount: Amount) -> list[str]:  # noqa: ARG002  as Played has it
        return [f"it can be, and {self.by} refuses it: {self.message}"] if self.cell.possible else []

    def row(self) -> tuple[str, ...]:
        return (*self.cell.axes, *([""] * 8), self.text())


@dataclass(frozen=True)
class Played:
    """A cell that was played.

    ready: for each rotation the seconds from the request to the moment at which all workloads were ready on the new version.
    logins, failed: of the application, throughout; during: the seconds of that. halted, back: whether a rollout was seen halted,
    and a rollback carried out. broke: what ended it early.
    """

    cell: Cell
    ready: Sequence[float]
    logins: int
    failed: int
    during: float
    halted: bool
    back: bool
    broke: str = ""
    said: str = ""

    @property
    def rate(self) -> float:
        """Log-ins tried a second."""
        return (self.logins + self.failed) / self.during if self.during else 0.0

    def problems(self, amount: Amount) -> list[str]:
        """What is not as it was promised; each in words."""
        cell, wanted = self.cell, amount.of(self.cell)
        told = [
            (not cell.possible, "it cannot be, and nobody refuses it"),
            (bool(self.broke), self.broke),
            (not self.broke and len(self.ready) < wanted, f"{len(self.ready)} of {wanted} rotations succeeded"),
            (cell.promised and self.failed > 0, f"{self.failed} log-ins failed: {self.said}"),
            (not self.broke and not self.logins, "the application never logged in"),
            (not self.broke and cell.promised and not self.halted, "no rollout was halted"),
            (not self.broke and cell.goes_back and not self.back, "no rollback was carried out"),
        ]
        return [text for is_so, text in told if is_so]

    def row(self) -> tuple[str, ...]:
        seen = {True: "seen", False: "NOT SEEN"}
        times = [f"{short(median(self.ready))} s", f"{short(max(self.ready))} s"] if self.ready else ["", ""]
        failed = f"{self.failed:,}" + (" FAILED" if self.cell.promised and self.failed else "")
        halted, back = seen[self.halted] if self.cell.promised else "", seen[self.back] if self.cell.goes_back else ""
        counts = (str(len(self.ready)), f"{self.logins:,}", short(self.rate), failed)
        return (*self.cell.axes, *counts, *times, halted, back, self.broke[:_LONGEST])


Told = Played | Refused


def table(rows: Sequence[Told]) -> list[str]:
    """Markdown, aligned."""
    return aligned([HEAD, *(one.row() for one in rows)])


def problems(rows: Sequence[Told], amount: Amount) -> list[str]:
    """All of them, each with its cell; nothing when everything is as promised."""
    return [f"{' '.join(one.cell.axes)}: {text}" for one in rows for text in one.problems(amount)]
