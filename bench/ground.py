"""The bed that is measured on, and the operator as a process of its own on it, with or without the queue."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.fleet import PREFIX, Fleet
from tests.bed import parts
from tests.bed.api import Api
from tests.bed.bed import Bed, exists, held
from tests.bed.kubeconfig import admin_kubeconfig, service_account_kubeconfig
from tests.bed.processes import BedError, until
from tests.support.aws import Aws
from tests.support.operators import Operator
from tests.support.releases import HOME, install

NAME = "bench"
PARTS = ("kubernetes", "postgres", "aws")
READY = 'rotated_rds_resources{condition="Ready",status="True"}'
PASSES = "rotated_rds_reconcile_seconds_count"
_STILL = 5.0


@dataclass
class Run:
    """One life of the operator. aws: its own caller's counts; began: on the monotonic clock."""

    operator: Operator
    aws: Aws
    queued: bool
    size: int
    began: float

    @property
    def process(self) -> psutil.Process:
        assert self.operator.process is not None
        return psutil.Process(self.operator.process.pid)

    def metric(self, name: str) -> float:
        """0 before the operator serves, or has counted. BedError with its last words when it has ended."""
        assert self.operator.process is not None
        if not self.operator.process.alive:
            raise BedError(f"the operator has ended:\n{chr(10).join(self.operator.log.splitlines()[-5:])}")
        return self.operator.metrics().get(name, 0.0) if self.operator.port else 0.0

    def rss(self) -> float:
        """MiB, now."""
        return self.process.memory_info().rss / 2**20

    def peak(self) -> float:
        """MiB, the most since its start, by the kernel's own mark."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def seen(self, seconds: float = 300.0) -> float:
        """Wait until every resource of the fleet was looked at and is Ready; the seconds since the start."""
        until(f"{self.size} resources are Ready", lambda: self.metric(READY) >= self.size, seconds=seconds, every=0.1)
        return time.monotonic() - self.began

    def settle(self) -> None:
        """Wait until the first sweep is over and no pass has run for a while."""
        until("the first sweep ends", lambda: self.metric("rotated_rds_last_sweep_timestamp_seconds") > 0, seconds=120)
        last = [(self.metric(PASSES), time.monotonic())]

        def still() -> bool:
            passes = self.metric(PASSES)
            if passes != last[0][0]:
                last[0] = (passes, time.monotonic())
            return time.monotonic() - last[0][1] >= _STILL

        until("no pass runs any more", still, seconds=300, every=0.5)


@dataclass
class Ground:
    """Bed and fleet, and at most one operator at a time. rounds: how often each end of a replica is measured."""

    bed: Bed
    fleet: Fleet
    api: Api
    queue: str
    rounds: int
    synced: bool = False
    _run: Run | None = field(default=None)

    @property
    def token(self) -> Path:
        """A kubeconfig with a token, for watches of our own."""
        return service_account_kubeconfig(self.bed, HOME, HOME)

    def start(self, *, queued: bool) -> Run:
        """A new operator process; the one before is ended. Returns as soon as the process is there."""
        self.stop()
        aws = Aws(self.bed.facts()["aws"])
        operator = Operator(self.bed, aws, (), environment={"ROTATED_RDS_QUEUE_URL": self.queue} if queued else {})
        self._run = Run(operator, aws, queued, self.fleet.size, time.monotonic())
        operator.start()
        return self._run

    def running(self, *, queued: bool = True) -> Run:
        """An operator that has seen all and is quiet: the one that runs, if it is of that kind."""
        if self._run is None or self._run.queued != queued:
            run = self.start(queued=queued)
            run.seen()
            self.synced = True
            run.settle()
        assert self._run is not None
        return self._run

    def stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.operator.stop()


@contextmanager
def ground(size: int, rounds: int, say: Callable[[str], None]) -> Generator[Ground]:
    """Bring everything up, and take it down at the end."""
    with held(NAME):
        if exists(NAME):
            Bed(NAME).remove()
        bed = Bed(NAME)
        try:
            parts.bring_up(bed, PARTS)
            api = Api(admin_kubeconfig(bed))
            install(api)
            aws = Aws(bed.facts()["aws"])
            queue = aws.change_queue(NAME, PREFIX)
            fleet = Fleet(api, aws, bed.facts()["postgres"], size)
            fleet.build(say)
            made = Ground(bed, fleet, api, queue.url, rounds)
            yield made
            made.stop()
        finally:
            bed.remove()


def load() -> float:
    """The load average of the last minute; ours is in it, and that of whoever shares the machine."""
    return os.getloadavg()[0]
