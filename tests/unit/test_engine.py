"""When a resource is looked at: one pass at a time, back-off, deadlines, and nobody stops the others. The loop's clock is looptime's."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotated_rds.clients.aws import AwsIdentity
from rotated_rds.engine import Engine
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import SecretState
from rotated_rds.passes import End, Hint

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

KEY, OTHER = Key("shop", "db"), Key("shop", "other")
ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop/db-AbC1dE"
Pass = Callable[[Mapping[str, Any], Hint], End]


def a_body(version: int = 1, key: Key = KEY, **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": key.namespace, "name": key.name, "resourceVersion": str(version)}, "spec": {}, "status": status}


def quiet(body: Mapping[str, Any], _hint: Hint) -> End:
    return End(body)


def troubled(body: Mapping[str, Any], _hint: Hint) -> End:
    return End(body, troubled=True)


def unavailable(_body: Mapping[str, Any], _hint: Hint) -> End:
    raise Unavailable(Reason.UNAVAILABLE, "the API server did not answer")


class Pool(Executor):
    """Runs at once, on the loop's own thread; a pass of a held key ends when the test lets it."""

    def __init__(self) -> None:
        self.holding: set[Key] = set()
        self.held: dict[Key, Callable[[], None]] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        key = args[0]
        assert key not in self.held, f"two passes of {key} at once"

        def run() -> None:
            self.held.pop(key, None)
            future.set_result(fn(*args, **named))

        if key in self.holding:
            self.held[key] = run
        else:
            run()
        return future


class Bench:
    """An engine that runs, and what its passes saw."""

    def __init__(self, run: Pass = quiet, workers: int = 2) -> None:
        self.run, self.leading, self.forgotten = run, True, list[Key]()
        self.seen: list[tuple[float, Key, Mapping[str, Any], Hint]] = []
        self.pool = Pool()
        self.engine = Engine(self._pass, self.forgotten.append, self.pool, workers, lambda: self.leading, "bed")
        self.turning = asyncio.create_task(self.engine.run())

    def _pass(self, body: Mapping[str, Any], hint: Hint) -> End:
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        self.seen.append((asyncio.get_event_loop().time(), key, body, hint))
        return self.run(body, hint)

    def times(self, key: Key = KEY) -> list[float]:
        return [time for time, one, _, _ in self.seen if one == key]

    def gaps(self) -> list[float]:
        return [round(later - earlier, 1) for earlier, later in itertools.pairwise(self.times())]


async def settle() -> None:
    """Long enough for what is due now, and for nothing else."""
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("run", [unavailable, troubled])
async def test_trouble_backs_off_and_doubles_up_to_five_minutes(run: Pass) -> None:
    bench = Bench(run)
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(1500)
    assert bench.gaps() == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def test_a_pass_that_ends_well_ends_the_back_off() -> None:
    bench = Bench(troubled)
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(20)
    bench.run = quiet
    await asyncio.sleep(20)
    bench.seen.clear()
    bench.run = troubled
    bench.engine.poke(KEY, hint=Hint())
    await asyncio.sleep(4)
    assert bench.gaps() == [1, 2]


async def test_a_fault_of_ours_in_one_resource_is_told_without_its_text_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_body: Mapping[str, Any], _hint: Hint) -> End:
        raise ValueError("hunter2")

    caplog.set_level(logging.INFO)
    bench = Bench(broken)
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(4)
    assert bench.gaps() == [1, 2]
    assert "ValueError at test_engine.py" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_quiet_end_is_not_followed_by_another_pass() -> None:
    bench = Bench()
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(10000)
    assert len(bench.seen) == 1


async def test_a_pass_is_run_at_the_moment_that_the_last_one_named() -> None:
    bench = Bench(lambda body, _hint: End(body, datetime.now(UTC) + timedelta(seconds=60)) if len(bench.seen) == 1 else End(body))
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(1000)
    assert [round(gap) for gap in bench.gaps()] == [60]


async def test_a_poke_during_a_pass_runs_one_more_and_never_two_at_once() -> None:
    bench = Bench()
    bench.pool.holding = {KEY}
    bench.engine.poke(KEY, a_body())
    await settle()
    for _ in range(3):
        bench.engine.poke(KEY, hint=Hint(look=True))
    await settle()
    assert bench.seen == []
    bench.pool.holding = set()
    bench.pool.held[KEY]()
    await settle()
    assert len(bench.seen) == 2
    assert bench.seen[-1][3].look


async def test_a_pass_in_a_black_hole_does_not_stop_the_others() -> None:
    bench = Bench(workers=2)
    bench.pool.holding = {KEY}
    bench.engine.poke(KEY, a_body())
    await settle()
    others = [Key("shop", f"n{number}") for number in range(20)]
    for other in others:
        bench.engine.poke(other, a_body(key=other))
    await settle()
    assert {key for _, key, _, _ in bench.seen} == set(others)


async def test_an_older_body_is_left_aside() -> None:
    bench = Bench()
    bench.engine.poke(KEY, a_body(10))
    await settle()
    bench.engine.poke(KEY, a_body(9))
    await settle()
    assert len(bench.seen) == 1
    bench.engine.poke(KEY, a_body(11))
    await settle()
    assert [body["metadata"]["resourceVersion"] for _, _, body, _ in bench.seen] == ["10", "11"]


