"""A real control plane: etcd, API server with RBAC, controllers, scheduler, and kwok's fake nodes where no real one comes."""

import http.client
import os
import signal
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from tests.bed import build
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import ADMIN, kubeconfig_for
from tests.bed.pki import Pair
from tests.bed.ports import LESS_OFTEN, alive_until, on_free_ports
from tests.bed.reach import reach

PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler", "kwok")
NODES = ("fake-0", "fake-1")
STAGES = Path(__file__).with_name("stages.yaml")
_CALLS = ("--kube-api-qps=500", "--kube-api-burst=1000")
_FOR_FAKE_NODES = ("--authorization-mode=RBAC", "--endpoint-reconciler-type=none")
_PODS, _FIRST = "/api/v1/namespaces/default/pods", "first-of-the-bed"

Argv = list[str | Path]


def start(bed: Bed) -> Facts:
    """Start it whole and wait until pods can run on it."""
    build.ensure(PROGRAMS, bed.say)
    tokens = bed.authority.issue("tokens", "service-account-tokens")
    server = _api_server(bed, _etcd(bed), tokens)
    admin = kubeconfig_for(bed, *ADMIN, server=server)
    api = Api(admin)
    alive_until(bed, "kube-apiserver", api.ready, what="the API server is ready")
    _controllers(bed, server, tokens)
    nodes = () if reach(bed).real else NODES
    if nodes:
        _fake_nodes(bed, admin, api)
    return {
        "kubeconfig": str(admin),
        "server": server,
        "ca": str(bed.authority.ca.certificate),
        "kubectl": str(build.program("kubectl")),
        "nodes": list(nodes),
    }


def _fake_nodes(bed: Bed, admin: Path, api: Api) -> None:
    """kwok and its nodes; waits until a pod runs on one."""
    bed.processes.start("kwok", _kwok(admin), ending=signal.SIGKILL)
    for name in NODES:
        api.call("POST", "/api/v1/nodes", _node(name))
    alive_until(bed, "kube-controller-manager", lambda: _made(api), what="a pod can be made")
    alive_until(bed, "kube-scheduler", lambda: _scheduled(api), what="a pod is scheduled")
    alive_until(bed, "kwok", lambda: _runs(api), what="a pod runs")
    api.call("DELETE", f"{_PODS}/{_FIRST}")


def healthy(bed: Bed) -> bool:
    """Whether the API server of this bed answers."""
    facts = bed.facts().get("kubernetes")
    return facts is not None and Api(Path(str(facts["kubeconfig"]))).ready()


def _etcd(bed: Bed) -> str:
    def argv(ports: Sequence[int]) -> Argv:
        mine, theirs = (f"http://127.0.0.1:{port}" for port in ports)
        return [
            build.program("etcd"),
            f"--data-dir={bed.folder / 'etcd'}",
            f"--listen-client-urls={mine}",
            f"--advertise-client-urls={mine}",
            f"--listen-peer-urls={theirs}",
            f"--initial-advertise-peer-urls={theirs}",
            f"--initial-cluster=default={theirs}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    client, _ = on_free_ports(bed, "etcd", 2, argv, lambda ports: _serves(ports[0]))
    return f"http://127.0.0.1:{client}"


def _api_server(bed: Bed, store: str, tokens: Pair) -> str:
    where = reach(bed)
    names = {"127.0.0.1", where.address, "localhost", "10.0.0.1", "kubernetes.default.svc"}
    pair = bed.authority.issue("kube-apiserver", "kube-apiserver", names=sorted(names))

    def argv(ports: Sequence[int]) -> Argv:
        return [
            build.program("kube-apiserver"),
            f"--etcd-servers={store}",
            f"--bind-address={where.address}",
            f"--advertise-address={where.address}",
            f"--secure-port={ports[0]}",
            f"--tls-cert-file={pair.certificate}",
            f"--tls-private-key-file={pair.key}",
            f"--client-ca-file={bed.authority.ca.certificate}",
            f"--service-account-key-file={tokens.certificate}",
            f"--service-account-signing-key-file={tokens.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            *(_for_a_real_node(bed) if where.real else _FOR_FAKE_NODES),
            "--disable-admission-plugins=TaintNodesByCondition",  # nobody takes the taint off: nodelifecycle is off
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
        ]

    (port,) = on_free_ports(bed, "kube-apiserver", 1, argv, lambda ports: _serves(ports[0], bed.authority.ca.certificate, where.address))
    return f"https://{where.address}:{port}"


def _for_a_real_node(bed: Bed) -> Argv:
    """A kubelet has no more rights than its own node needs, and the API server finds it, and itself as a Service."""
    client = bed.authority.issue("kube-apiserver-kubelet-client", "kube-apiserver-kubelet-client", organization=ADMIN[1])
    return [
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--endpoint-reconciler-type=lease",
        f"--kubelet-client-certificate={client.certificate}",
        f"--kubelet-client-key={client.key}",
        f"--kubelet-certificate-authority={bed.authority.ca.certificate}",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _controllers(bed: Bed, server: str, tokens: Pair) -> None:
    """Port 0: they serve nothing; their work shows that they live."""
    common, lean = ("--leader-elect=false", "--secure-port=0", *_CALLS), os.environ | LESS_OFTEN
    manager = kubeconfig_for(bed, "system:kube-controller-manager", server=server)
    ca = f"--root-ca-file={bed.authority.ca.certificate}"
    key = f"--service-account-private-key-file={tokens.key}"
    wanted = ("--use-service-account-credentials=true", "--controllers=*,-nodeipam,-nodelifecycle")
    name = "kube-controller-manager"
    bed.processes.start(name, [build.program(name), f"--kubeconfig={manager}", ca, key, *wanted, *common], env=lean, ending=signal.SIGKILL)
    scheduler = kubeconfig_for(bed, "system:kube-scheduler", server=server)
    name = "kube-scheduler"
    bed.processes.start(name, [build.program(name), f"--kubeconfig={scheduler}", *common], env=lean, ending=signal.SIGKILL)


def _kwok(admin: Path) -> Argv:
    selector = "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"
    quiet = ("--server-address=", "--node-lease-duration-seconds=0")
    return [build.program("kwok"), f"--kubeconfig={admin}", "--manage-all-nodes=false", selector, f"--config={STAGES}", *quiet]


def _node(name: str) -> dict[str, object]:
    room = {"cpu": "1000", "memory": "1Ti", "pods": "10000"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"capacity": room, "allocatable": room},
    }


def _pod() -> dict[str, object]:
    spec = {"containers": [{"name": "first", "image": "none"}], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _FIRST}, "spec": spec}


def _made(api: Api) -> bool:
    """Pods are refused until the controllers have made the namespace's ServiceAccount."""
    try:
        api.call("POST", _PODS, _pod())
    except ApiError as error:
        if error.code == HTTPStatus.FORBIDDEN:
            return False
        raise
    return True


def _scheduled(api: Api) -> bool:
    return bool(api.get(f"{_PODS}/{_FIRST}")["spec"].get("nodeName"))


def _runs(api: Api) -> bool:
    return api.get(f"{_PODS}/{_FIRST}")["status"]["phase"] == "Running"


def _serves(port: int, ca: Path | None = None, host: str = "127.0.0.1") -> bool:
    """Whether an HTTP server (of the bed's CA, when given) answers there, whatever it says."""
    if ca:
        connection = http.client.HTTPSConnection(host, port, timeout=5, context=ssl.create_default_context(cafile=ca))
    else:
        connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True
