"""The bed's helm, as a person runs it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bed import build
from tests.bed.processes import BedError

PATIENCE = "300s"


@dataclass(frozen=True)
class Helm:
    """Call it with helm's words; it returns what a person sees, and raises BedError with that. home: for its own files.

    Both streams: the words of a chart's own Jobs come on the second.
    """

    kubeconfig: Path
    home: Path

    def __call__(self, *words: str | Path) -> str:
        places = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        command = [str(build.program("helm")), f"--kubeconfig={self.kubeconfig}", *map(str, words)]
        environment = {**os.environ, **places}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise BedError(f"helm {' '.join(map(str, words))}: {done.stdout}")
        return done.stdout
