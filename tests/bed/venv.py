"""Run a command in the project's environment, made first if need be: `python3 -m tests.bed.venv COMMAND …` (standard library only)."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bed import paths
from tests.bed.locks import locked
from tests.bed.processes import BedError
from tests.bed.progress import elapsing, say

REQUIREMENTS = tuple(paths.REPO / "requirements" / f"{name}.txt" for name in ("run", "test", "check"))


def folder() -> Path:
    """Keyed by Python and requirements: a change of either makes a new one, checkouts that agree share one."""
    content = b"".join(path.read_bytes() for path in REQUIREMENTS)
    return paths.cache() / "venvs" / hashlib.sha256(f"{sys.version}{sys.executable}".encode() + content).hexdigest()[:12]


def ensure() -> Path:
    """The environment's folder, complete. `venv` in the cache points to the newest."""
    home = folder()
    complete = home / ".complete"
    if not complete.exists():
        with locked(paths.cache() / "venvs" / ".lock", "the virtual environment", say):
            if not complete.exists():
                _make(home)
                complete.touch()
                _point(home)
    return home


def _make(home: Path) -> None:
    with elapsing(f"installing {', '.join(path.name for path in REQUIREMENTS)}", say):
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(home))
        files = [word for path in REQUIREMENTS for word in ("-r", str(path))]
        _run(str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *files)


def _point(home: Path) -> None:
    link = paths.cache() / "venv"
    if link.is_symlink() or not link.exists():
        draft = link.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(home)
        draft.replace(link)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{' '.join(words[:6])} … failed:\n{done.stderr[-3000:]}")


def environment(home: Path) -> dict[str, str]:
    """The caller's, with our programs first and the repository's two roots importable."""
    path = os.pathsep.join([str(home / "bin"), str(paths.binaries()), os.environ.get("PATH", "")])
    roots = os.pathsep.join([str(paths.REPO / "operator"), str(paths.REPO)])
    return {**os.environ, "PATH": path, "PYTHONPATH": roots, "VIRTUAL_ENV": str(home)}


def main(words: Sequence[str]) -> int:
    try:
        home = ensure()
    except BedError as error:
        say(f"error: {error}")
        return 1
    if words:
        os.execvpe(words[0], list(words), environment(home))  # noqa: S606 - a command of ours, without a shell
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
