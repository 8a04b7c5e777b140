"""The bed's kubectl, as one identity."""

import subprocess
from pathlib import Path

from tests.bed import build
from tests.bed.processes import BedError


class Kubectl:
    """Call it with kubectl's words; it returns what kubectl prints, and raises BedError with what it complains of."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.program = build.program("kubectl")

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        command = [self.program, "--kubeconfig", self.kubeconfig, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BedError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def apply(self, manifest: str, namespace: str = "default") -> str:
        return self("apply", "-n", namespace, "-f", "-", stdin=manifest)
