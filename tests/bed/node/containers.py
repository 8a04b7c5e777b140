"""containerd in the node's namespaces: its configuration, its start, its images."""

from dataclasses import dataclass
from pathlib import Path

from tests.bed import build
from tests.bed.bed import Bed
from tests.bed.node.able import PLUGINS
from tests.bed.node.network import BRIDGE, Network, environment
from tests.bed.ports import alive_until
from tests.bed.processes import BedError

PAUSE = "localhost/rotated-rds/pause:1"
# Folders in which a runtime and a kubelet keep what nobody can point elsewhere: inside, empty ones stand over them.
_COVERED = ("/run", "/var/log", "/var/lib")


@dataclass(frozen=True)
class Containers:
    """The container runtime of one node, in `folder`."""

    folder: Path
    network: Network

    @property
    def socket(self) -> Path:
        return self.folder / "containerd.sock"

    def ctr(self, *words: str | Path) -> str:
        return self.network.run(build.program("ctr"), "-a", self.socket, "-n", "k8s.io", *words)

    def start(self, bed: Bed) -> None:
        """Cover the machine's own folders, start containerd, wait until it answers."""
        for place in _COVERED:
            if self.folder.is_relative_to(place):
                raise BedError(f"the bed's folder is below {place}, which a node has for itself: set XDG_CACHE_HOME to another place")
            self.network.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
        (self.folder / "cni").mkdir()
        (self.folder / "cni" / "10-bed.conflist").write_text(_cni(self.folder, self.network))
        (self.folder / "containerd.toml").write_text(_configuration(self.folder))
        argv = self.network.inside(build.program("containerd"), "--config", self.folder / "containerd.toml")
        bed.processes.start("containerd", argv, env={**environment(), "PATH": f"{build.program('ctr').parent}:{environment()['PATH']}"})
        alive_until(bed, "containerd", self._answers, what="containerd answers")

    def _answers(self) -> bool:
        try:
            return bool(self.ctr("version"))
        except BedError:
            return False

    def load(self, archive: Path) -> None:
        """Give the node an image. archive: an OCI archive that names it."""
        self.ctr("images", "import", "--local", archive)


def _cni(folder: Path, network: Network) -> str:
    return f"""\
{{"cniVersion": "1.0.0", "name": "bed", "plugins": [
  {{"type": "bridge", "bridge": "{BRIDGE}", "isDefaultGateway": true, "hairpinMode": true,
    "ipam": {{"type": "host-local", "dataDir": "{folder}/ipam", "ranges": [[{{"subnet": "{network.pods}"}}]]}}}}]}}
"""


def _configuration(folder: Path) -> str:
    """Without CAP_SYS_RESOURCE runc dies of the low oom_score_adj that a sandbox gets (no final child's pid), so it is bounded."""
    return f"""\
version = 3
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = "{folder}/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
cni = {{bin_dirs = ["{PLUGINS}"], conf_dir = "{folder}/cni"}}
"""
