"""`rotated-rds run`: the operator's life, from its start to the hand-over to the next replica."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import click
import kopf

from rotated_rds import __version__, handlers, health, metrics
from rotated_rds.clients.lease import DURATION, EVERY, Lease
from rotated_rds.clients.libpq import check_libpq
from rotated_rds.commands import logs
from rotated_rds.commands.rooms import ACCOUNT, Rooms, put_together
from rotated_rds.engine import Body
from rotated_rds.model.errors import Problem
from rotated_rds.model.resource import GROUP, PLURAL, Key
from rotated_rds.passes import is_pressing
from rotated_rds.settings import Settings

log = logging.getLogger("rotated_rds")
RELIST = 600.0  # seconds between own lists: what vanished during an outage is never announced (KOPF.md 2)
GRACE = 1.0  # seconds that passes under way have after SIGTERM to come to their end; then no write begins any more
_STILL = 30.0  # seconds without a turn of the loop that are too many

T = TypeVar("T")


def run(settings: Settings) -> None:
    """Run until SIGTERM, or until the Lease is lost. Raises click.ClickException for what a person must mend first."""
    logs.set_up(settings)
    check_libpq()
    try:
        operator = Operator(put_together(settings))
    except Problem as problem:
        raise click.ClickException(problem.message) from None
    asyncio.run(operator.run())


@dataclass
class Operator:
    """One replica. What is told of the Lease has a thread of its own, so that no long poll delays a renewal."""

    rooms: Rooms
    _listed: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)  # of what this replica lacks
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _lease_thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "lease"))
    _turned: float = 0.0

    async def run(self) -> None:
        """Everything at once; the first that ends, ends all."""
        self._hear_signals()
        listen = self.rooms.settings.listen
        port = health.serve(listen.host, listen.port, missing=self._missing, healthy=self._healthy)
        metrics.BUILD_INFO.labels(__version__).set(1)
        log.info("rotated-rds %s listens on port %s", __version__, port)
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("stop", self._stopping.wait()),
                ("beat", self._beat()),
                ("ready", self._look()),
                ("lease", self._lead()),
                ("kopf", self._kopf()),
                ("rollouts", handlers.follow_rollouts(self.rooms.engine, self.rooms.kubernetes, self.rooms.settings.namespaces)),
                ("engine", self._passes()),
                ("relist", self._relist()),
                ("sweep", self.rooms.watch.sweep_forever()),
                ("queue", self.rooms.watch.queue_forever()),
            )
        ]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await self._stop(tasks)
        for task in ended:
            if not self._stopping.is_set() or task.exception():
                log.error(
                    "%s ended: %s", task.get_name(), type(task.exception()).__name__ if task.exception() else "the operator ends with it"
                )
                sys.stdout.flush()
                os._exit(1)  # threads in a long poll must not keep a replica without Lease alive
        os._exit(0)

    async def _stop(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Start nothing more, let what is under way end, give the Lease back once no write of ours is on its way (SAFETY.md A4, A6)."""
        engine, lease = self.rooms.engine, self.rooms.leading.lease
        engine.stop()
        for task in tasks:
            task.cancel()
        await self._no_longer(GRACE, engine.idle())
        if lease:
            await self._no_longer(lease.close(), engine.idle())
            if await asyncio.to_thread(lease.release):
                log.info("the Lease is given back")

    async def _no_longer(self, seconds: float, what: Awaitable[object]) -> None:
        """In the task that waits, not in one of its own: kopf, when it ends, cancels every task that was made since it began."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await what

    async def _lead(self) -> None:
        """Try for the Lease, hold it, and end the process when it is lost: who does not lead must not act."""
        lease = self.rooms.leading.lease
        led = False
        while lease is not None:
            held = await self._attempt(lease)
            if led and not held:
                log.error("the Lease is lost; another replica may act now")
                return
            if held and not led:
                await self.begin()
            led = held
            metrics.LEADER.set(1 if held else 0)
            await (asyncio.sleep(EVERY) if held else self._stand_by(lease))
        await self._listed.wait()
        await self.begin()
        await asyncio.Event().wait()

    async def _attempt(self, lease: Lease) -> bool:
        """Who would not work leaves a free Lease for its time to those who would; if there are none, the resources say what is wrong."""
        spare = DURATION if self._lacking() else 0.0
        try:
            return await self._in_lease_thread(lambda: lease.attempt(spare))
        except Problem as problem:
            log.warning("Lease: %s", problem.message)
            return lease.left() > 0

    async def _stand_by(self, lease: Lease) -> None:
        """Until the Lease may be free, or this replica knows more of what it lacks."""
        if self._lacking():
            self._news.clear()
            await self._no_longer(EVERY / 2, self._news.wait())
            return
        try:
            told = await self._in_lease_thread(lease.wait)
        except Problem as problem:
            log.warning("Lease: %s", problem.message)
            told = False
        if not told:
            await asyncio.sleep(EVERY / 2)

    async def begin(self) -> None:
        """What the replica before left half done comes first, then what is in its window, then all."""
        self.rooms.leading.begun = True
        self._press(self.rooms.watched.half_done)
        log.info("this replica leads")
        self.rooms.engine.wake()
        self._press(await asyncio.to_thread(lambda: pressing(self._seen())))

    def _press(self, keys: Iterable[Key]) -> None:
        for key in set(keys) & set(self.rooms.engine.keys()):
            self.rooms.engine.press(key)

    def _seen(self) -> dict[Key, Body]:
        engine = self.rooms.engine
        return {key: body for key, body in ((key, engine.body(key)) for key in engine.keys()) if body is not None}  # noqa: SIM118  no dict

    async def _relist(self) -> None:
        """Our own list: what we missed is seen, what is gone is dropped, whose user is whose is known."""
        engine, said = self.rooms.engine, ""
        while True:
            try:
                found = await asyncio.to_thread(self._list)
                first = await asyncio.to_thread(pressing, found) if not self._listed.is_set() else []
            except Problem as problem:
                if said != problem.message:
                    log.warning("list: %s", problem.message)
                said = problem.message
                await asyncio.sleep(EVERY / 2)
                continue
            for key in set(engine.keys()) - set(found):
                engine.drop(key)
            for key, body in found.items():
                self.rooms.watched.note(key, body)
                engine.poke(key, body)
            self._press(first)
            self._listed.set()
            self._news.set()
            said = ""
            await asyncio.sleep(RELIST)

    def _list(self) -> dict[Key, Body]:
        settings = self.rooms.settings
        bodies = [
            body for namespace in settings.namespaces or (None,) for body in self.rooms.kubernetes.resources(namespace, settings.selector)
        ]
        return {Key(body["metadata"]["namespace"], body["metadata"]["name"]): dict(body) for body in bodies}

    async def _passes(self) -> None:
        """None begins before all resources are known: an older one may have this one's user (SAFETY.md A5)."""
        await self._listed.wait()
        await self.rooms.engine.run()

    async def _kopf(self) -> None:
        """Once the kind is served: kopf looks for it at its start only."""
        await self._listed.wait()
        registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        handlers.register(registry, self.rooms.engine, self.rooms.kubernetes, self.rooms.watched.note, self.rooms.passes.farewell)
        kopf.on.login(registry=registry)(_login)
        handlers.configure(settings)
        if self.rooms.settings.selector:
            settings.watching.label_selectors[GROUP, PLURAL] = self.rooms.settings.selector
        names, ours = self.rooms.settings.namespaces, asyncio.all_tasks()
        # Named for kopf, which would else ask for the account's name: the number that a pod runs as has none.
        who = cast("Any", "rotated-rds")
        tasks = await kopf.spawn_tasks(
            registry=registry, settings=settings, identity=who, standalone=True, clusterwide=not names, namespaces=names
        )
        self._hear_signals()
        await kopf.run_tasks(tasks, ignored=ours)

    def _hear_signals(self) -> None:
        """SIGTERM is ours, also after kopf has taken it for itself: it would wait for seconds, then cancel passes under way."""
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, self._stopping.set)

    # what the pages say

    async def _look(self) -> None:
        """Ask, for ever, for what readiness asks for."""
        while True:
            await asyncio.to_thread(self.rooms.readiness.look)
            self._news.set()
            await asyncio.sleep(EVERY / 2)

    async def _beat(self) -> None:
        while True:
            self._turned = time.monotonic()
            await asyncio.sleep(EVERY / 2)

    def _healthy(self) -> bool:
        """The loop turns."""
        return time.monotonic() - self._turned < _STILL

    def _missing(self) -> list[str]:
        """What this replica lacks: leading, or standing by and able to lead at once, it lacks nothing."""
        lease = self.rooms.leading.lease
        silent = lease is not None and lease.silent() > DURATION
        return [*self._lacking(), *(["Lease: the API server says nothing of it"] if silent else [])]

    def _lacking(self) -> list[str]:
        """What it lacks for its work, the Lease aside."""
        return [*([] if self._listed.is_set() else ["resources: not listed yet"]), *self.rooms.readiness.missing()]

    async def _in_lease_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._lease_thread, work)


def pressing(bodies: Mapping[Key, Body]) -> list[Key]:
    """Those that are to be looked at first (SAFETY.md A7)."""
    now = datetime.now(UTC)
    return [key for key, body in bodies.items() if is_pressing(body, now)]


def _login(**given: Any) -> kopf.ConnectionInfo | None:
    """From the pod's token file, read anew each time it is asked for; else from the kubeconfig."""
    if not (ACCOUNT / "token").exists():
        return kopf.login_with_kubeconfig(**given)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return kopf.ConnectionInfo(
        server=server, ca_path=str(ACCOUNT / "ca.crt"), scheme="Bearer", token=(ACCOUNT / "token").read_text().strip()
    )
