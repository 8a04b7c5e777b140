"""The operator's rooms, put together: from settings to clients, engine, watches and Lease."""

import hashlib
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import click

from rotated_rds.clients import apiserver
from rotated_rds.clients.aws import AwsIdentity, AwsSessions
from rotated_rds.clients.cafiles import CaFiles
from rotated_rds.clients.events import Recorder
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.lease import Lease
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.memory import Lists
from rotated_rds.clients.queue import Queue
from rotated_rds.clients.world import Ages, House, World
from rotated_rds.commands.ready import Readiness, checks
from rotated_rds.engine import Engine
from rotated_rds.model.claims import Claims
from rotated_rds.model.document import part
from rotated_rds.model.errors import Refused
from rotated_rds.model.resource import Key
from rotated_rds.passes import Body, End, Hint, Passes
from rotated_rds.settings import Settings, load_tenancy
from rotated_rds.tally import Tally
from rotated_rds.watch import Watch

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_RDS_BUNDLE = Path("/etc/rotated-rds/rds-ca-bundle.pem")  # the image's own copy of AWS's truststore


@dataclass
class Leading:
    """Whether this replica acts. lease: None without leader election; begun: what the one before left has been looked through."""

    lease: Lease | None
    begun: bool = False

    def __call__(self) -> bool:
        return self.begun and (self.lease is None or self.lease.left() > 0)

    def fence(self, seconds: float) -> None:
        """Before each write. Raises Unavailable."""
        if self.lease is not None:
            self.lease.fence(seconds)

    def written(self) -> None:
        if self.lease is not None:
            self.lease.written()


@dataclass
class Watched:
    """What who takes over must know at once, kept from each look at a resource: whose user is whose, and what is half done."""

    claims: Claims
    half_done: set[Key] = field(default_factory=set[Key])

    def note(self, key: Key, body: Body) -> None:
        self.claims.seed(key, body)
        (self.half_done.add if part(body, "status", "rotation", "inProgress") else self.half_done.discard)(key)

    def drop(self, key: Key) -> None:
        self.half_done.discard(key)


@dataclass(frozen=True)
class Rooms:
    """One replica's."""

    settings: Settings
    kubernetes: Kubernetes
    leading: Leading
    readiness: Readiness
    world: World
    passes: Passes
    engine: Engine
    watch: Watch
    watched: Watched


def put_together(settings: Settings) -> Rooms:
    """The only calls are those that tell who we are. Raises click.UsageError, Problem."""
    api = Kubernetes(apiserver.connect(settings.workers + 4), unfenced)
    identity = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    leading = Leading(Lease(api, _lease_namespace(settings), _lease_name(settings), identity) if settings.leader_elect else None)
    fenced = Kubernetes(apiserver.connect(settings.workers + 4 + max(1, len(settings.namespaces))), leading.fence, Lists())
    fenced.look_for_rollouts()  # before the first pass: who may list what is not there is not asked
    sessions, tally = AwsSessions(leading.fence), Tally(per_resource=settings.per_resource_metrics)
    extra = [path for path in (_RDS_BUNDLE, settings.ca_file) if path]
    house = _house(settings, api)
    world = World(fenced, sessions, Logins(settings.workers // 2), CaFiles(extra), Claims(), house, Ages(), tally.busy)
    passes, watched = Passes(world, Recorder(fenced, identity)), Watched(world.claims)

    def run_pass(body: Body, hint: Hint) -> End:
        try:
            return passes.run(body, hint)
        finally:
            leading.written()

    def forget(key: Key) -> None:
        for memory in (world.ages, world.claims, watched, tally, watch):
            memory.drop(key)

    engine = Engine(run_pass, forget, ThreadPoolExecutor(settings.workers, "pass"), settings.workers, leading, house.cluster)
    watch = Watch(engine, sessions, leading, lambda identity: _sweep(settings, identity), _queue(settings, sessions))
    engine.ended += [watch.pass_ended, tally.pass_ended]
    readiness = Readiness(checks(api, sessions, settings.namespaces))
    return Rooms(settings, fenced, leading, readiness, world, passes, engine, watch, watched)


def unfenced(_seconds: float) -> None:
    """Reads, and writes of the Lease itself, need none."""


def _house(settings: Settings, api: Kubernetes) -> House:
    return House(
        settings.cluster_name or _cluster(api),
        settings.secret_prefix,
        load_tenancy(settings.tenancy_file),
        settings.min_rotation_interval,
        settings.max_rotations,
        settings.max_rollouts,
        settings.stack_role,
        settings.namespaces,
    )


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
    pod = ACCOUNT / "namespace"
    return pod.read_text().strip() if pod.exists() else apiserver.kubeconfig_namespace() or "default"


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
