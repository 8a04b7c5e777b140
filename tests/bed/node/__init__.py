"""A real node for the bed: containerd and a kubelet in namespaces of their own, beside the bed's own control plane."""

import shutil

from tests.bed import build
from tests.bed.bed import Bed, Facts
from tests.bed.node import kubelet
from tests.bed.node.containers import Containers
from tests.bed.node.images import pause
from tests.bed.node.network import Network

PROGRAMS = build.NODE


def start(bed: Bed) -> Facts:
    """Start it and wait until it is ready and Services are reached. The parts network and kubernetes stand before it."""
    build.ensure(PROGRAMS, bed.say)
    archive = pause(bed.say)
    folder = bed.folder / "node"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    network = Network.of(bed.facts()["network"])
    containers = Containers(folder, network)
    containers.start(bed)
    containers.load(archive)
    kubelet.start(bed, network, containers)
    return {"name": kubelet.NODE, "folder": str(folder), "address": network.node}


def containers_of(bed: Bed) -> Containers:
    """The runtime of a bed whose node stands."""
    facts = bed.facts()
    return Containers(bed.folder / "node", Network.of(facts["network"]))
