"""The namespaces that a real node lives in, and its only way out: a cable to this machine, with no route beyond.

The node's processes share one network, one mount and one process namespace. Whoever ends the namespaces' first process ends
every process in them, and takes their mounts, links, rules and routes along, also after a run that was killed.
"""

import ipaddress
import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from tests.bed import build, paths
from tests.bed.bed import Bed, Facts
from tests.bed.locks import locked
from tests.bed.node import able
from tests.bed.processes import BedError, until

NAME = "node-namespaces"
_NEW = ("--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private")
# Private, and where a machine has a route to all of those (a VPN, say) the one for benchmarks (RFC 2544), which nobody's network is.
_POOLS = tuple(ipaddress.IPv4Network(pool) for pool in ("10.88.0.0/16", "172.29.0.0/16", "198.18.0.0/15"))
BRIDGE, CABLE = "pods", "cable"


@dataclass(frozen=True)
class Network:
    """Addresses: `host` is this machine's end of the cable, `node` the other; `pods` is the Pods' network, `all` has all of them."""

    pid: int
    host: str
    node: str
    pods: str
    all: str

    @classmethod
    def of(cls, facts: Facts) -> "Network":
        return cls(**{key: facts[key] for key in cls.__dataclass_fields__})  # pyright: ignore[reportArgumentType]  # as they were written

    def inside(self, *words: str | Path) -> list[str]:
        """The command that runs another one in the node's namespaces."""
        place = f"/proc/{self.pid}/ns"
        return ["nsenter", f"--net={place}/net", f"--mount={place}/mnt", f"--pid={place}/pid_for_children", "--", *map(str, words)]

    def run(self, *words: str | Path, stdin: str | None = None) -> str:
        return _run(self.inside(*words), stdin)


def start(bed: Bed) -> Facts:
    """Make the namespaces and lay the cable. BedError, with what this machine lacks, where it cannot be done."""
    if lacking := able.lacking():
        raise BedError(f"this machine cannot run a real node; it lacks {'; '.join(lacking)}")
    build.ensure(["pause"], bed.say)
    first = bed.processes.start(NAME, ["unshare", *_NEW, "--", build.program("pause")], ending=signal.SIGKILL)
    until("the node's namespaces are made", lambda: not first.alive or _made(first.pid))
    if not first.alive:
        raise BedError(f"no namespaces for a node: {bed.processes.tail(NAME)}")
    with locked(paths.state(".networks.lock"), "the choice of a network", bed.say):
        network = addresses(first.pid, _routes())
        _lay(bed, network)
    return asdict(network)


def _made(pid: int) -> bool:
    """unshare(1) has left our namespaces, and the first process of the new ones is there and ready."""
    try:
        ours, theirs = (Path(f"/proc/{one}/ns/net").readlink() for one in ("self", pid))
        return ours != theirs and bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())
    except OSError:
        return False


def addresses(pid: int, taken: Iterable[ipaddress.IPv4Network]) -> Network:
    """The first /24 that touches nothing taken: the cable has its first four addresses, the Pods its upper half. BedError when all are."""
    taken = list(taken)
    for one in chain.from_iterable(pool.subnets(new_prefix=24) for pool in _POOLS):
        if not any(one.overlaps(other) for other in taken):
            _, host, node, _ = (one[number] for number in range(4))
            return Network(pid, str(host), str(node), str(list(one.subnets())[1]), str(one))
    raise BedError(f"every network of {', '.join(map(str, _POOLS))} is in use on this machine")


def _routes() -> Iterator[ipaddress.IPv4Network]:
    for route in json.loads(_run(["ip", "-json", "-4", "route", "show", "table", "all"])):
        if route["dst"] != "default":
            yield ipaddress.IPv4Network(route["dst"], strict=False)


def link(host: str) -> str:
    """The name of this machine's end of the cable, by its address."""
    return f"rds{int(ipaddress.IPv4Address(host)):08x}"


def _lay(bed: Bed, network: Network) -> None:
    """This machine's end first; the rest happens inside, where forwarding is switched on for the node alone."""
    outer = link(network.host)
    steps = (
        ["ip", "link", "add", outer, "type", "veth", "peer", "name", CABLE, "netns", str(network.pid)],
        ["ip", "address", "add", f"{network.host}/30", "dev", outer],
        ["ip", "link", "set", outer, "up"],
        network.inside("sh", "-c", "cd /proc/sys/net && echo 1 >ipv6/conf/all/disable_ipv6; echo 1 >ipv4/ip_forward"),
        network.inside("ip", "link", "set", "lo", "up"),
        network.inside("ip", "address", "add", f"{network.node}/30", "dev", CABLE),
        network.inside("ip", "link", "set", CABLE, "up"),
        ["ip", "route", "add", network.pods, "via", network.node, "dev", outer],
    )
    for step in steps:
        _run(step)
    bed.say(f"network: {network.all}, a cable between this machine ({network.host}) and the node ({network.node}); no route leads on")


def environment() -> dict[str, str]:
    """Ours, with the administrator's programs on the path."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def _run(words: Sequence[str], stdin: str | None = None) -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise BedError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
