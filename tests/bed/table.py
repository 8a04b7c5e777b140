"""A bed as a table: parts, their processes, where to reach them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bed import parts
from tests.bed.bed import Bed, Facts
from tests.bed.processes import Recorded

_HEAD = ("PART", "STATE", "PROCESS", "PID", "MEMORY", "REACHED AT")
_ADDRESSES = ("kubeconfig", "server", "endpoint", "url")


def table(bed: Bed) -> tuple[list[str], bool]:
    """Its lines, and whether all is well: every part that came up is alive."""
    facts = bed.facts()
    known = list(dict.fromkeys([*facts, *(one.part for one in bed.processes.recorded())]))
    states = {part: _state(bed, part, facts) for part in known}
    rows = [row for part in known for row in _rows(part, states[part], facts.get(part, {}), bed.processes.of_part(part))]
    return _aligned([_HEAD, *rows]), bool(known) and all(state == "up" for state in states.values())


def _state(bed: Bed, part: str, facts: Mapping[str, Facts]) -> str:
    if part not in facts:
        return "unfinished"
    return "up" if parts.alive(bed, part) else "broken"


def _rows(part: str, state: str, facts: Facts, processes: Sequence[Recorded]) -> list[tuple[str, ...]]:
    rows = [("", "", one.name, str(one.pid), memory(one.pid) if one.alive else "ended", "") for one in processes]
    rows = rows or [("", "", "-", "-", "-", "")]
    return [(part or "-", state, *rows[0][2:5], address(facts)), *rows[1:]]


def address(facts: Facts) -> str:
    """The one fact that a person needs first; never a password."""
    if "host" in facts and "port" in facts:
        return f"{facts['host']}:{facts['port']}"
    return next((str(facts[key]) for key in _ADDRESSES if key in facts), "")


def memory(pid: int) -> str:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return "-"
    kibibytes = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
    return f"{kibibytes / 1024:.0f} MiB"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
