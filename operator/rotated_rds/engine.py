"""One pass at a time per resource: poke, deadline, back-off; the room that says when."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from rotated_rds.clients.aws import AwsIdentity
from rotated_rds.deadlines import Deadlines
from rotated_rds.model.document import part
from rotated_rds.model.errors import Problem
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import name_in
from rotated_rds.neighbours import Ties
from rotated_rds.passes import End, Hint

log = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
Body = Mapping[str, Any]


@dataclass(frozen=True)
class About:
    """What the watch asks of a resource without reading its body again."""

    identity: AwsIdentity
    arn: str | None
    version: str | None
    method: str | None
    ties: Ties

    @classmethod
    def of(cls, body: Body, cluster: str) -> "About":
        aws, rotation, status = part(body, "spec", "aws"), part(body, "spec", "rotation"), part(body, "status")
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        identity = AwsIdentity.of(key, aws.get("region"), aws.get("roleArn"), aws.get("externalId"), cluster)
        return cls(identity, status.get("secretArn"), status.get("versionId"), rotation.get("method"), Ties.of(key, body))

    @property
    def names(self) -> tuple[str, ...]:
        """How an event may name the secret: its ARN, the ARN without its random end, its name."""
        return (self.arn, self.arn[:-7], name_in(self.arn)) if self.arn else ()


@dataclass
class Entry:
    """What is known of one resource between passes.

    body: compact JSON, a tenth of its dicts' memory. unless: asked after the pass that runs, whether what happened was its own doing.
    """

    body: bytes
    version: int
    about: About
    hint: Hint = field(default_factory=Hint)
    running: bool = False
    poked: bool = False
    unless: list[Callable[[], bool]] = field(default_factory=list[Callable[[], bool]])
    failures: int = 0


@dataclass(frozen=True)
class _Begun:
    """What a pass began with."""

    at: datetime
    body: Body
    hint: Hint


@dataclass
class Engine:
    """Keeps keys, runs passes in a pool. run_pass: synchronous, raises Problem; leads: whether this replica may act."""

    run_pass: Callable[[Body, Hint], End]
    forget: Callable[[Key], None]
    pool: Executor
    workers: int
    leads: Callable[[], bool]
    cluster: str
    ended: list[Callable[[Key, datetime, End], None]] = field(default_factory=list[Callable[[Key, datetime, End], None]])
    _entries: dict[Key, Entry] = field(default_factory=dict[Key, Entry])
    _by_secret: dict[str, set[Key]] = field(default_factory=dict[str, set[Key]])
    _by_namespace: dict[str, set[Key]] = field(default_factory=dict[str, set[Key]])
    _deadlines: Deadlines = field(default_factory=Deadlines)  # on the loop's clock
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _running: int = 0
    _stopped: bool = False

    def poke(self, key: Key, body: Body | None = None, hint: Hint | None = None, unless: Callable[[], bool] | None = None) -> None:
        """Look at a resource soon.

        body: as the watch showed it, if it did; one that our own pass left behind is no news. unless: whether what happened was our doing.
        """
        entry = self._entries.get(key)
        if body is not None and (entry is None or int(body["metadata"]["resourceVersion"]) > entry.version):
            entry = self._keep(key, entry, body)
            if entry.running:
                return  # whose doing it was, its end tells
        elif body is not None and hint is None:
            return
        if entry is None:
            return
        if hint is not None:
            entry.hint = _joined(entry.hint, hint)
        if unless is not None and entry.running:
            entry.unless.append(unless)
        elif unless is None or not unless():
            entry.poked = True
            self._schedule(key, entry, 0.0)

    def press(self, key: Key) -> None:
        """Look at this resource before all others that are due."""
        self._schedule(key, self._entries[key], 0.0, pressing=True)

    def drop(self, key: Key) -> None:
        """The resource is gone."""
        if (entry := self._entries.pop(key, None)) is not None:
            self._unindex(key, entry.about)
            self._by_namespace[key.namespace].discard(key)
            self._deadlines.drop(key)
            self.forget(key)

    def keys(self) -> list[Key]:
        return list(self._entries)

    def ties_in(self, namespace: str) -> Iterator[Ties]:
        """What ties the resources of one namespace to workloads."""
        return (self._entries[key].about.ties for key in list(self._by_namespace.get(namespace, ())))

    def identities(self) -> set[AwsIdentity]:
        """Whose secrets are to be swept."""
        return {entry.about.identity for entry in self._entries.values() if entry.about.arn}

    def follows(self, identity: AwsIdentity, method: str) -> bool:
        """Whether a resource has this method, whose secrets do not carry our owner tag: External, RDSManaged."""
        return any(entry.about.method == method and entry.about.identity == identity for entry in self._entries.values())

    def keys_of(self, secret: str) -> list[Key]:
        """Who has this secret. secret: an ARN, a partial ARN or a name."""
        return list(self._by_secret.get(secret, ()))

    def version_of(self, key: Key) -> str | None:
        """The version that is published."""
        entry = self._entries.get(key)
        return entry.about.version if entry else None

    def body(self, key: Key) -> Body | None:
        entry = self._entries.get(key)
        return json.loads(entry.body) if entry else None

    def _keep(self, key: Key, entry: Entry | None, body: Body) -> Entry:
        version, about = int(body["metadata"]["resourceVersion"]), About.of(body, self.cluster)
        if entry is None:
            entry = self._entries[key] = Entry(_compact(body), version, about)
            self._by_namespace.setdefault(key.namespace, set()).add(key)
            self._index(key, about)
        elif about != entry.about:
            self._unindex(key, entry.about)
            self._index(key, about)
        entry.body, entry.version, entry.about = _compact(body), version, about
        return entry

    def _index(self, key: Key, about: About) -> None:
        for name in about.names:
            self._by_secret.setdefault(name, set()).add(key)

    def _unindex(self, key: Key, about: About) -> None:
        for name in about.names:
            self._by_secret.get(name, set()).discard(key)

    async def run(self) -> None:
        """Start what is due, for ever; nothing while another replica leads."""
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            wait = self._start_due(loop)
            try:
                await asyncio.wait_for(self._woken.wait(), timeout=wait)
            except TimeoutError:
                continue

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """Start no further pass."""
        self._stopped = True

    async def idle(self) -> None:
        """Until no pass runs."""
        while self._running:
            self._woken.clear()
            await self._woken.wait()

    def _start_due(self, loop: asyncio.AbstractEventLoop) -> float | None:
        """Start all that is due and has a worker; returns the seconds to the next deadline."""
        if self._stopped or not self.leads():
            return 1.0
        while self._running < self.workers:
            if (key := self._deadlines.take(loop.time())) is None:
                return self._deadlines.wait(loop.time())
            self._start(loop, key, self._entries[key])
        return None

    def _start(self, loop: asyncio.AbstractEventLoop, key: Key, entry: Entry) -> None:
        hint, entry.hint = entry.hint, Hint()
        entry.running, entry.poked = True, False
        self._running += 1
        began = datetime.now(UTC)
        body = json.loads(entry.body)
        future = loop.run_in_executor(self.pool, self._guarded, key, body, hint)
        future.add_done_callback(lambda done: self._finish(key, entry, _Begun(began, body, hint), done.result()))

    def _guarded(self, key: Key, body: Body, hint: Hint) -> End | None:
        """None when the pass could not be run: nothing of it may stop the engine, and no text of it may hold a credential."""
        try:
            return self.run_pass(body, hint)
        except Problem as problem:
            log.warning("pass of %s put off: %s", key, problem.message)
        except Exception as error:  # a fault of ours in one resource must not stop the others
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno}" if place else "?"
            log.error("pass of %s failed: %s at %s", key, type(error).__name__, where)  # noqa: TRY400  a traceback's lines may hold a credential
            log.debug("pass of %s failed", key, exc_info=error)
        return None

    def _finish(self, key: Key, entry: Entry, begun: _Begun, end: End | None) -> None:
        self._running -= 1
        entry.running = False
        self._woken.set()
        if self._entries.get(key) is not entry:
            return
        if end is not None and end.body is None:
            self.drop(key)
            return
        left = begun.body if end is None or end.body is None else end.body
        entry.poked |= int(left["metadata"]["resourceVersion"]) < entry.version or _asked(left) != _asked(begun.body)
        entry.poked |= not all(ours() for ours in entry.unless)
        entry.unless.clear()
        if end is not None:
            if int(left["metadata"]["resourceVersion"]) >= entry.version:
                self._keep(key, entry, left)
            for tell in self.ended:
                tell(key, begun.at, end)
        if end is None or end.troubled:
            entry.hint = _joined(begun.hint, entry.hint)  # what was to be looked at still is
        self._schedule_next(key, entry, end)

    def _schedule_next(self, key: Key, entry: Entry, end: End | None) -> None:
        troubled = end is None or end.troubled
        entry.failures = entry.failures + 1 if troubled else 0
        waits = [0.0] if entry.poked else []
        if end is not None and end.wake is not None:
            waits.append(max(0.0, (end.wake - datetime.now(UTC)).total_seconds()))
        if troubled:
            waits.append(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(entry.failures - 1, 9)))
        if waits:
            self._schedule(key, entry, min(waits), pressing=end is not None and end.pressing)

    def _schedule(self, key: Key, entry: Entry, seconds: float, *, pressing: bool = False) -> None:
        due = asyncio.get_running_loop().time() + seconds
        if not entry.running and self._deadlines.ask(key, due, pressing=pressing):
            self._woken.set()


def _compact(body: Body) -> bytes:
    slim = {**body, "metadata": {name: value for name, value in body["metadata"].items() if name != "managedFields"}}
    return json.dumps(slim, separators=(",", ":")).encode()


def _asked(body: Body) -> Body:
    """What others say in a resource: a pass that began before they said it has not heard it, though its own write shows it."""
    ours = ("resourceVersion", "managedFields", "finalizers")
    return {"spec": body.get("spec"), **{name: value for name, value in body["metadata"].items() if name not in ours}}


def _joined(old: Hint, new: Hint) -> Hint:
    """What both say; the newer listing and the older moment win."""
    moved = min((one for one in (old.moved_at, new.moved_at) if one), default=None)
    return replace(new, look=old.look or new.look, listed=new.listed or old.listed, moved_at=moved)
