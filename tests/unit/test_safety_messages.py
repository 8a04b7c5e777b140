"""SAFETY.md A7: how long a message is looked after. The loop's clock is looptime's; real queues are in tests/e2e."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from rotated_rds import metrics
from rotated_rds.clients.aws import AwsSessions
from rotated_rds.clients.queue import Message, Queue
from rotated_rds.engine import Engine
from rotated_rds.model.resource import Key
from rotated_rds.passes import End, Hint, is_pressing
from rotated_rds.watch import Watch

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

KEY = Key("shop", "db")
ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:shop/db-AbC1dE"
OLD, NEW = "0" * 36, "1" * 36


class Pool(Executor):
    """Runs at once, on the loop's own thread."""

    def submit(self, fn: Any, /, *args: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(fn(*args, **named))
        return future


@dataclass
class Postbox:
    """Stands for the queue: what is in it, and what was deleted from it."""

    messages: list[Message] = field(default_factory=list[Message])
    deleted: list[str] = field(default_factory=list[str])

    def receive(self) -> Sequence[Message]:
        now, self.messages = self.messages, []
        return now

    def delete(self, messages: Sequence[Message]) -> None:
        self.deleted += [one.receipt for one in messages]


class Desk:
    """A watch over one resource whose passes see `versions`."""

    def __init__(self) -> None:
        self.versions, self.seen, self.box = frozenset({OLD}), list[float](), Postbox()
        self.engine = Engine(self._pass, self._forget, Pool(), 2, lambda: True, "bed")
        self.watch = Watch(self.engine, cast("AwsSessions", None), lambda: True, lambda _: timedelta(hours=1), cast("Queue", self.box))
        self.engine.ended.append(self.watch.pass_ended)
        self.turning = asyncio.create_task(self.engine.run())

    def _pass(self, body: Mapping[str, Any], _hint: Hint) -> End:
        self.seen.append(asyncio.get_running_loop().time())
        return End(body, versions=self.versions)

    def _forget(self, key: Key) -> None:
        self.watch.drop(key)

    async def open(self) -> "Desk":
        self.engine.poke(KEY, a_body())
        await settle()
        self.seen.clear()
        return self

    async def get(self, *texts: str) -> float:
        """Messages come in; when they did."""
        self.box.messages = [Message(f"receipt {number}", text) for number, text in enumerate(texts)]
        now = asyncio.get_running_loop().time()
        await self.watch._receive()  # pyright: ignore[reportPrivateUsage]  one turn of what goes on for ever
        return now

    async def deleted(self) -> list[str]:
        """What a thread has deleted by now, in the real time that it takes."""
        for _ in range(20):
            await asyncio.sleep(0)
            time.sleep(0.005)  # noqa: ASYNC251  the loop's clock stands still, the thread's does not
        return self.box.deleted


async def settle() -> None:
    await asyncio.sleep(0.01)


def a_body(status: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    created = "2026-01-01T00:00:00Z"
    place = {"namespace": KEY.namespace, "name": KEY.name, "resourceVersion": "1", "uid": "u", "creationTimestamp": created}
    return {"metadata": place, "spec": spec, "status": {"secretArn": ARN, "versionId": OLD, **(status or {})}}


def moved_to(version: str, arn: str = ARN) -> str:
    detail = {"labelUpdated": "AWSCURRENT", "versionId": version}
    return json.dumps({"detail-type": "Secret Label Updated", "resources": [arn], "detail": detail, "time": "2026-01-01T00:00:00Z"})


async def test_A7_a_message_is_looked_after_at_growing_pauses_for_a_minute() -> None:
    desk = await Desk().open()
    began = await desk.get(moved_to(NEW))
    await asyncio.sleep(59)
    assert [round(one - began) for one in desk.seen] == [0, 1, 3, 7, 15, 31]
    assert await desk.deleted() == []
    await asyncio.sleep(2)
    assert await desk.deleted() == ["receipt 0"]
    await asyncio.sleep(300)
    assert len(desk.seen) == 6


async def test_A7_a_message_is_deleted_after_the_pass_that_saw_its_version() -> None:
    desk = await Desk().open()
    await desk.get(moved_to(NEW))
    await settle()
    assert await desk.deleted() == []
    desk.versions = frozenset({OLD, NEW})
    await asyncio.sleep(1.1)
    assert await desk.deleted() == ["receipt 0"]
    await asyncio.sleep(300)
    assert len(desk.seen) == 2


async def test_A7_a_pass_that_began_before_the_message_came_proves_nothing() -> None:
    desk = await Desk().open()
    before = datetime.now(UTC)
    await desk.get(moved_to(NEW))
    desk.watch.pass_ended(KEY, before, End(a_body(), versions=frozenset({NEW})))
    assert await desk.deleted() == []
    desk.watch.pass_ended(KEY, datetime.now(UTC), End(a_body(), versions=frozenset({NEW})))
    assert await desk.deleted() == ["receipt 0"]


async def test_A7_other_passes_in_between_make_no_more_looks() -> None:
    desk = await Desk().open()
    await desk.get(moved_to(NEW))
    for _ in range(10):
        await asyncio.sleep(0.05)
        desk.engine.poke(KEY, hint=Hint())
    await asyncio.sleep(300)
    assert len(desk.seen) == 6 + 10
    assert await desk.deleted() == ["receipt 0"]


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"detail": 1}', moved_to(NEW, ARN.replace("shop", "theirs"))])
async def test_A7_a_message_that_is_malformed_or_about_nobody_is_deleted_at_once_and_counted(text: str) -> None:
    desk = await Desk().open()
    before = counted()
    await desk.get(text)
    assert await desk.deleted() == ["receipt 0"]
    assert counted() == before + 1
    await settle()
    assert desk.seen == []


def counted() -> float:
    found = metrics.REGISTRY.get_sample_value("rotated_rds_reconcile_errors_total", {"stage": "Queue", "reason": "UnknownMessage"})
    return found or 0.0


async def test_A7_a_message_about_what_is_published_already_is_deleted_at_once() -> None:
    desk = await Desk().open()
    await desk.get(moved_to(OLD))
    assert await desk.deleted() == ["receipt 0"]


async def test_A7_messages_of_a_resource_that_goes_are_no_longer_looked_after() -> None:
    desk = await Desk().open()
    await desk.get(moved_to(NEW))
    await settle()
    desk.engine.drop(KEY)
    await asyncio.sleep(300)
    assert len(desk.seen) == 1
    await desk.get(moved_to(NEW))
    assert await desk.deleted() == ["receipt 0"]


OTHERS = [Key("shop", f"other-{number}") for number in range(5)]


async def start(turn: Callable[[Mapping[str, Any], Hint], End]) -> None:
    """An engine with one worker starts: `db` presses, the others were there before it."""
    engine = Engine(turn, lambda _key: None, Pool(), 1, lambda: True, "bed")
    for key in (*OTHERS, KEY):
        body = a_body()
        engine.poke(key, {**body, "metadata": {**body["metadata"], "name": key.name}})
    engine.press(KEY)
    turning = asyncio.create_task(engine.run())
    await settle()
    turning.cancel()


async def test_A7_at_a_start_what_is_pressing_is_looked_at_first() -> None:
    order = list[str]()
    await start(lambda body, _hint: order.append(body["metadata"]["name"]) or End(body))
    assert order == ["db", *(key.name for key in OTHERS)]


async def test_A7_a_rotation_goes_on_before_others_are_looked_at_for_the_first_time() -> None:
    order = list[str]()

    def turn(body: Mapping[str, Any], _hint: Hint) -> End:
        order.append(body["metadata"]["name"])
        goes_on = order.count("db") < 3 and order[-1] == "db"
        return End(body, datetime.now(UTC) if goes_on else None, pressing=goes_on)

    await start(turn)
    assert order == ["db", "db", "db", *(key.name for key in OTHERS)]


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PLAIN = {"database": {"host": "db", "engine": "postgres"}, "user": {"name": "app"}}
UNDER_WAY = {"rotation": {"inProgress": {"versionId": NEW, "since": "2026-01-02T11:59:00Z", "cause": "request"}}}


@pytest.mark.parametrize(
    ("status", "rotation", "pressing"),
    [
        ({}, {}, False),
        (UNDER_WAY, {}, True),
        ({}, {"schedule": "cron(0 12 * * ? *)"}, True),
        ({}, {"schedule": "cron(0 13 * * ? *)"}, False),
        ({}, {"schedule": "nonsense"}, False),
    ],
)
async def test_A7_pressing_is_what_is_in_mid_rotation_or_in_its_window(status: Any, rotation: Any, pressing: bool) -> None:
    assert is_pressing(a_body(status, **PLAIN, rotation=rotation), NOON) == pressing
