"""A second API server on the bed's store that writes down who asked for what, as it authorized it; never what was in it."""

import json
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig, server_of
from tests.bed.ports import alive_until, on_free_ports
from tests.support.releases import HOME, identity, objects

NAME = "kube-apiserver-audited"
_WHO = f"system:serviceaccounts:{HOME}"  # every release of the bed


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one kind of thing. namespace: "" for all of the cluster; name: "" for every one."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def covers(self, asked: "Right") -> bool:
        same = (self.group, self.resource, self.verb) == (asked.group, asked.resource, asked.verb)
        return same and self.namespace in ("", asked.namespace) and self.name in ("", asked.name)


@dataclass(frozen=True)
class Asked:
    right: Right
    allowed: bool


@dataclass(frozen=True)
class Audited:
    """kubeconfig: the release's own identity, at this server."""

    address: str
    kubeconfig: Path
    log: Path

    def asked(self) -> list[Asked]:
        """All that the release asked for so far, of things that have a kind."""
        return [_asked(one) for one in self._entries() if "objectRef" in one]

    def paths(self) -> list[str]:
        """The path of each of its requests so far, without what follows a question mark."""
        return [str(one["requestURI"]).partition("?")[0] for one in self._entries()]

    def _entries(self) -> list[dict[str, Any]]:
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]


def granted(release: str = HOME, namespaces: Sequence[str] = (), selector: str = "") -> set[Right]:
    """Every single right that the chart binds to the operator of a release."""
    rendered = objects(release, namespaces, selector)
    roles = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in rendered}
    bindings = [one for one in rendered if one["kind"] in ("ClusterRoleBinding", "RoleBinding")]
    bound = {(one["roleRef"]["kind"], one["metadata"].get("namespace", ""), one["roleRef"]["name"]) for one in bindings}
    return {right for place in bound for rule in roles[place]["rules"] for right in _rights(rule, place[1])}


def _rights(rule: dict[str, Any], namespace: str) -> Iterator[Right]:
    for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
        for name in rule.get("resourceNames", [""]):
            yield Right(group, resource, verb, namespace, name)


def _asked(entry: dict[str, Any]) -> Asked:
    what = entry["objectRef"]
    resource = "/".join(what[key] for key in ("resource", "subresource") if what.get(key))
    right = Right(what.get("apiGroup", ""), resource, entry["verb"], what.get("namespace", ""), what.get("name", ""))
    return Asked(right, entry["annotations"]["authorization.k8s.io/decision"] == "allow")


@contextmanager
def audited(bed: Bed, folder: Path, release: str = HOME, namespaces: Sequence[str] = (), selector: str = "") -> Generator[Audited]:
    """For the block. folder: for its log and the kubeconfig, which is the release's."""
    with auditing(bed, folder, f"{NAME}-{release}") as (address, log):
        own = identity(bed, release, namespaces, selector)
        yield Audited(address, pointed_at(own, server_of(bed), address, folder / "operator.kubeconfig"), log)


@contextmanager
def auditing(bed: Bed, folder: Path, name: str, *instead: str) -> Generator[tuple[str, Path]]:
    """Such a server's address and log, for the block. instead: words that replace the first server's of the same option."""
    log, policy = folder / "audit.log", folder / "policy.yaml"
    rules = [{"level": "Metadata", "userGroups": [_WHO]}, {"level": "None"}]
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
