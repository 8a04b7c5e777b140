"""A second API server on the bed's store that writes down who asked for what, as it authorized it; never what was in it."""

import json
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig, server_of, service_account_kubeconfig
from tests.bed.paths import REPO
from tests.bed.ports import alive_until, on_free_ports
from tests.support.operators import HOME

NAME = "kube-apiserver-audited"
_WHO = f"system:serviceaccount:{HOME}:{HOME}"


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one kind of thing. name: where only that one is granted."""

    group: str
    resource: str
    verb: str
    name: str = ""


@dataclass(frozen=True)
class Asked:
    right: Right
    allowed: bool


@dataclass(frozen=True)
class Audited:
    """kubeconfig: the operator's own identity, at this server."""

    address: str
    kubeconfig: Path
    log: Path

    def asked(self) -> list[Asked]:
        """All that the operators' identity asked for so far, of things that have a kind."""
        return [_asked(one) for one in self._entries() if "objectRef" in one]

    def paths(self) -> list[str]:
        """The path of each of its requests so far, without what follows a question mark."""
        return [str(one["requestURI"]).partition("?")[0] for one in self._entries()]

    def _entries(self) -> list[dict[str, Any]]:
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]


def granted() -> set[Right]:
    """Every single right of the rules that the operator is given."""
    rules = yaml.safe_load((REPO / "tests/support/rbac.yaml").read_text())["rules"]
    return {
        Right(group, resource, verb, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def _asked(entry: dict[str, Any]) -> Asked:
    what = entry["objectRef"]
    resource = "/".join(what[key] for key in ("resource", "subresource") if what.get(key))
    right = Right(what.get("apiGroup", ""), resource, entry["verb"], what.get("name", ""))
    return Asked(right, entry["annotations"]["authorization.k8s.io/decision"] == "allow")


@contextmanager
def audited(bed: Bed, folder: Path) -> Generator[Audited]:
    """For the block. folder: for its log and the kubeconfig."""
    with auditing(bed, folder, NAME) as (address, log):
        own = service_account_kubeconfig(bed, HOME, HOME)
        yield Audited(address, pointed_at(own, server_of(bed), address, folder / "operator.kubeconfig"), log)


@contextmanager
def auditing(bed: Bed, folder: Path, name: str, *instead: str) -> Generator[tuple[str, Path]]:
    """Such a server's address and log, for the block. instead: words that replace the first server's of the same option."""
    log, policy = folder / "audit.log", folder / "policy.yaml"
    rules = [{"level": "Metadata", "users": [_WHO]}, {"level": "None"}]
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}))
    log.touch()
    more = [f"--audit-policy-file={policy}", f"--audit-log-path={log}", "--audit-log-mode=blocking", *instead]

    def argv(ports: Sequence[int]) -> list[str]:
        given = [*more, f"--secure-port={ports[0]}"]
        options = tuple(f"{word.partition('=')[0]}=" for word in given)
        return [*(word for word in words_of(bed, "kube-apiserver") if not word.startswith(options)), *given]

    with ended(bed, name):
        (port,) = on_free_ports(bed, name, 1, argv, lambda _: True)
        address = f"https://127.0.0.1:{port}"
        admin = pointed_at(admin_kubeconfig(bed), server_of(bed), address, folder / "admin.kubeconfig")
        alive_until(bed, name, Api(admin).ready, what="the audited API server is ready")
        yield address, log


def words_of(bed: Bed, name: str) -> list[str]:
    """The command line of a process of the bed, as it was started."""
    first = bed.processes.named(name)
    assert first is not None
    return Path(f"/proc/{first.pid}/cmdline").read_text().rstrip("\0").split("\0")


@contextmanager
def ended(bed: Bed, name: str) -> Generator[None]:
    """A process that is started in the block has ended after it."""
    try:
        yield
    finally:
        if (one := bed.processes.named(name)) is not None:
            bed.processes.end(one, first=signal.SIGKILL)


def pointed_at(kubeconfig: Path, old: str, new: str, copy: Path) -> Path:
    """A copy for the same identity at another server."""
    copy.touch(mode=0o600)
    copy.write_text(kubeconfig.read_text().replace(old, new))
    return copy
