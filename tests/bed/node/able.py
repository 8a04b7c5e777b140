"""Whether this machine can run a real node; what it lacks, in words. Asked before anything is built or started."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bed import cgroup, paths

NOT_RUN = "NOT RUN"
"""Begins what a suite says that was left out because of this machine: neither passed nor failed."""

PROGRAMS = {
    "runc": "runc",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""What a node and its images need, and the Debian package that brings it."""

PLUGINS = Path("/usr/lib/cni")
"""Where Debian's containernetworking-plugins stand."""

# Bits of capabilities(7): what runc gives a container by default, and what makes namespaces, mounts, links and devices.
_CAPABILITIES = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_FSETID": 4,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_ADMIN": 21,
    "CAP_MKNOD": 27,
    "CAP_AUDIT_WRITE": 29,
    "CAP_SETFCAP": 31,
}
_TRY_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private", "--")


def lacking() -> list[str]:
    """What keeps a node from running here; empty when one can. Cheap questions first: later ones need what they ask about."""
    if os.geteuid() != 0:
        return ["root: mounts, network namespaces and cgroups are made"]
    missing = [*missing_capabilities(_effective()), *missing_programs(f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")]
    return missing or [*_refused(), *cgroup.lacking()]


def _effective() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))


def missing_capabilities(effective: int) -> Sequence[str]:
    """Of a set of capabilities, as /proc writes it."""
    return [f"the capability {name}" for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]


def missing_programs(places: str) -> Sequence[str]:
    """places: folders, as in PATH."""
    lost = [f"{name} (Debian: {package})" for name, package in PROGRAMS.items() if shutil.which(name, path=places) is None]
    return lost if (PLUGINS / "bridge").exists() else [*lost, f"{PLUGINS}/bridge (Debian: containernetworking-plugins)"]


def _refused() -> Sequence[str]:
    """Namespaces, an overlay and a virtual cable, tried for once where they vanish again by themselves."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".able-") as scratch:
        for name in ("lower", "upper", "work", "merged"):
            (Path(scratch) / name).mkdir()
        layers = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
        tries = {
            "network, mount and process namespaces": ["true"],
            "overlay mounts": ["mount", "-t", "overlay", "overlay", "-o", layers, f"{scratch}/merged"],
            "virtual network cables": ["ip", "link", "add", "one", "type", "veth", "peer", "name", "two"],
            "network bridges": ["ip", "link", "add", "one", "type", "bridge"],
            "nftables": ["nft", "add", "table", "ip", "tried"],
        }
        return [f"{what} ({error})" for what, words in tries.items() if (error := _error(*_TRY_NAMESPACES, *words))]


def _error(*words: str) -> str:
    """What a command complains of; empty when it succeeds."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
