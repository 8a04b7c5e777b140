"""What the watch tells while a pass runs: its own doing is no news, anybody else's is."""

import asyncio
import copy
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rotated_rds.engine import Body, Engine
from rotated_rds.model.resource import Key
from rotated_rds.passes import End, Hint

KEY, OTHER = Key("shop", "db"), Key("shop", "other")
SPEC = {"secret": {"name": "s"}, "rotation": {"method": "External"}}


def a_body(version: int, key: Key = KEY, **annotations: str) -> dict[str, Any]:
    metadata = {"namespace": key.namespace, "name": key.name, "resourceVersion": str(version), "annotations": annotations}
    return {"metadata": metadata, "spec": copy.deepcopy(SPEC), "status": {}}


class Bench:
    """An engine whose passes wait until the test lets them end, and says what they leave behind."""

    def __init__(self) -> None:
        self.passes: list[Body] = []
        self.left: Callable[[Body], Body] = lambda body: body
        self._begun, self._end = threading.Semaphore(0), threading.Semaphore(0)
        self.engine = Engine(self._pass, lambda _key: None, ThreadPoolExecutor(1), 1, lambda: True, "test")

    def _pass(self, body: Body, _hint: Hint) -> End:
        self.passes.append(body)
        self._begun.release()
        assert self._end.acquire(timeout=10)
        return End(self.left(body) if body["metadata"]["name"] == KEY.name else body)

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.acquire, timeout=10)

    def let_end(self) -> None:
        self._end.release()

    async def ends_quietly(self) -> bool:
        """Whether no other pass follows the one that ends now: the only worker would take it before the neighbour's second one."""
        for hint in (None, Hint()):
            self.let_end()
            self.engine.poke(OTHER, a_body(1, OTHER), hint)
            await self.begun()
        return KEY.name not in [body["metadata"]["name"] for body in self.passes[1:]]


def during_a_pass(work: Callable[[Bench], Coroutine[Any, Any, bool]]) -> bool:
    """Run `work` in the middle of a resource's first pass."""

    async def whole() -> bool:
        bench = Bench()
        running = asyncio.create_task(bench.engine.run())
        bench.engine.poke(KEY, a_body(1))
        await bench.begun()
        try:
            return await work(bench)
        finally:
            bench.let_end()
            running.cancel()

    return asyncio.run(whole())


def test_our_own_status_seen_by_the_watch_is_no_news() -> None:
    async def work(bench: Bench) -> bool:
        bench.left = lambda _body: a_body(2)
        bench.engine.poke(KEY, a_body(2))
        return await bench.ends_quietly()

    assert during_a_pass(work)


def test_a_change_after_our_status_is_looked_at() -> None:
    async def work(bench: Bench) -> bool:
        bench.left = lambda _body: a_body(2)
        bench.engine.poke(KEY, a_body(3))
        return await bench.ends_quietly()

    assert not during_a_pass(work)


def test_a_request_that_our_status_overtook_is_looked_at_even_before_the_watch_tells_it() -> None:
    async def work(bench: Bench) -> bool:
        bench.left = lambda _body: a_body(3, rotate="now")  # version 2 brought the annotation, the pass began with 1
        return await bench.ends_quietly()

    assert not during_a_pass(work)


def test_what_happened_during_a_pass_is_judged_at_its_end() -> None:
    async def work(bench: Bench) -> bool:
        ours = [False]
        bench.engine.poke(KEY, unless=lambda: ours[0])
        ours[0] = True  # the answer to our write came after the watch's word of it
        return await bench.ends_quietly()

    assert during_a_pass(work)


def test_somebody_elses_change_of_the_secret_during_a_pass_is_looked_at() -> None:
    async def work(bench: Bench) -> bool:
        bench.engine.poke(KEY, unless=lambda: False)
        return await bench.ends_quietly()

    assert not during_a_pass(work)
