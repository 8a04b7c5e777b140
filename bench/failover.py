"""From one replica to the next: seconds without one that acts, on SIGTERM and on kill -9, half of them in mid-rotation."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bench.effects import NAME, SPACE, Effects, Resource
from bench.figures import Figure, median
from bench.ground import READY, Ground
from bench.watching import watching
from rotated_rds.clients.lease import TIME
from tests.bed.processes import BedError, until
from tests.support.aws import Aws
from tests.support.operators import Operator
from tests.support.resources import Cluster

HAND_OVER = 2.0  # seconds, the promise for SIGTERM; for a kill it is the Lease's own time
LEADS = "this replica leads"
ONCE, NEVER = Effects(1, 1, 1, 1, 1), Effects(0, 0, 0, 0, 0)
# Where a rotation is when its replica ends: a call is on its way, or has been carried out and its answer is.
POINTS = [(kind, call) for call in ("PutSecretValue", "UpdateSecretVersionStage") for kind in ("hold-before", "hold-after")]
_STEP = 0.005  # seconds between two looks: finer than what is measured by far


class End(Enum):
    """How a replica ends."""

    TERM = "SIGTERM"
    KILL = "kill -9"

    @property
    def signal(self) -> signal.Signals:
        return signal.SIGTERM if self is End.TERM else signal.SIGKILL


@dataclass(frozen=True)
class Taken:
    """One round. away: seconds without a replica that acts; rested: until the half-done rotation was at rest; twice: effects too many."""

    how: End
    away: float
    rested: float | None
    twice: int


@dataclass
class Pair:
    """Two replicas of one release, one identity in AWS."""

    ground: Ground
    aws: Aws
    leader: Operator
    standby: Operator

    @classmethod
    def up(cls, ground: Ground) -> "Pair":
        aws = Aws(ground.bed.facts()["aws"])
        settings = {"ROTATED_RDS_QUEUE_URL": ground.queue, "ROTATED_RDS_MIN_ROTATION_INTERVAL": "100ms"}
        leader, standby = Operator(ground.bed, aws, (), environment=settings), Operator(ground.bed, aws, (), environment=settings)
        standby.release = leader.release
        leader.start()
        until("the first replica leads", lambda: LEADS in leader.log and not leader.missing(), seconds=300)
        until("the fleet is Ready", lambda: leader.metrics().get(READY, 0) >= ground.fleet.size, seconds=900, every=1.0)
        standby.start()
        return cls(ground, aws, leader, standby)

    def warm(self) -> None:
        """Wait until the other could lead. BedError with its last words when it has ended."""
        until(
            "the standby is ready",
            lambda: _alive(self.standby) and self.standby.port is not None and not self.standby.missing(),
            seconds=300,
        )

    def end(self, how: End) -> float:
        """Signal the leader; the moment of it, on the monotonic clock."""
        assert self.leader.process is not None
        began = time.monotonic()
        os.kill(self.leader.process.pid, how.signal)
        return began

    def turn(self) -> None:
        """The one that took over leads; another stands by."""
        self.leader.stop()
        self.leader, self.standby = self.standby, self.leader
        self.standby.start()

    def down(self) -> None:
        for one in (self.leader, self.standby):
            one.stop()


def _alive(one: Operator) -> bool:
    if one.process is None or not one.process.alive:
        raise BedError(f"{one.name} has ended:\n{chr(10).join(one.log.splitlines()[-5:])}")
    return True


def failover(ground: Ground) -> list[Figure]:
    """As many rounds of each end as the ground says, among its fleet; half of each in mid-rotation."""
    ground.stop()
    pair = Pair.up(ground)
    ground.api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    with watching(ground.token, f"/api/v1/namespaces/{SPACE}/secrets") as secrets:
        resource = Resource(ground, Cluster(ground.api, SPACE), pair.aws, secrets)
        resource.given()
        try:
            rounds = [_round(pair, resource, number, how) for number in range(ground.rounds) for how in End]
        finally:
            pair.down()
    return _figures(rounds)


def _round(pair: Pair, resource: Resource, number: int, how: End) -> Taken:
    pair.warm()
    until("nothing is under way", resource.at_rest, seconds=120)
    before, request = resource.effects(), f"round {number} {how.value} {time.time()}"
    rotating = number % 2 == 1
    held = _half_done(resource, request, number // 2) if rotating else None
    began = pair.end(how)
    if held is not None:
        pair.aws.control.release(held, drop=how is End.KILL)  # after SIGTERM it goes on, after kill -9 nobody hears of it
    until("the standby leads", lambda: LEADS in pair.standby.log, seconds=60, every=_STEP)
    away = time.monotonic() - began
    until("the rotation is at rest", lambda: resource.at_rest(request if rotating else None), seconds=120, every=_STEP)
    rested = time.monotonic() - began if rotating else None
    twice = _beyond(resource, before, ONCE if rotating else NEVER)
    pair.turn()
    return Taken(how, away, rested, twice)


def _half_done(resource: Resource, request: str, point: int) -> int:
    """A rotation that stands still at one of the points; the fault that holds it."""
    kind, call = POINTS[point % len(POINTS)]
    control = resource.aws.control
    held = control.fault(kind, call)
    resource.cluster.annotate(NAME, rotate=request)
    if control.wait_held(held) is None:
        raise BedError(f"the rotation does not come to {call}")
    return held


def _beyond(resource: Resource, before: Effects, expected: Effects) -> int:
    """How many effects happened too often. BedError when one that should have happened did not, or nothing logs in any more."""
    until(
        f"all effects have been counted ({expected})",
        lambda: not expected.beyond(resource.effects().since(before)),
        seconds=30,
    )
    if not resource.works():
        raise BedError("the Secret's credential does not log in")
    return resource.effects().since(before).beyond(expected)


def _figures(rounds: Sequence[Taken]) -> list[Figure]:
    figures: list[Figure] = []
    for how in End:
        for rotating in (False, True):
            some = [one for one in rounds if one.how is how and (one.rested is not None) is rotating]
            if some:
                figures += _of(f"{how.value}, {'in mid-rotation' if rotating else 'at rest'}", some, HAND_OVER if how is End.TERM else TIME)
    twice = sum(one.twice for one in rounds)
    return [*figures, Figure(f"effects that happened twice, of {len(rounds)} rounds", twice, "", promise=0)]


def _of(title: str, rounds: Sequence[Taken], promise: float) -> list[Figure]:
    away = [one.away for one in rounds]
    rested = [one.rested for one in rounds if one.rested is not None]
    return [
        Figure(f"{title} ({len(rounds)}): nobody acts, median", median(away), "s"),
        Figure(f"{title} ({len(rounds)}): nobody acts, longest", max(away), "s", promise=promise),
        *([Figure(f"{title}: until it is at rest, longest", max(rested), "s")] if rested else []),
    ]
