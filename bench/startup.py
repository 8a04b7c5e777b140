"""First sync, when every Secret has to be written, and the start after it, when nothing has."""

from bench.counters import counts
from bench.figures import Figure
from bench.ground import Ground
from tests.bed.progress import say


def first_sync(ground: Ground) -> list[Figure]:
    """A thousand resources that nobody has looked at yet."""
    ground.stop()
    if ground.synced:
        ground.fleet.clear()
        ground.fleet.apply(say)
    run, size = ground.start(queued=True), ground.fleet.size
    before = counts(ground, run)
    seconds = run.seen()
    ground.synced = True
    run.settle()
    spent = counts(ground, run).since(before)
    say(f"  {spent.told()}")
    return [
        Figure("first sync, all Ready", seconds, "s"),
        Figure("first sync", size / seconds, "resources/s", eso=54, more=True),
        Figure("first sync: Kubernetes calls a resource", sum(spent.kubernetes.values()) / size, "", eso=14),
        Figure("first sync: AWS calls a resource", sum(spent.aws.values()) / size, ""),
        Figure("first sync: logins a resource", spent.logins / size, ""),
        Figure("first sync: CPU", run.cpu(), "s"),
        Figure("first sync: memory, peak", run.peak(), "MiB"),
    ]


def quiet_start(ground: Ground) -> list[Figure]:
    """Start anew where nothing is to be done."""
    ground.running()
    run, size = ground.start(queued=True), ground.fleet.size
    before = counts(ground, run)
    seconds = run.seen()
    run.settle()
    spent = counts(ground, run).since(before)
    say(f"  {spent.told()}")
    return [
        Figure("start → all seen, quiet", seconds, "s"),
        Figure("start: Kubernetes calls a resource", sum(spent.kubernetes.values()) / size, ""),
        Figure("start: AWS calls", sum(spent.aws.values()), ""),
        Figure("start: Kubernetes writes and logins", spent.writes + spent.logins, "", promise=0),
        Figure("start: CPU", run.cpu(), "s"),
        Figure("memory, peak", run.peak(), "MiB"),
        Figure("memory, settled", run.rss(), "MiB", eso=117),
    ]
