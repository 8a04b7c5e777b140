"""Operator processes forked from one that has imported everything: half of a start's CPU time is saved, hundreds of times."""

import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from tests.bed.bed import Bed
from tests.bed.paths import REPO
from tests.bed.processes import Processes, Recorded, started_at, until

OPERATOR = ["-m", "rotated_rds", "run"]
_SECONDS = "NURSERY_SECONDS"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def shortened(**seconds: float) -> dict[str, str]:
    """The environment of a fork that waits so many seconds instead: `hosted__LIST_LAGS=1` sets LIST_LAGS of acts/hosted.py."""
    return {_SECONDS: json.dumps(seconds)}


class Nursery(Processes):
    """Starts a bed's processes; an operator is forked from one that has imported all.

    It is a session of its own, which kill -9 ends as any other. No fork outlives the process that asked for it.
    What `shortened` gives, in its environment, shortens waits that are written in the code.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mother: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, **how: Any) -> Recorded:
        if list(argv[1:]) != OPERATOR or env is None:
            return super().start(name, argv, env=env, **how)
        pid = self._born({"environment": dict(env), "log": str(self.log(name))})
        until(f"{name} is a session of its own", lambda: started_at(pid) is None or os.getsid(pid) == pid, every=0.005)
        return self.record(name, pid)

    def _born(self, wanted: dict[str, Any]) -> int:
        with self._lock:
            if self._mother is None:
                path = os.pathsep.join([str(REPO / "operator"), str(REPO)])
                command = [sys.executable, "-m", "tests.support.nursery"]
                environment = {**os.environ, "PYTHONPATH": path}
                self._mother = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
            assert self._mother.stdin is not None
            assert self._mother.stdout is not None
            self._mother.stdin.write(json.dumps(wanted) + "\n")
            self._mother.stdin.flush()
            return int(self._mother.stdout.readline())

    def close(self) -> None:
        """End the mother, and with her what is left of her children."""
        if self._mother is None:
            return
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.close()
        self._mother.wait(60)  # it only has to end: on a machine with other work that takes its time
        self._mother.stdout.close()


@contextlib.contextmanager
def nursery(bed: Bed) -> Generator[Bed]:
    """The same bed, whose operators are forked."""
    same = Bed(bed.name)
    same.processes = forks = Nursery(bed.folder)
    try:
        yield same
    finally:
        forks.close()


def _mother() -> None:
    """Fork a child a line; say its pid."""
    for module in ("rotated_rds.__main__", "rotated_rds.commands.run"):
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    for line in sys.stdin:
        wanted = cast("dict[str, Any]", json.loads(line))
        if (pid := os.fork()) == 0:
            _operate(wanted["environment"], Path(wanted["log"]))
        print(pid, flush=True)


def _operate(environment: dict[str, str], log: Path) -> None:
    """In the child: become what `python -m rotated_rds run` is with that environment and log."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for ours, theirs in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(ours, theirs)
    for place, seconds in json.loads(environment.pop(_SECONDS, "{}")).items():
        room, _, name = place.partition("__")
        setattr(importlib.import_module(f"rotated_rds.acts.{room}"), name, timedelta(seconds=seconds))
    implementation = os.environ["PSYCOPG_IMPL"]
    os.environ.clear()
    os.environ.update(environment, PSYCOPG_IMPL=implementation)

    from kubernetes.config import kube_config  # noqa: PLC0415  imported before the fork

    from rotated_rds.__main__ import main  # noqa: PLC0415  likewise

    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = environment["KUBECONFIG"]  # it read the variable when it was imported
    main(["run"])


if __name__ == "__main__":
    _mother()
