"""Argo Rollouts on the bed: its kinds, and its own controller as a process. The Pods that it makes are kwok's."""

import http.client
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.bed import build
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.ports import on_free_ports
from tests.bed.processes import until

CONTROLLER, CRDS = "rollouts-controller", "rollouts-crds.yaml"
PROGRAMS = (CONTROLLER, CRDS)
_KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def start(bed: Bed) -> Facts:
    """Install its kinds, start it, and wait until it works."""
    build.ensure(PROGRAMS, bed.say)
    install_kinds(Api(admin_kubeconfig(bed)))
    on_free_ports(bed, CONTROLLER, 2, lambda ports: _argv(bed, ports), lambda ports: _works(ports[1]))
    return {"version": build.ARGO_ROLLOUTS}


def install_kinds(api: Api) -> None:
    """Rollout and what its controller needs beside it."""
    kinds = [kind for kind in yaml.safe_load_all(build.program(CRDS).read_text()) if kind]
    for kind in kinds:
        name = kind["metadata"]["name"]
        api.call("PATCH", f"{_KINDS}/{name}?fieldManager=bed&force=true", kind, content="application/apply-patch+yaml")
    until("the kinds of Argo Rollouts are served", lambda: all(_established(api, kind["metadata"]["name"]) for kind in kinds))


def remove_kinds(api: Api) -> None:
    """And with them every Rollout."""
    for kind in yaml.safe_load_all(build.program(CRDS).read_text()):
        api.call("DELETE", f"{_KINDS}/{kind['metadata']['name']}")


def _established(api: Api, name: str) -> bool:
    conditions = api.call("GET", f"{_KINDS}/{name}").get("status", {}).get("conditions", [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _argv(bed: Bed, ports: Sequence[int]) -> list[str | Path]:
    metrics, health = ports
    return [
        build.program(CONTROLLER),
        f"--kubeconfig={admin_kubeconfig(bed)}",
        "--leader-elect=false",
        f"--metricsPort={metrics}",
        f"--healthzPort={health}",
        "--qps=500",
        "--burst=1000",
    ]


def _works(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
