"""A second API server on the bed's store that writes down who asked for what, as it authorized it; never what was in it."""

import json
import signal
from collections.abc import Generator
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

    kubeconfig: Path
    log: Path

    def asked(self) -> list[Asked]:
        """All that the operators' identity asked for so far, of things that have a kind."""
        entries: list[dict[str, Any]] = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [_asked(one) for one in entries if "objectRef" in one]


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
    log, policy = folder / "audit.log", folder / "policy.yaml"
    rules = [{"level": "Metadata", "users": [_WHO]}, {"level": "None"}]
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}))
    log.touch()
    more = [f"--audit-policy-file={policy}", f"--audit-log-path={log}", "--audit-log-mode=blocking"]
    (port,) = on_free_ports(bed, NAME, 1, lambda ports: [*_argv_of_the_first(bed), *more, f"--secure-port={ports[0]}"], lambda _: True)
    try:
        address = f"https://127.0.0.1:{port}"
        admin = _elsewhere(admin_kubeconfig(bed), server_of(bed), address, folder / "admin.kubeconfig")
        alive_until(bed, NAME, Api(admin).ready, what="the audited API server is ready")
        own = service_account_kubeconfig(bed, HOME, HOME)
        yield Audited(_elsewhere(own, server_of(bed), address, folder / "operator.kubeconfig"), log)
    finally:
        if (one := bed.processes.named(NAME)) is not None:
            bed.processes.end(one, first=signal.SIGKILL)


def _argv_of_the_first(bed: Bed) -> list[str]:
    """As the bed's own was started, without its port."""
    first = bed.processes.named("kube-apiserver")
    assert first is not None
    words = Path(f"/proc/{first.pid}/cmdline").read_text().rstrip("\0").split("\0")
    return [word for word in words if not word.startswith("--secure-port=")]


def _elsewhere(kubeconfig: Path, old: str, new: str, copy: Path) -> Path:
    copy.touch(mode=0o600)
    copy.write_text(kubeconfig.read_text().replace(old, new))
    return copy
