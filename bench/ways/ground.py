"""The bed of the cells: all three databases, AWS, Kubernetes, and one operator for all of them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.bed import parts
from tests.bed.api import Api
from tests.bed.bed import Bed, exists, held
from tests.bed.kubeconfig import admin_kubeconfig, service_account_kubeconfig
from tests.support.aws import Aws
from tests.support.operators import Operator, running
from tests.support.releases import HOME, install

NAME = "bench-ways"
_PREFIX = "ways-"
_SETTINGS = {"ROTATED_RDS_MIN_ROTATION_INTERVAL": "100ms", "ROTATED_RDS_STACK_ROLE": "stacks"}


@dataclass(frozen=True)
class Ground:
    """aws: somebody with a console; the operator has an identity of its own."""

    bed: Bed
    api: Api
    aws: Aws

    @cached_property
    def token(self) -> Path:
        """A kubeconfig with a token, for watches of our own."""
        return service_account_kubeconfig(self.bed, HOME, HOME)

    def make_namespace(self, name: str) -> None:
        self.api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def take_pods(self, *, on: bool) -> None:
        """Whether the nodes take new Pods: `kubectl cordon` and `uncordon`."""
        for node in self.api.call("GET", "/api/v1/nodes")["items"]:
            path = f"/api/v1/nodes/{node['metadata']['name']}"
            self.api.call("PATCH", path, {"spec": {"unschedulable": not on}}, content="application/merge-patch+json")


@contextmanager
def ground() -> Generator[Ground]:
    """Bring everything up, and take it down at the end."""
    with held(NAME):
        if exists(NAME):
            Bed(NAME).remove()
        bed = Bed(NAME)
        try:
            parts.bring_up(bed, parts.PARTS)
            api = Api(admin_kubeconfig(bed))
            install(api)
            aws = Aws(bed.facts()["aws"])
            queue = aws.change_queue(NAME, _PREFIX)
            with running(Operator(bed, Aws(aws.facts), (), environment={**_SETTINGS, "ROTATED_RDS_QUEUE_URL": queue.url})):
                yield Ground(bed, api, aws)
        finally:
            bed.remove()
