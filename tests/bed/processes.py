"""Start processes that outlive us, remember them by pid and start time, and end exactly those."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Python warns of a child that outlives its Popen object; ours outlive us by design.
_CHILDREN: list[subprocess.Popen[bytes]] = []


class BedError(Exception):
    """The bed cannot do what was asked; the text says why and what to try."""


@dataclass(frozen=True)
class Recorded:
    """One process of the bed. `started` is field 22 of /proc/PID/stat: a pid that was reused differs in it.

    ending: the signal that ends it first; SIGKILL for those that keep nothing outside the bed and end slowly.
    """

    name: str
    pid: int
    started: int
    part: str = ""
    ending: int = signal.SIGTERM

    @property
    def alive(self) -> bool:
        return started_at(self.pid) == self.started


def started_at(pid: int) -> int | None:
    """The kernel's start time of a live process, in clock ticks since boot; None when there is none (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Processes:
    """The processes of one bed, recorded in `pids.jsonl` of its state folder, logs in `log/`."""

    def __init__(self, folder: Path, part: str = "") -> None:
        self._folder = folder
        self._part = part
        self._file = folder / "pids.jsonl"
        (folder / "log").mkdir(parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.log"

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        ending: signal.Signals = signal.SIGTERM,
    ) -> Recorded:
        """Start one process in a session of its own, record it, and send its output to its log.

        user: the account to run as (root may change; anybody else must leave it None).
        """
        with self.log(name).open("ab") as out:
            child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if env is None else dict(env),
                user=user if os.geteuid() == 0 else None,
                group=user if os.geteuid() == 0 else None,
                extra_groups=[] if user and os.geteuid() == 0 else None,
                cwd=cwd,
            )
        _CHILDREN.append(child)
        return self.record(name, child.pid, ending)

    def record(self, name: str, pid: int, ending: signal.Signals = signal.SIGTERM) -> Recorded:
        """Remember a process that has just begun. Raises BedError with its last words when it has ended."""
        started = started_at(pid)
        if started is None:
            raise BedError(f"{name} ended at once: {self.tail(name)}")
        recorded = Recorded(name, pid, started, self._part, int(ending))
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(recorded)) + "\n")
        return recorded

    def recorded(self) -> list[Recorded]:
        """All that was started, oldest first; some may have ended."""
        if not self._file.exists():
            return []
        return [Recorded(**json.loads(line)) for line in self._file.read_text().splitlines()]

    def of_part(self, part: str) -> list[Recorded]:
        """The newest process of each name that the part started, oldest first: who was started anew has taken its place."""
        return list({one.name: one for one in self.recorded() if one.part == part}.values())

    def named(self, name: str) -> Recorded | None:
        """The living process of that name."""
        return next((one for one in reversed(self.recorded()) if one.name == name and one.alive), None)

    def tail(self, name: str, lines: int = 15) -> str:
        path = self.log(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"

    def end(self, one: Recorded, *, patience: float = 5.0, first: signal.Signals | None = None) -> None:
        """End one process: `first` (else its own ending) now, SIGKILL after `patience` seconds.

        Its children go with it (same group).
        """
        if not one.alive:
            return
        for sign, wait in ((first or one.ending, patience), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, sign)
            deadline = time.monotonic() + wait
            while one.alive and time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(one.pid, os.WNOHANG)
                time.sleep(0.02)
            if not one.alive:
                return
        raise BedError(f"{one.name} (pid {one.pid}) does not end")

    def end_part(self, part: str) -> None:
        """End what one part started, youngest first."""
        for one in reversed(self.recorded()):
            if one.part == part:
                self.end(one)

    def end_all(self) -> None:
        """End all that is recorded, youngest first, and forget it."""
        for one in reversed(self.recorded()):
            self.end(one)
        self._file.unlink(missing_ok=True)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody holds right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, check: Callable[[], bool], *, seconds: float = 60.0, every: float = 0.1) -> None:
    """Wait for a condition; BedError, naming `what`, when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise BedError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


def run(argv: Sequence[str | Path], *, env: dict[str, str] | None = None, stdin: str = "", cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed; BedError with its last lines when it fails."""
    done = subprocess.run([str(word) for word in argv], env=env, input=stdin, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BedError(f"{Path(str(argv[0])).name} failed with {done.returncode}:\n{tail}")
    return done.stdout
