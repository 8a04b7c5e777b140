"""Identities on the bed's API server: a kubeconfig a user, each whole in one file."""

import base64
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tests.bed.api import Api
from tests.bed.bed import Bed

ADMIN = ("admin", ("system:masters",))
_DAY = 86_400


def kubeconfig_for(bed: Bed, user: str, groups: Sequence[str] = (), *, server: str | None = None) -> Path:
    """Mint a client certificate for the user and write its kubeconfig. server: when the bed does not know it yet."""
    pair = bed.authority.issue(f"client-{_slug(user)}-{os.getpid()}", user, organization=groups)
    credential = {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}
    pair.certificate.unlink()
    pair.key.unlink()
    return _write(bed, _slug(user), server or server_of(bed), credential)


def service_account_kubeconfig(bed: Bed, namespace: str, name: str) -> Path:
    """A kubeconfig with a day's token of that ServiceAccount, which must exist."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": _DAY}}
    answer = Api(admin_kubeconfig(bed)).call("POST", path, request)
    return _write(bed, _slug(f"{namespace}-{name}"), server_of(bed), {"token": answer["status"]["token"]}, namespace)


def admin_kubeconfig(bed: Bed) -> Path:
    return Path(str(bed.facts()["kubernetes"]["kubeconfig"]))


def server_of(bed: Bed) -> str:
    return str(bed.facts()["kubernetes"]["server"])


def _write(bed: Bed, name: str, server: str, credential: dict[str, str], namespace: str = "default") -> Path:
    """JSON is YAML; a rename, so that nobody reads half a file."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority-data": _encoded(bed.authority.ca.certificate)}}],
        "users": [{"name": name, "user": credential}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": name, "namespace": namespace}}],
    }
    path = bed.folder / "kubeconfigs" / f"{name}.kubeconfig"
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(config, indent=2) + "\n")
    return draft.rename(path)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
