"""`rotated-rds run`: the operator itself, put together from its rooms."""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import kopf

from rotated_rds import __version__, handlers, health, metrics
from rotated_rds.clients import kubernetes
from rotated_rds.clients.aws import AwsIdentity, AwsSessions
from rotated_rds.clients.cafiles import CaFiles
from rotated_rds.clients.events import Recorder
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.lease import EVERY, Lease
from rotated_rds.clients.libpq import check_libpq
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.memory import Lists
from rotated_rds.clients.queue import Queue
from rotated_rds.clients.world import Ages, House, World
from rotated_rds.commands import logs
from rotated_rds.engine import Engine
from rotated_rds.model.claims import Claims
from rotated_rds.model.errors import Problem, Refused
from rotated_rds.model.resource import GROUP, PLURAL, Key
from rotated_rds.passes import Passes, is_pressing
from rotated_rds.settings import Settings, load_tenancy
from rotated_rds.tally import Tally
from rotated_rds.watch import Watch

log = logging.getLogger("rotated_rds")
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_RDS_BUNDLE = Path("/etc/rotated-rds/rds-ca-bundle.pem")  # the image's own copy of AWS's truststore
RELIST = 600.0  # seconds between own lists: what vanished during an outage is never announced (KOPF.md 2)
_STILL = 30.0  # seconds without a turn of the loop that are too many
GRACE = 10.0  # seconds that passes under way may take after SIGTERM


def run(settings: Settings) -> None:
    """Run until SIGTERM, or until the Lease is lost. Raises click.ClickException for what a person must mend first."""
    logs.set_up(settings)
    check_libpq()
    try:
        operator = Operator.build(settings)
    except Problem as problem:
        raise click.ClickException(problem.message) from None
    asyncio.run(operator.run())


@dataclass
class Operator:
    """One replica: its clients, its engine, its watches and its Lease."""

    settings: Settings
    kubernetes: Kubernetes
    lease: Lease | None
    world: World
    engine: Engine
    watch: Watch
    tally: Tally
    _listed: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _turned: float = 0.0

    @classmethod
    def build(cls, settings: Settings) -> "Operator":
        """Put the rooms together; the only calls are those that tell who we are."""
        api = Kubernetes(kubernetes.connect(settings.workers + 4), unfenced)
        identity = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        lease = Lease(api, _lease_namespace(settings), _lease_name(settings), identity) if settings.leader_elect else None
        fence = lease.fence if lease else unfenced
        fenced = Kubernetes(kubernetes.connect(settings.workers + 4), fence, Lists())
        sessions, tally = AwsSessions(fence), Tally(per_resource=settings.per_resource_metrics)
        cluster = settings.cluster_name or _cluster(api)
        house = House(
            cluster,
            settings.secret_prefix,
            load_tenancy(settings.tenancy_file),
            settings.min_rotation_interval,
            settings.max_rotations,
            settings.max_rollouts,
        )
        extra = [path for path in (_RDS_BUNDLE, settings.ca_file) if path]
        world = World(fenced, sessions, Logins(settings.workers // 2), CaFiles(extra), Claims(), house, Ages(), tally.busy)
        passes = Passes(world, Recorder(fenced, identity))
        leads = (lambda: lease.left() > 0) if lease else (lambda: True)

        def forget(key: Key) -> None:
            for memory in (world.ages, world.claims, tally, watch):
                memory.drop(key)

        engine = Engine(passes.run, forget, ThreadPoolExecutor(settings.workers, "pass"), settings.workers, leads, cluster)
        watch = Watch(engine, sessions, leads, lambda identity: _sweep(settings, identity), _queue(settings, sessions))
        engine.ended += [watch.pass_ended, tally.pass_ended]
        return cls(settings, fenced, lease, world, engine, watch, tally)

    async def run(self) -> None:
        """Everything at once; the first that ends, ends all."""
        self._hear_signals()
        port = health.serve(self.settings.listen.host or "::", self.settings.listen.port, ready=self._ready, healthy=self._healthy)
        metrics.BUILD_INFO.labels(__version__).set(1)
        log.info("rotated-rds %s listens on port %s", __version__, port)
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("stop", self._stopping.wait()),
                ("lease", self._keep_lease()),
                ("kopf", self._kopf()),
                ("engine", self._passes()),
                ("relist", self._relist()),
                ("sweep", self.watch.sweep_forever()),
                ("queue", self.watch.queue_forever()),
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
        """Start nothing more, let what is under way end, give the Lease back (SAFETY.md A6)."""
        self.engine.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.engine.idle(), GRACE)
        for task in tasks:
            task.cancel()
        if self.lease:
            await asyncio.to_thread(self.lease.release)

    async def _keep_lease(self) -> None:
        """Try for it, hold it, and end the process when it is lost: who does not lead must not act."""
        lease = self.lease
        if lease is None:
            await asyncio.Event().wait()
            return
        led = False
        while True:
            self._turned = time.monotonic()
            try:
                held = await asyncio.to_thread(lease.attempt)
            except Problem as problem:
                log.warning("Lease: %s", problem.message)
                held = lease.left() > 0
            if led and not held:
                log.error("the Lease is lost; another replica may act now")
                return
            if held and not led:
                led = True
                log.info("this replica leads")
                self.engine.wake()
            metrics.LEADER.set(1 if held else 0)
            await asyncio.sleep(EVERY if held or lease.left() > 0 else EVERY / 2)

    async def _relist(self) -> None:
        """Our own list: what we missed is seen, what is gone is dropped, whose user is whose is known."""
        while True:
            try:
                found, pressing = await asyncio.to_thread(self._list)
            except Problem as problem:
                log.warning("list: %s", problem.message)
                await asyncio.sleep(1.0)
                continue
            for key in set(self.engine.keys()) - set(found):
                self.engine.drop(key)
            for key, body in found.items():
                self.world.claims.seed(key, body)
                self.engine.poke(key, body)
            for key in pressing:
                self.engine.press(key)
            self._listed.set()
            await asyncio.sleep(RELIST)

    async def _passes(self) -> None:
        """None begins before all resources are known: an older one may have this one's user (SAFETY.md A5)."""
        await self._listed.wait()
        await self.engine.run()

    def _list(self) -> tuple[dict[Key, dict[str, Any]], list[Key]]:
        """Every resource, and which are to be looked at first at a start."""
        bodies = [
            body
            for namespace in self.settings.namespaces or (None,)
            for body in self.kubernetes.resources(namespace, self.settings.selector)
        ]
        found = {Key(body["metadata"]["namespace"], body["metadata"]["name"]): dict(body) for body in bodies}
        now = datetime.now(UTC)
        return found, [] if self._listed.is_set() else [key for key, body in found.items() if is_pressing(body, now)]

    async def _kopf(self) -> None:
        registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        handlers.register(registry, self.engine, self.kubernetes)
        kopf.on.login(registry=registry)(_login)
        handlers.configure(settings)
        if self.settings.selector:
            settings.watching.label_selectors[GROUP, PLURAL] = self.settings.selector
        names, ours = self.settings.namespaces, asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(registry=registry, settings=settings, standalone=True, clusterwide=not names, namespaces=names)
        self._hear_signals()
        await kopf.run_tasks(tasks, ignored=ours)

    def _hear_signals(self) -> None:
        """SIGTERM is ours, also after kopf has taken it for itself: it would wait for seconds, then cancel passes under way."""
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, self._stopping.set)

    def _ready(self) -> bool:
        """It would work: it has seen its resources, and holds the Lease or knows who does."""
        return self._listed.is_set() and self._healthy()

    def _healthy(self) -> bool:
        """The loop turns: the Lease was tried for lately."""
        return self.lease is None or time.monotonic() - self._turned < _STILL


