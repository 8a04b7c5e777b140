"""The operator as a process of its own on the bed, with its own identity at the API server and at AWS."""

import contextlib
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.paths import REPO
from tests.bed.processes import Recorded, until
from tests.support.aws import Aws
from tests.support.nursery import OPERATOR
from tests.support.releases import HOME, identity, install

OPEN = "mode: Open\nrules:\n- {namespaces: ['*'], hosts: [localhost, 127.0.0.1]}\n"  # loopback must be named, in Open too


@dataclass
class Operator:
    """One replica of a release of the chart, with that release's rights.

    namespaces: what it watches; release: names its Lease and its ServiceAccount; environment: more settings, by variable;
    kubeconfig: another identity, or the same at another server.
    """

    bed: Bed
    aws: Aws
    namespaces: tuple[str, ...]
    tenancy: str = OPEN
    release: str = field(default_factory=lambda: f"op-{secrets.token_hex(4)}")
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    kubeconfig: Path | None = None
    process: Recorded | None = None
    starts: int = 0
    mark: str = field(default_factory=lambda: secrets.token_hex(2))

    @property
    def name(self) -> str:
        """Its process's: replicas of one release have several."""
        return f"{self.release}-{self.mark}-{self.starts}"

    def start(self) -> "Operator":
        """Start it; returns as soon as the process is there."""
        self.starts += 1
        folder = self.bed.folder / "operators"
        folder.mkdir(exist_ok=True)
        tenancy = folder / f"{self.name}.yaml"
        tenancy.write_text(self.tenancy)
        kubeconfig = self.kubeconfig or identity(self.bed, self.release, self.namespaces)
        settings = {
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(REPO / "operator"),
            "TMPDIR": str(folder),  # one that is killed cleans nothing up
            "ROTATED_RDS_NAMESPACES": ",".join(self.namespaces),
            "ROTATED_RDS_CLUSTER": "bed",
            "ROTATED_RDS_RELEASE": self.release,
            "ROTATED_RDS_LEASE_NAMESPACE": HOME,
            "ROTATED_RDS_LISTEN": "127.0.0.1:0",
            "ROTATED_RDS_TENANCY_FILE": str(tenancy),
            "ROTATED_RDS_CA_FILE": str(self.bed.authority.ca.certificate),
            "ROTATED_RDS_LOG_FORMAT": "text",
        }
        environment = {**_plain_environment(), **self.aws.environment, **settings, **self.environment}
        self.process = self.bed.processes.start(self.name, [sys.executable, *OPERATOR], env=environment)
        return self

    def ready(self) -> "Operator":
        """Wait until it leads and answers /readyz."""
        until(f"operator {self.name} leads", lambda: "this replica leads" in self.log and self._page("readyz") is not None)
        return self

    @property
    def log(self) -> str:
        path = self.bed.processes.log(self.name)
        return path.read_text() if path.exists() else ""

    @property
    def port(self) -> int | None:
        line = next((line for line in self.log.splitlines() if "listens on port" in line), None)
        return int(line.rsplit(" ", 1)[1]) if line else None

    def metrics(self) -> dict[str, float]:
        """Every sample by its name and labels, as the page spells them."""
        page = self._page("metrics")
        assert page is not None, f"{self.name} shows no metrics"
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in page.splitlines() if line and line[0] != "#")}

    def missing(self) -> list[str]:
        """What /readyz says that it lacks; nothing when it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return []
        except urllib.error.HTTPError as error:
            return error.read().decode().splitlines()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.bed.processes.end(self.process, first=signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as Kubernetes does."""
        assert self.process is not None
        self.bed.processes.end(self.process, patience=15)

    def _page(self, name: str) -> str | None:
        if self.port is None:
            return None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            return None


def _plain_environment() -> dict[str, str]:
    """Nothing of the caller's own AWS, Kubernetes or PostgreSQL."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KUBE", "PG", "ROTATED_RDS_"))}


@contextlib.contextmanager
def running(one: Operator) -> Generator[Operator]:
    """A running operator, ended at the end."""
    install(Api(admin_kubeconfig(one.bed)))
    one.start().ready()
    try:
        yield one
    finally:
        one.stop()
