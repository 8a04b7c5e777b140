"""Show that something long goes on: `building kube-apiserver … 1:23`."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

Say = Callable[[str], None]


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    print(line, flush=True)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


@contextmanager
def elapsing(what: str, voice: Say, *, every: float = 15.0) -> Generator[None]:
    """Say `what … M:SS` every so often while the block runs, and `what: done in M:SS` when it succeeds."""
    begun = time.monotonic()
    over = threading.Event()
    in_place = voice is say and sys.stdout.isatty()

    def beat() -> None:
        while not over.is_set():
            line = f"{what} … {clock(time.monotonic() - begun)}"
            _rewrite(line) if in_place else voice(line)
            over.wait(1.0 if in_place else every)

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        if in_place:
            _rewrite("")
    voice(f"{what}: done in {clock(time.monotonic() - begun)}")


def _rewrite(line: str) -> None:
    """Replace the terminal's current line."""
    sys.stdout.write(f"\r\x1b[K{line}")
    sys.stdout.flush()