def _login(**given: Any) -> kopf.ConnectionInfo | None:
    """From the pod's token file, read anew each time it is asked for; else from the kubeconfig."""
    if not (_ACCOUNT / "token").exists():
        return kopf.login_with_kubeconfig(**given)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return kopf.ConnectionInfo(
        server=server, ca_path=str(_ACCOUNT / "ca.crt"), scheme="Bearer", token=(_ACCOUNT / "token").read_text().strip()
    )


def unfenced(_seconds: float) -> None:
    """Without leader election every write may begin."""


def _cluster(api: Kubernetes) -> str:
    """The owner tag's first part. Raises click.UsageError where it must be said."""
    try:
        found = api.get("/api/v1/namespaces/kube-system")
    except Refused:
        found = None
    if found is None:
        raise click.UsageError(
            "--cluster-name (env var: 'ROTATED_RDS_CLUSTER'): required, as the namespace kube-system cannot be read here"
        )
    return str(found["metadata"]["uid"])


def _lease_namespace(settings: Settings) -> str:
    if settings.lease_namespace:
        return settings.lease_namespace
    pod = _ACCOUNT / "namespace"
    return pod.read_text().strip() if pod.exists() else kubernetes.kubeconfig_namespace() or "default"


def _lease_name(settings: Settings) -> str:
    """Releases with different selectors work side by side; the same one twice does not."""
    if not settings.selector:
        return settings.release
    return f"{settings.release}-{hashlib.sha256(settings.selector.encode()).hexdigest()[:8]}"


def _queue(settings: Settings, sessions: AwsSessions) -> Queue | None:
    return Queue(sessions.of(AwsIdentity()), settings.queue_url) if settings.queue_url else None


def _sweep(settings: Settings, identity: AwsIdentity) -> timedelta:
    """The queue speaks for its own account and Region only."""
    return settings.sweep(queued=settings.queue_url is not None and identity == AwsIdentity())
