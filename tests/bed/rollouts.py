"""Argo Rollouts on the bed: its kinds, and its own controller where that is built (`python -m tests.bed.build rollouts-controller`).

Its Pods are kwok's. Without the controller tests write themselves what it would say, which is simulated.
"""

import http.client
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.bed import build
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.ports import on_free_ports
from tests.bed.processes import until

CONTROLLER, CRDS = "rollouts-controller", "rollouts-crds.json"
_PLACE = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def start(bed: Bed) -> Facts:
    """Install its kinds; start the controller, if it is built, and wait until it works."""
    install_kinds(Api(admin_kubeconfig(bed)))
    real = not build.missing([CONTROLLER])
    if real:
        on_free_ports(bed, CONTROLLER, 2, lambda ports: _argv(bed, ports), lambda ports: _works(ports[1]))
    return {"version": build.ARGO_ROLLOUTS, "controller": "real" if real else "simulated"}


def install_kinds(api: Api, *plurals: str) -> None:
    """Rollout and what its controller needs beside it, or those alone; may be repeated."""
    there = {one["metadata"]["name"] for one in api.call("GET", _PLACE)["items"]}
    wanted = {name: kind for name, kind in _kinds().items() if not plurals or kind["spec"]["names"]["plural"] in plurals}
    for name in wanted.keys() - there:
        api.call("POST", _PLACE, wanted[name])
    until("the kinds of Argo Rollouts are served", lambda: all(_established(api, name) for name in wanted))


def remove_kind(api: Api, plural: str) -> None:
    """And with it all of that kind."""
    path = next(f"{_PLACE}/{name}" for name, kind in _kinds().items() if kind["spec"]["names"]["plural"] == plural)
    api.call("DELETE", path)
    until(f"the kind {plural} is gone", lambda: api.get(path) is None)


@cache
def _kinds() -> dict[str, dict[str, Any]]:
    build.ensure([CRDS])
    return {kind["metadata"]["name"]: kind for kind in json.loads(build.program(CRDS).read_text())}


def _established(api: Api, name: str) -> bool:
    conditions: list[dict[str, str]] | None = api.call("GET", f"{_PLACE}/{name}").get("status", {}).get("conditions")
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions or ())


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
