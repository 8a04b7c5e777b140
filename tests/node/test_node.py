"""The bed's real node: nothing of a Pod leaves the machine, and nothing of the node stays on it."""

import json
import subprocess
import sys
import uuid
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.bed import cgroup, paths
from tests.bed.api import Api
from tests.bed.bed import Bed, exists
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.node import containers_of, images, network
from tests.bed.processes import until
from tests.bed.progress import say

pytestmark = pytest.mark.node

OUTSIDE = "203.0.113.1"  # TEST-NET-3 of RFC 5737: nobody's address
TRY = f"""\
import socket
try:
    socket.create_connection(("{OUTSIDE}", 80), timeout=10)
except OSError as error:
    print(type(error).__name__, error.errno)
"""
NO_ROUTE = (101, 113)  # ENETUNREACH, EHOSTUNREACH: said at once by the node, where no answer at all would be a time-out


@pytest.fixture
def bed() -> Generator[Bed]:
    name = f"node-{uuid.uuid4().hex[:6]}"
    yield Bed(name)
    if exists(name):
        Bed(name).remove()
    paths.state(f".{name}.lock").unlink(missing_ok=True)


def run(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.bed", *words], cwd=paths.REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def left(bed: Bed, link: str) -> list[str]:
    """What of a node is on this machine: processes that name its folder, mounts, cgroups, its cable with its routes."""
    folder = str(bed.folder)
    processes = [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if folder in _text(path)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if folder in line]
    groups = [str(path) for path in cgroup.ROOT.glob(f"*/{cgroup.name(bed.folder)}")]
    links = [one["ifname"] for one in _ip("link") if one["ifname"] == link]
    routes = [one["dst"] for one in _ip("route") if one.get("dev") == link]
    return [*processes, *mounts, *groups, *links, *routes]


def link_of(bed: Bed) -> str:
    return network.link(str(bed.facts()["network"]["host"]))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _ip(what: str) -> list[dict[str, str]]:
    return json.loads(subprocess.run(["ip", "-json", what, "show"], capture_output=True, text=True, check=True).stdout or "[]")


def kernel() -> dict[str, str]:
    """Settings that a kubelet or a router would change for the whole machine."""
    names = ("net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
    return {name: (Path("/proc/sys") / name).read_text() for name in names}


def test_nothing_of_a_pod_leaves_the_machine_and_nothing_of_the_node_stays_on_it(bed: Bed) -> None:
    before = kernel()
    run("up", "--name", bed.name, "--only", "kubernetes,node")
    link = link_of(bed)
    assert left(bed, link)
    assert tried_to_leave(bed) in [f"OSError {number}" for number in NO_ROUTE]
    assert kernel() == before
    run("down", "--name", bed.name)
    assert left(bed, link) == []
    assert not bed.folder.exists()


def tried_to_leave(bed: Bed) -> str:
    """What a Pod's program came to that asked for an address outside."""
    archive = bed.folder / "base.tar"
    images.save(images.base(say), archive)
    containers_of(bed).load(archive)
    kubectl, api = Kubectl(admin_kubeconfig(bed)), Api(admin_kubeconfig(bed))
    until("a Pod can be made", lambda: api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None)
    container = {"name": "try", "image": images.BASE, "imagePullPolicy": "Never", "command": ["python3", "-c", TRY]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": spec}))
    kubectl("wait", "pod/try", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=180s")
    return kubectl("logs", "try").strip()


def test_a_node_whose_run_was_killed_goes_with_its_bed(bed: Bed) -> None:
    child = subprocess.Popen([sys.executable, "-m", "tests.bed", "up", "--name", bed.name, "--only", "kubernetes,node"], cwd=paths.REPO)
    until("the kubelet is started", lambda: any(one.name == "kubelet" for one in bed.processes.recorded()), seconds=120)
    child.kill()
    child.wait()
    link = link_of(bed)
    assert left(bed, link)
    Bed(bed.name).remove()
    assert left(bed, link) == []
