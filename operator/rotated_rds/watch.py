"""AWS's side of "look at this resource": SQS messages for what changed, the ListSecrets sweep as the safety net."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rotated_rds import metrics
from rotated_rds.clients.aws import AwsIdentity, AwsSessions
from rotated_rds.clients.queue import Message, Queue
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.engine import Engine
from rotated_rds.model.errors import Problem
from rotated_rds.model.messages import read_message
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import OWNER_TAG, SecretState
from rotated_rds.passes import End, Hint

log = logging.getLogger(__name__)
_PATIENCE = 60.0  # seconds that a message is looked after
_PAUSE = 5.0


@dataclass
class Held:
    """A message whose version no pass has seen yet. since: on the loop's clock; next_look: the one that is arranged."""

    message: Message
    key: Key
    version: str | None
    received: datetime
    since: float
    looks: int = 0
    next_look: asyncio.TimerHandle | None = None


@dataclass
class Watch:
    """Turns what AWS says into pokes. leads: whether this replica acts; a standby leaves the messages to the leader."""

    engine: Engine
    sessions: AwsSessions
    leads: Callable[[], bool]
    sweep_every: Callable[[AwsIdentity], timedelta]
    queue: Queue | None
    _listed: dict[str, int] = field(default_factory=dict[str, int])
    _held: dict[str, Held] = field(default_factory=dict[str, Held])

    # the sweep

    async def sweep_forever(self) -> None:
        """Each (account, Region) in turn, at its own interval."""
        swept: dict[AwsIdentity, float] = {}
        while True:
            for identity in self.engine.identities() if self.leads() else set[AwsIdentity]():
                if time.monotonic() - swept.get(identity, float("-inf")) >= self.sweep_every(identity).total_seconds():
                    swept[identity] = time.monotonic()
                    await self._guarded("sweep", functools.partial(self._sweep, identity))
            await asyncio.sleep(1.0)

    async def _sweep(self, identity: AwsIdentity) -> None:
        secrets, lists = SecretsManager(self.sessions.of(identity)), self._lists(identity)
        found = await asyncio.to_thread(lambda: [state for filters in lists for state in secrets.sweep(filters)])
        for state in found:
            self._compare(state)
        metrics.LAST_SWEEP.set_to_current_time()

    def _lists(self, identity: AwsIdentity) -> Sequence[Sequence[Mapping[str, object]]]:
        """The filters of each list: all secrets where somebody else's are followed, else those with our tag, and RDS's own."""
        if self.engine.follows(identity, "External"):
            return ((),)
        ours, rds = ({"Key": "tag-key", "Values": [OWNER_TAG]},), ({"Key": "owning-service", "Values": ["rds"]},)
        return (ours, rds) if self.engine.follows(identity, "RDSManaged") else (ours,)

    def _compare(self, state: SecretState) -> None:
        """Poke who has this secret, if it looks different from last time."""
        keys = self.engine.keys_of(state.arn)
        digest = _digest(state)
        if not keys or self._listed.get(state.arn) == digest:
            return
        self._listed[state.arn] = digest
        for key in keys:
            news = state.current != self.engine.version_of(key)
            if news and state.changed:
                metrics.SYNC_LAG.labels("sweep").observe(max(0.0, (datetime.now(UTC) - state.changed).total_seconds()))
            self.engine.poke(key, hint=Hint(look=news, listed=state, moved_at=state.changed if news else None))

    # the queue

    async def queue_forever(self) -> None:
        """Long polls; each message is deleted once a pass has seen what it is about, or nobody can."""
        while True:
            if self.queue is None or not self.leads():
                await asyncio.sleep(1.0)
                continue
            if not await self._guarded("queue", self._receive):
                await asyncio.sleep(_PAUSE)

    async def _receive(self) -> None:
        queue = self.queue
        if queue is None:
            return
        done = [message for message in await asyncio.to_thread(queue.receive) if not self._hold(message)]
        metrics.QUEUE_DEPTH.set(len(self._held))
        await asyncio.to_thread(queue.delete, done)

    def _hold(self, message: Message) -> bool:
        """Whether the message waits for a pass; what is unknown, malformed or known already does not."""
        news = read_message(message.body)
        keys = self.engine.keys_of(news.secret) if news else []
        if news is None or not keys:
            metrics.RECONCILE_ERRORS.labels("Queue", "UnknownMessage").inc()
            return False
        now = datetime.now(UTC)
        if news.at is not None:
            metrics.SYNC_LAG.labels("queue").observe(max(0.0, (now - news.at).total_seconds()))
        fresh = [key for key in keys if news.version is None or news.version != self.engine.version_of(key)]
        for key in fresh:
            self._held[f"{message.receipt} {key}"] = Held(message, key, news.version, now, asyncio.get_running_loop().time())
            self.engine.poke(key, hint=Hint(look=True, moved_at=news.at))
        return bool(fresh)

    def pass_ended(self, key: Key, began: datetime, end: End) -> None:
        """A pass saw what it saw: messages about it are done with, or looked after again at 1, 2, 4 … s."""
        for name, held in [(name, one) for name, one in self._held.items() if one.key == key and began >= one.received]:
            if held.version is None or held.version in end.versions:
                self._done(name, held)
            elif held.next_look is None:
                self._arrange(name, held)

    def drop(self, key: Key) -> None:
        """The resource is gone: nobody waits for these messages; one that comes again is unknown."""
        for name, held in [(name, one) for name, one in self._held.items() if one.key == key]:
            self._forget(name, held)

    def _arrange(self, name: str, held: Held) -> None:
        """The next look, twice as far away as the last, and none after a minute."""
        loop = asyncio.get_running_loop()
        left = held.since + _PATIENCE - loop.time()
        held.next_look = loop.call_later(min(2.0**held.looks, left), self._look_again, name)
        held.looks += 1

    def _look_again(self, name: str) -> None:
        held = self._held[name]
        held.next_look = None
        if asyncio.get_running_loop().time() >= held.since + _PATIENCE:
            self._done(name, held)
        else:
            self.engine.poke(held.key, hint=Hint(look=True))

    def _forget(self, name: str, held: Held) -> None:
        self._held.pop(name, None)
        if held.next_look is not None:
            held.next_look.cancel()
        metrics.QUEUE_DEPTH.set(len(self._held))

    def _done(self, name: str, held: Held) -> None:
        self._forget(name, held)
        if self.queue is not None and not any(one.message.receipt == held.message.receipt for one in self._held.values()):
            queue = self.queue
            asyncio.get_running_loop().run_in_executor(None, _quietly, lambda: queue.delete([held.message]))

    async def _guarded(self, what: str, work: Callable[[], Awaitable[Any]]) -> bool:
        """AWS that does not answer is asked again; it never ends the watch."""
        try:
            await work()
        except Problem as problem:
            log.warning("%s put off: %s", what, problem.message)
            return False
        return True


def _digest(state: SecretState) -> int:
    """All of a listing that may be another than it should."""
    labels = (state.current, state.pending, state.deleted_at)
    rotation = (state.rotation_enabled, state.function_arn, *sorted(state.rules.items()))
    return hash((labels, state.description, state.kms_key_id, tuple(sorted(state.tags.items())), rotation))


def _quietly(work: Callable[[], None]) -> None:
    """A message that could not be deleted comes again, and is known then."""
    try:
        work()
    except Problem as problem:
        log.debug("message not deleted: %s", problem.message)
