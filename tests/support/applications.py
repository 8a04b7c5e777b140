"""The simulated applications of a test's namespace: a process beside each running Pod, as kwok's Pods run no container."""

from collections.abc import Generator
from contextlib import contextmanager

from tests.bed import kubelet
from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.processes import Recorded


@contextmanager
def beside_pods(bed: Bed, namespace: str, selector: str = "app") -> Generator[None]:
    """For the block, each Pod that the selector meets has its process; all are ended after it."""
    watcher = kubelet.start(bed, namespace, selector)
    try:
        yield
    finally:
        bed.processes.end(watcher)
        for one in applications(bed, namespace):
            bed.processes.end(one)
        kubelet.let_go(Api(admin_kubeconfig(bed)), namespace, selector)


def applications(bed: Bed, namespace: str) -> list[Recorded]:
    """Those that live of the namespace's Pods."""
    pods = {file.stem for file in kubelet.folder(bed, namespace).glob("*.json")}
    return [one for one in bed.processes.recorded() if one.name in pods and one.alive]
