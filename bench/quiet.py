"""What nothing costs: two minutes in which nobody changes anything."""

import time

from bench.counters import counts
from bench.figures import Figure
from bench.ground import Ground
from tests.bed.progress import say

MINUTES = 2
_SWEEP = "secretsmanager.ListSecrets"
_BEHIND_QUEUE = 10  # minutes between sweeps behind a queue


def with_queue(ground: Ground) -> list[Figure]:
    """The sweep comes every ten minutes, so that two of them say nothing of it: its share is added from one sweep's pages."""
    run = ground.running(queued=True)
    pages = counts(ground, run).aws[_SWEEP]
    sweeps = max(1, round((time.monotonic() - run.began) / 60 // _BEHIND_QUEUE) + 1)
    return _quiet(ground, "quiet, queue", queued=True, promise=4, swept=pages / sweeps / _BEHIND_QUEUE)


def without_queue(ground: Ground) -> list[Figure]:
    """The sweep alone, every minute."""
    return _quiet(ground, "quiet, no queue", queued=False, promise=12, swept=None)


def _quiet(ground: Ground, name: str, *, queued: bool, promise: float, swept: float | None) -> list[Figure]:
    """swept: ListSecrets calls a minute, where the window is too short to count them."""
    run = ground.running(queued=queued)
    run.settle()
    before, cpu, began = counts(ground, run), run.cpu(), time.monotonic()
    time.sleep(MINUTES * 60)
    spent, seconds = counts(ground, run).since(before), time.monotonic() - began
    say(f"  {spent.told()}")
    listed = spent.aws.pop(_SWEEP, 0) / seconds * 60
    calls = sum(spent.aws.values()) / seconds * 60 + (listed if swept is None else swept)
    return [
        Figure(f"{name}: AWS calls a minute", calls, "", promise=promise, eso=1000),
        Figure(f"{name}: logins in {MINUTES} min", spent.logins, "", promise=0),
        Figure(f"{name}: Kubernetes writes in {MINUTES} min", spent.writes, "", promise=0),
        Figure(f"{name}: Kubernetes reads in {MINUTES} min", sum(spent.kubernetes.values()) - spent.writes, ""),
        Figure(f"{name}: CPU", (run.cpu() - cpu) / seconds, "core", eso=0.14),
        Figure(f"{name}: memory", run.rss(), "MiB", eso=117),
    ]
