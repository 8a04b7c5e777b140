"""Where the bed keeps things: all of it outside the repository."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The project's cache: `$XDG_CACHE_HOME/rotated-rds`, else `~/.cache/rotated-rds`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rotated-rds"


def binaries() -> Path:
    """Where built programs live, one folder for all beds."""
    return cache() / "bin"


def state(name: str) -> Path:
    """The folder of one bed: sockets, data, logs, recorded pids. `down` removes it."""
    return cache() / "beds" / name
