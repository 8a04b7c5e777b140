"""Passes by hand: the operator's whole pipeline in the test's own process, on real parts, with the test's own clock; no engine, no kopf."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
from kubernetes import client, config

from rotated_rds.clients.apiserver import once
from rotated_rds.clients.aws import AwsSessions
from rotated_rds.clients.cafiles import CaFiles
from rotated_rds.clients.events import Recorder
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.world import Ages, House, World
from rotated_rds.model.claims import Claims
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.resource import Key
from rotated_rds.model.status import Status
from rotated_rds.model.tenancy import Tenancy, parse
from rotated_rds.passes import End, Hint, Passes
from tests.bed.bed import Bed
from tests.bed.kubeconfig import service_account_kubeconfig
from tests.support.aws import Aws
from tests.support.releases import HOME

_MODELS = botocore.loaders.create_loader()  # one for all: reading the services' models is what makes a first client dear
LOOPBACK = {"mode": "Open", "rules": [{"namespaces": ["*"], "hosts": ["localhost", "127.0.0.1"]}]}


@dataclass
class Clock:
    """Real time plus what the test adds."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, span: timedelta) -> None:
        self.ahead += span


@dataclass
class Fence:
    """A Lease with so many seconds left."""

    left: float = 15.0

    def __call__(self, seconds: float) -> None:
        if self.left <= seconds:
            raise Unavailable(Reason.UNAVAILABLE, "the Lease ends")


@dataclass
class ByHand:
    """A world of the test's own. Every pass reads the resource anew, as an operator that has just started does."""

    world: World
    passes: Passes
    clock: Clock
    ends: list[End] = field(default_factory=list[End])

    @classmethod
    def on(
        cls,
        bed: Bed,
        aws: Aws,
        *,
        tenancy: Tenancy | None = None,
        fence: Callable[[float], None] = lambda _seconds: None,
        kubeconfig: Path | None = None,
    ) -> "ByHand":
        api = Kubernetes(_client(kubeconfig) if kubeconfig else _home(bed.name), fence)
        house = House("bed", "", tenancy or parse(LOOPBACK), timedelta(seconds=5), 10, 10, "stacks")
        clock = Clock()
        logins = Logins(8, clock=lambda: time.monotonic() + clock.ahead.total_seconds())
        world = World(api, sessions(aws, fence), logins, CaFiles([bed.authority.ca.certificate]), Claims(), house, Ages(), lambda _what: 0)
        return cls(world, Passes(world, Recorder(api, "by-hand"), clock), clock)

    def body(self, namespace: str, name: str) -> dict[str, Any]:
        found = self.world.kubernetes.resource(Key(namespace, name))
        assert found is not None, f"{namespace}/{name} is gone"
        return dict(found)

    def turn(self, namespace: str, name: str, hint: Hint | None = None) -> Status:
        """One pass; the status that stands after it."""
        end = self.passes.run(self.body(namespace, name), hint or Hint())
        self.ends.append(end)
        assert end.body is not None
        return Status.model_validate(end.body.get("status") or {})

    def settle(self, namespace: str, name: str, hint: Hint | None = None, most: int = 12) -> Status:
        """Passes until none asks for another at once."""
        status = self.turn(namespace, name, hint)
        for _ in range(most):
            wake = self.ends[-1].wake
            if wake is None or wake > self.clock():
                return status
            status = self.turn(namespace, name)
        raise AssertionError(f"never quiet: {status.body()}")


def _client(kubeconfig: Path) -> client.ApiClient:
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    return once(configuration)


@cache
def _home(bed: str) -> client.ApiClient:
    """The operator of all of the cluster; one client, and so its connections, for all tests of this process on that bed."""
    return _client(service_account_kubeconfig(Bed(bed), HOME, HOME))


def sessions(aws: Aws, fence: Callable[[float], None]) -> AwsSessions:
    """The operator's own AWS clients, as the given caller of the bed's AWS."""
    core = botocore.session.Session()
    core.register_component("data_loader", _MODELS)
    core.set_credentials(aws.caller, "bed")
    core.set_config_variable("region", aws.region)
    core._config = {"profiles": {"default": {"endpoint_url": aws.endpoint}}}  # the one place, but the environment, where botocore looks  # pyright: ignore[reportAttributeAccessIssue]
    return AwsSessions(fence, core)
