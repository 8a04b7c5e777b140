"""The control groups of one node: a folder of its own in every hierarchy, of either cgroup version."""

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_NEEDED = ("cpu", "cpuset", "memory", "pids")
_PATIENCE = 10.0  # seconds that the kernel may take to let the dead go


def name(folder: Path) -> str:
    """The node's folder, by its bed's: two beds never share one."""
    return f"rotated-rds-{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def lacking(root: Path = ROOT) -> list[str]:
    """What of the machine's cgroups a kubelet would miss."""
    controllers = _controllers(root)
    absent = [f"the cgroup controller {one}" for one in _NEEDED if one not in controllers]
    return absent or [f"cgroups that may be written ({place})" for place in _hierarchies(root) if not os.access(place, os.W_OK)]


def _controllers(root: Path) -> set[str]:
    unified = root / "cgroup.controllers"
    if unified.exists():
        return set(unified.read_text().split())
    return {name for place in _hierarchies(root) for name in place.name.split(",")}


def _hierarchies(root: Path) -> list[Path]:
    """One on cgroup 2; one a controller on cgroup 1."""
    if (root / "cgroup.procs").exists():
        return [root]
    return sorted(place for place in root.glob("*/") if (place / "cgroup.procs").exists()) if root.is_dir() else []


def make(folder: Path) -> str:
    """Make the node's folders; returns their path as a kubelet wants it."""
    for place in _hierarchies(ROOT):
        (place / name(folder)).mkdir(exist_ok=True)
    return f"/{name(folder)}"


def remove(folder: Path, root: Path = ROOT) -> None:
    """Remove them once nothing runs in them; content when there are none. TimeoutError when something stays."""
    deadline = time.monotonic() + _PATIENCE
    for place in _hierarchies(root):
        while not _removed(place / name(folder)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the cgroup {place / name(folder)} does not empty")
            time.sleep(0.05)


def _removed(top: Path) -> bool:
    """From the leaves up, as the kernel demands."""
    for place in sorted(_below(top), key=lambda path: len(path.parts), reverse=True):
        try:
            place.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return not top.exists()


def _below(top: Path) -> Iterable[Path]:
    return [Path(place) for place, _, _ in os.walk(top)]
