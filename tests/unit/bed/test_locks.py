"""A lock of the bed is free again when its holder is gone, however it went."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bed import paths
from tests.bed.locks import take

HOLD = """
import sys, time
from pathlib import Path
from tests.bed.locks import take

take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_held_lock_is_not_given_twice(tmp_path: Path) -> None:
    first = take(tmp_path / "lock")
    assert first is not None
    assert take(tmp_path / "lock", wait=False) is None
    os.close(first)
    assert take(tmp_path / "lock", wait=False) is not None


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], cwd=paths.REPO, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert take(tmp_path / "lock", wait=False) is None
        holder.kill()
    assert take(tmp_path / "lock", wait=False) is not None
