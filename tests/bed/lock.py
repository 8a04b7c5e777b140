"""Pin the requirements anew, with hashes, from pyproject.toml: `python3 -m tests.bed.lock uv==VERSION` (standard library only)."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bed import paths

_COMPILE = ("pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11", "--generate-hashes")
# Each file agrees with those before it.
_FILES = {
    "run": ("pyproject.toml", "--extra", "cli"),
    "test": ("--group", "test"),
    "check": ("--group", "check"),
    "build": ("--group", "build"),
}


def main(uv: str) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", uv], check=True)
        before: list[str] = []
        for name, source in _FILES.items():
            output = f"requirements/{name}.txt"
            words = [*_COMPILE, *before, "--custom-compile-command", "make lock", "--output-file", output, *source]
            subprocess.run([home / "bin" / "uv", *words], cwd=paths.REPO, check=True)
            before += ["--constraints", output]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
