"""What the demo shows: one plain line an event in a pipe, the same lines with colours and a spinner on a terminal."""

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status
from rich.text import Text

from tests.bed.progress import clock

# What a line is: said by the demo, run by a person, seen of the operator, held or failed as a claim, a mishap.
SAID, TYPED, SEEN, HELD, FAILED, MISHAP = " ", "$", "·", "✓", "✗", "!"
_STYLES = {SAID: "", TYPED: "bold cyan", SEEN: "", HELD: "green", FAILED: "bold red", MISHAP: "yellow"}


@dataclass(frozen=True)
class _Changing:
    """Text that is asked for anew each time it is drawn."""

    text: Callable[[], str]

    def __rich__(self) -> Text:
        return Text(self.text(), "dim")


@dataclass
class Screen:
    """Lines to one console. lines: all that was shown, for the search after passwords."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    begun: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list[str])

    def say(self, text: str, mark: str = SAID, seconds: float | None = None) -> None:
        """One event. seconds: how long it took."""
        stamp = clock(time.monotonic() - self.begun).rjust(5)
        took = f"  ({seconds:.1f} s)" if seconds is not None else ""
        self._print(f"{stamp}  {mark} ", text + took, _STYLES[mark], whole=mark != SEEN)

    def space(self) -> None:
        self._print("", "", "")

    def heading(self, text: str) -> None:
        self.space()
        self._print("", text, "bold")

    def table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and figures."""
        wide = max(len(name) for name, _ in rows)
        for name, figure in rows:
            self._print("         ", f"{name.ljust(wide)}  {figure}", "")

    @contextlib.contextmanager
    def awaiting(self, text: Callable[[], str]) -> Generator[None]:
        """A spinner on a terminal, nothing in a pipe: the event that ends the wait has its own line."""
        if not self.console.is_terminal:
            yield
            return
        with Status(_Changing(text), console=self.console, refresh_per_second=5):
            yield

    def _print(self, margin: str, text: str, style: str, *, whole: bool = True) -> None:
        """whole: not cut at a terminal's edge, as a line must be that somebody copies."""
        self.lines.append(margin + text)
        room = self.console.width - len(margin)
        cut = not whole and self.console.is_terminal and len(text) > room
        self.console.print(Text.assemble((margin, "dim"), (text[: room - 1] + "…" if cut else text, style)))
