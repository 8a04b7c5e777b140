"""End every bed and remove the cache: `python3 -m tests.bed.clean` (standard library only)."""

import os
import shutil
import sys
from pathlib import Path

from tests.bed import cgroup, paths
from tests.bed.processes import Processes
from tests.bed.progress import say


def main() -> int:
    cache = paths.cache()
    for bed in sorted((cache / "beds").glob("*/")):
        Processes(bed).end_all()
        cgroup.remove(bed)
    _make_writable(cache / "go" / "mod")
    shutil.rmtree(cache, ignore_errors=True)
    left = cache.exists()
    say(f"{cache} could not be removed whole" if left else f"{cache} is gone")
    return int(left)


def _make_writable(folder: Path) -> None:
    """Go writes its module cache read-only."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
