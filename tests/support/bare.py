"""An API server of a test's own on an empty store: kinds come and go on it, and it writes down what the operator asked for."""

import json
import secrets
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.ports import on_free_ports
from tests.support.audit import Audited, auditing, ended, words_of
from tests.support.releases import HOME, install_anew

_ADDRESSES = ("--listen-client-urls", "--advertise-client-urls", "--listen-peer-urls", "--initial-advertise-peer-urls", "--initial-cluster")


@dataclass(frozen=True)
class Bare:
    """api: as its administrator."""

    api: Api
    server: Audited


@contextmanager
def bare(bed: Bed, folder: Path) -> Generator[Bare]:
    """For the block: the operator's CRD and rights, no controller, no node. folder: for its data."""
    name = f"bare-{secrets.token_hex(3)}"
    servers = f"etcd-{name}", f"kube-apiserver-{name}"
    with _store(bed, servers[0], folder) as store, auditing(bed, folder, servers[1], f"--etcd-servers={store}") as (address, log):
        admin = folder / "admin.kubeconfig"
        api = Api(admin)
        install_anew(api)
        yield Bare(api, Audited(address, _operator(api, admin, folder), log))


@contextmanager
def _store(bed: Bed, name: str, folder: Path) -> Generator[str]:
    words = [word for word in words_of(bed, "etcd") if not word.startswith((*_ADDRESSES, "--data-dir"))]

    def argv(ports: Sequence[int]) -> list[str]:
        mine, theirs = (f"http://127.0.0.1:{port}" for port in ports)
        addresses = zip(_ADDRESSES, (mine, mine, theirs, theirs, f"default={theirs}"), strict=True)
        return [*words, f"--data-dir={folder / 'etcd'}", *(f"{key}={value}" for key, value in addresses)]

    with ended(bed, name):
        client, _ = on_free_ports(bed, name, 2, argv, lambda ports: _listens(ports[0]))
        yield f"http://127.0.0.1:{client}"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _operator(api: Api, admin: Path, folder: Path) -> Path:
    """The admin's kubeconfig with a token of the operator's ServiceAccount instead."""
    ask = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = api.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts/{HOME}/token", ask)["status"]["token"]
    config = json.loads(admin.read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / "bare-operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
