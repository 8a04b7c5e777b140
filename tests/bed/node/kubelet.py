"""kubelet and kube-proxy in the node's namespaces: their identities, their configuration, their start."""

import json
from pathlib import Path

from tests.bed import build, cgroup
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig, kubeconfig_for
from tests.bed.node.containers import Containers
from tests.bed.node.network import Network, environment
from tests.bed.ports import alive_until

NODE = "real-1"
# What a kubelet would set for the whole machine: inside, a file of the node's own stands over each.
_KERNEL = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def start(bed: Bed, network: Network, containers: Containers) -> None:
    """Start both and wait until the API server says that the node is ready."""
    folder = containers.folder
    _cover_kernel(folder, network)
    _start_kubelet(bed, folder, network, containers)
    _start_proxy(bed, network)
    api = Api(admin_kubeconfig(bed))
    alive_until(bed, "kubelet", lambda: _ready(api), what="the node is ready")
    alive_until(bed, "kube-proxy", lambda: "kubernetes" in network.run("nft", "list", "ruleset"), what="Services are reached")


def _ready(api: Api) -> bool:
    try:
        node = api.get(f"/api/v1/nodes/{NODE}")
    except ApiError:
        return False
    return bool(node) and any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))


def _cover_kernel(folder: Path, network: Network) -> None:
    for name in _KERNEL:
        real, own = Path("/proc/sys") / name, folder / "kernel" / name.replace("/", ".")
        if real.exists():
            own.parent.mkdir(exist_ok=True)
            own.write_text(real.read_text())
            network.run("mount", "--bind", own, real)


def _start_kubelet(bed: Bed, folder: Path, network: Network, containers: Containers) -> None:
    serving = bed.authority.issue("kubelet", NODE, names=(network.node, NODE))
    identity = kubeconfig_for(bed, f"system:node:{NODE}", ["system:nodes"])
    (folder / "resolv.conf").touch()
    told = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "address": network.node,
        "healthzPort": 0,
        "containerRuntimeEndpoint": f"unix://{containers.socket}",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(bed.authority.ca.certificate)}},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "cgroupRoot": cgroup.make(bed.folder),
        "podLogsDir": str(folder / "pods"),
        "volumePluginDir": str(folder / "plugins"),
        "resolvConf": str(folder / "resolv.conf"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "10Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "makeIPTablesUtilChains": False,
        "syncFrequency": "10s",
    }
    (folder / "kubelet.json").write_text(json.dumps(told, indent=2))
    argv = network.inside(
        build.program("kubelet"),
        f"--config={folder / 'kubelet.json'}",
        f"--kubeconfig={identity}",
        f"--hostname-override={NODE}",
        f"--node-ip={network.node}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet' / 'pki'}",
    )
    bed.processes.start("kubelet", argv, env=environment())


def _start_proxy(bed: Bed, network: Network) -> None:
    identity = kubeconfig_for(bed, "system:kube-proxy", ["system:node-proxier"])
    argv = network.inside(
        build.program("kube-proxy"),
        f"--kubeconfig={identity}",
        f"--hostname-override={NODE}",
        "--proxy-mode=nftables",
        "--masquerade-all",
        "--healthz-bind-address=",
        "--metrics-bind-address=127.0.0.1:10249",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    )
    bed.processes.start("kube-proxy", argv, env=environment())