async def test_versions_are_compared_as_numbers() -> None:
    bench = Bench()
    for version in (9, 10):
        bench.engine.poke(KEY, a_body(version))
        await settle()
    assert len(bench.seen) == 2


async def test_a_poke_for_what_nobody_has_shown_yet_does_nothing() -> None:
    bench = Bench()
    bench.engine.poke(KEY, hint=Hint(look=True))
    await settle()
    assert bench.seen == []


async def test_what_was_to_be_looked_at_is_kept_until_a_pass_ends_well() -> None:
    bench = Bench(troubled)
    bench.engine.poke(KEY, a_body(), Hint(look=True))
    await asyncio.sleep(2)
    assert [hint.look for _, _, _, hint in bench.seen] == [True, True]
    bench.run = quiet
    await asyncio.sleep(10)
    bench.seen.clear()
    bench.engine.poke(KEY, hint=Hint())
    await settle()
    assert [hint.look for _, _, _, hint in bench.seen] == [False]


async def test_hints_that_come_before_a_pass_are_joined() -> None:
    bench, listed = Bench(), SecretState(ARN, "shop/db", {})
    first, second = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    bench.engine.poke(KEY, a_body(), Hint(look=True, moved_at=second))
    bench.engine.poke(KEY, hint=Hint(listed=listed, moved_at=first))
    await settle()
    assert [hint for _, _, _, hint in bench.seen] == [Hint(look=True, listed=listed, moved_at=first)]


async def test_a_replica_that_does_not_lead_starts_nothing() -> None:
    bench = Bench()
    bench.leading = False
    bench.engine.poke(KEY, a_body())
    await asyncio.sleep(60)
    assert bench.seen == []
    bench.leading = True
    bench.engine.wake()
    await settle()
    assert len(bench.seen) == 1


async def test_after_stop_no_pass_begins_and_idle_waits_for_the_last() -> None:
    bench = Bench()
    bench.pool.holding = {KEY}
    bench.engine.poke(KEY, a_body())
    await settle()
    bench.engine.stop()
    bench.engine.poke(OTHER, a_body(key=OTHER))
    idle = asyncio.create_task(bench.engine.idle())
    await asyncio.sleep(2)
    assert not idle.done()
    bench.pool.held[KEY]()
    await asyncio.wait_for(idle, 1)
    assert [key for _, key, _, _ in bench.seen] == [KEY]


async def test_what_is_gone_is_forgotten_everywhere() -> None:
    bench = Bench(lambda _body, _hint: End(None))
    bench.engine.poke(KEY, a_body(secretArn=ARN))
    assert bench.engine.keys_of(ARN) == [KEY]
    await settle()
    assert bench.forgotten == [KEY]
    assert bench.engine.keys() == []
    assert bench.engine.keys_of(ARN) == []


async def test_a_resource_deleted_during_its_pass_stays_deleted() -> None:
    bench = Bench(troubled)
    bench.pool.holding = {KEY}
    bench.engine.poke(KEY, a_body())
    await settle()
    bench.engine.drop(KEY)
    bench.pool.held[KEY]()
    await asyncio.sleep(100)
    assert len(bench.seen) == 1
    assert bench.engine.keys() == []


async def test_a_secret_is_found_by_every_name_that_an_event_may_use() -> None:
    bench = Bench()
    bench.engine.poke(KEY, a_body(secretArn=ARN, versionId="v1"))
    assert [bench.engine.keys_of(name) for name in (ARN, ARN[:-7], "shop/db", "other")] == [[KEY], [KEY], [KEY], []]
    assert bench.engine.version_of(KEY) == "v1"
    await settle()
    moved = ARN.replace("shop/db", "shop/new")
    bench.engine.poke(KEY, a_body(2, secretArn=moved))
    assert [bench.engine.keys_of(name) for name in (ARN, moved)] == [[], [KEY]]


async def test_only_resources_with_a_known_secret_are_swept_for() -> None:
    bench = Bench()
    bench.engine.poke(OTHER, a_body(key=OTHER))
    assert bench.engine.identities() == set()
    bench.engine.poke(KEY, a_body(secretArn=ARN))
    assert bench.engine.identities() == {AwsIdentity()}
    assert not bench.engine.follows(AwsIdentity(), "External")


async def test_it_is_known_whose_secrets_carry_no_tag_of_ours() -> None:
    bench = Bench()
    managed = {**a_body(secretArn=ARN), "spec": {"rotation": {"method": "RDSManaged"}}}
    bench.engine.poke(KEY, managed)
    assert bench.engine.follows(AwsIdentity(), "RDSManaged")
    assert not bench.engine.follows(AwsIdentity("us-west-2"), "RDSManaged")
    assert not bench.engine.follows(AwsIdentity(), "External")


async def test_what_a_pass_left_is_told_to_who_listens() -> None:
    told: list[tuple[Key, frozenset[str]]] = []
    bench = Bench(lambda body, _hint: End(body, versions=frozenset({"v1"})))
    bench.engine.ended.append(lambda key, _began, end: told.append((key, end.versions)))
    bench.engine.poke(KEY, a_body())
    await settle()
    assert told == [(KEY, frozenset({"v1"}))]
