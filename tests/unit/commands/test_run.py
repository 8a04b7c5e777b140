"""Taking over: what the replica before left half done comes first, and what was watched since the last list has its claim."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotated_rds.commands.rooms import Leading, Rooms, Watched
from rotated_rds.commands.run import Operator
from rotated_rds.engine import Engine
from rotated_rds.model.claims import Claim, Claims
from rotated_rds.model.resource import Key
from rotated_rds.passes import End, Hint

pytestmark = pytest.mark.asyncio

OTHERS = [Key("shop", f"a{number}") for number in range(5)]
HALF_DONE = Key("shop", "z")
STARTED = {"versionId": "v2", "step": "set", "since": "2026-11-25T12:00:00.000000Z", "cause": "rotate:once"}


def a_body(key: Key, **rotation: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rotated-rds.io/v1alpha1",
        "kind": "RotatedRDSSecret",
        "metadata": {
            "namespace": key.namespace,
            "name": key.name,
            "uid": key.name,
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-25T12:00:00Z",
        },
        "spec": {"database": {"host": "db", "engine": "postgres"}, "user": {"name": key.name}},
        "status": {
            "observedGeneration": 1,
            "database": {"engine": "postgres", "host": "db", "port": 5432},
            "rotation": {"method": "Operator", **rotation},
        },
    }


@dataclass
class Replica:
    """One operator's insides; its passes do nothing but say whose they are, one at a time."""

    order: list[Key] = field(default_factory=list[Key])
    claims: Claims = field(default_factory=Claims)
    leading: Leading = field(default_factory=lambda: Leading(None))

    def __post_init__(self) -> None:
        run: Callable[[Mapping[str, Any], Hint], End] = self._run
        self.engine = Engine(run, lambda _key: None, ThreadPoolExecutor(1), 1, self.leading, "cluster")
        self.watched = Watched(self.claims)
        rooms = SimpleNamespace(leading=self.leading, engine=self.engine, watched=self.watched)
        self.operator = Operator(cast("Rooms", rooms))
        self.all_done = asyncio.Event()
        self.engine.ended.append(lambda _key, _began, _end: self.all_done.set() if len(self.order) > len(OTHERS) else None)

    def sees(self, key: Key, **rotation: Any) -> None:
        """As a watch tells it."""
        self.watched.note(key, a_body(key, **rotation))
        self.engine.poke(key, a_body(key, **rotation))

    def _run(self, body: Mapping[str, Any], _hint: Hint) -> End:
        self.order.append(Key(body["metadata"]["namespace"], body["metadata"]["name"]))
        return End(body)


async def test_A7_who_takes_over_looks_first_at_what_is_half_done() -> None:
    replica = Replica()
    for key in OTHERS:
        replica.sees(key)
    replica.sees(HALF_DONE, inProgress=STARTED)
    running = asyncio.create_task(replica.engine.run())
    await asyncio.sleep(0)
    assert replica.order == [], "a standby does nothing"
    await replica.operator.begin()
    await asyncio.wait_for(replica.all_done.wait(), 10)
    running.cancel()
    assert replica.order[0] == HALF_DONE


async def test_A5_who_takes_over_knows_the_claims_of_what_it_has_watched() -> None:
    replica = Replica()
    replica.sees(HALF_DONE)
    await replica.operator.begin()
    newer = Claim(OTHERS[0], datetime.now(UTC), HALF_DONE.name, frozenset({"db:5432"}))
    rival = replica.claims.stake(newer)
    assert rival is not None
    assert rival.key == HALF_DONE
