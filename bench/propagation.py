"""From a new AWSCURRENT to the Kubernetes Secret, by the queue, the login included."""

import random
import time
from collections.abc import Mapping, Sequence

from bench.counters import counts
from bench.figures import Figure, median, quantile
from bench.fleet import Change
from bench.ground import Ground, Run
from bench.watching import SECRETS, Sight, Watching, watching
from tests.bed.progress import say

CHANGES = 200
PAUSE = 0.3  # seconds between two changes on average: 200 a minute
_STEPS = (("DescribeSecret", "AWS change → noticed"), ("GetSecretValue", "AWS change → value asked for"))


def steady(ground: Ground) -> list[Figure]:
    """One change after the other, at random moments."""
    run = ground.running(queued=True)
    before = counts(ground, run)
    made, seen = _changes(ground, PAUSE, seed=1)
    spent = _spent(made, seen)
    run.settle()
    used = counts(ground, run).since(before)
    say(f"  {used.told()}")
    steps = [(title, _until_call(run, made, operation)) for operation, title in _STEPS]
    for title, seconds in steps:
        say(f"  {title}: median {median(seconds):.3f}, p99 {quantile(seconds, 0.99):.3f} s")
    return [
        Figure("AWS change → Secret, median", median(spent), "s", promise=0.3, eso=16.6),
        Figure("AWS change → Secret, p99", quantile(spent, 0.99), "s", promise=1, eso=59.1),
        Figure("AWS change → Secret, slowest of 200", max(spent), "s"),
        Figure("a change: Kubernetes writes but the Event", (used.writes - used.events) / CHANGES, "", promise=2),
        Figure("a change: Kubernetes reads", (sum(used.kubernetes.values()) - used.writes) / CHANGES, ""),
        Figure("a change: AWS calls", sum(used.aws.values()) / CHANGES, ""),
    ]


def burst(ground: Ground) -> list[Figure]:
    """All at once, on one database: its logins go one at a time (SAFETY.md B4)."""
    ground.running(queued=True)
    made, seen = _changes(ground, 0.0, seed=2)
    spent = _spent(made, seen)
    whole = max(seen[change.version].at for change in made) - made[0].at
    return [
        Figure(f"{CHANGES} changes at once, one database: median", median(spent), "s", eso=16.6),
        Figure(f"{CHANGES} changes at once, one database: p99", quantile(spent, 0.99), "s", eso=59.1),
        Figure(f"{CHANGES} changes at once, one database", CHANGES / whole, "Secrets/s", eso=54, more=True),
    ]


def _changes(ground: Ground, pause: float, seed: int) -> tuple[Sequence[Change], Mapping[str, Sight]]:
    """Make them, and wait until each is in its Secret, with the right user and password."""
    dice = random.Random(seed)  # noqa: S311  not for secrecy
    with watching(ground.token, SECRETS) as secrets:
        made: list[Change] = []
        for member in ground.fleet.some(CHANGES, seed):
            made.append(ground.fleet.change(member))
            if pause:
                time.sleep(dice.expovariate(1 / pause))
        say(f"  {CHANGES} changes in {time.monotonic() - made[0].at:.0f} s")
        return made, secrets.wait(f"{CHANGES} new versions", lambda: _all(ground, made, secrets), seconds=120)


def _all(ground: Ground, made: Sequence[Change], secrets: Watching) -> Mapping[str, Sight] | None:
    """The first sight of each version; None while one is missing."""
    wanted = {change.version: change for change in made}
    found: dict[str, Sight] = {}
    for sight in secrets.sights:
        if sight.version in wanted and sight.version not in found:
            change = wanted[sight.version]
            holds = sight.place, sight.content("username"), sight.content("password")
            assert holds == (change.member.place, change.user, ground.fleet.passwords[change.user]), "a Secret holds another credential"
            found[sight.version] = sight
    return found if len(found) == len(wanted) else None


def _spent(made: Sequence[Change], seen: Mapping[str, Sight]) -> list[float]:
    return [seen[change.version].at - change.at for change in made]


def _until_call(run: Run, made: Sequence[Change], operation: str) -> list[float]:
    """Seconds from each change to the operator's first such call about its secret."""
    calls = [call for call in run.aws.control.calls() if call["operation"] == operation]
    spent: list[float] = []
    for change in made:
        times = [call["time"] for call in calls if change.member.secret in call["secrets"] and call["time"] >= change.wall]
        spent += [min(times) - change.wall] if times else []
    return spent
