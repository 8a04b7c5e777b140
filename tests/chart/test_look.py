"""The script of `helm test` and of the look before an uninstall, run as its pods run it, against the bed's API server."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import server_of
from tests.support.chart import CHART
from tests.support.releases import HOME, identity, install
from tests.support.resources import Cluster, a_resource

ACCOUNT = '"/var/run/secrets/kubernetes.io/serviceaccount"'


class Pod:
    """Stands for the pod: a ServiceAccount's files and the variables of two Services. pages: what the operator's one answers."""

    def __init__(self, folder: Path, kubeconfig: Path, server: str) -> None:
        config = json.loads(kubeconfig.read_text())
        (folder / "token").write_text(config["users"][0]["user"]["token"])
        (folder / "ca.crt").write_bytes(base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]))
        address = urlsplit(server)
        self.folder, self.pages = folder, {"/readyz": (200, "ok\n"), "/metrics": (200, "rotated_rds_build_info 1\n")}
        self.environment = {"KUBERNETES_SERVICE_HOST": str(address.hostname), "KUBERNETES_SERVICE_PORT": str(address.port)}

    def look(self, *words: str) -> tuple[int, list[str]]:
        script = (CHART / "files" / "look.py").read_text()
        assert ACCOUNT in script
        words = (sys.executable, "-c", script.replace(ACCOUNT, repr(str(self.folder))), *words)
        done = subprocess.run(words, capture_output=True, text=True, env={"PATH": os.environ["PATH"], **self.environment}, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def pod(bed: Bed, api: Api, namespace: str, tmp_path: Path) -> Generator[Pod]:
    install(api)
    one = Pod(tmp_path, identity(bed, f"look-{namespace}", (namespace,)), server_of(bed))

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = one.pages[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's own name
            """Not worth a line."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one.environment |= {"OPERATOR_SERVICE_HOST": "127.0.0.1", "OPERATOR_SERVICE_PORT": str(server.server_address[1])}
    yield one
    server.shutdown()
    server.server_close()


def test_a_release_that_works_passes(pod: Pod) -> None:
    code, said = pod.look("test", "OPERATOR")
    assert (code, [line.partition(":")[0] for line in said]) == (0, ["ok"] * 3)
    assert pod.look("test", "") == (0, ["ok: the CRD is served"])


def test_an_operator_that_is_not_ready_is_named(pod: Pod) -> None:
    pod.pages["/readyz"] = (503, "AWS: unknown\n")
    code, said = pod.look("test", "OPERATOR")
    assert code == 1
    assert said[1].startswith("FAILED: the Service leads to an operator that is ready: HTTPError: HTTP Error 503")


def test_a_missing_service_and_a_missing_crd_are_named(pod: Pod) -> None:
    pod.environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    code, said = pod.look("test", "OPERATOR")
    assert code == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "the CRD is served",
        "the Service leads to an operator that is ready",
        "it shows its metrics",
    ]
    assert "OPERATOR_SERVICE_HOST" in said[1]


def test_resources_with_a_finalizer_are_listed_with_the_release_s_own_rights(pod: Pod, api: Api, namespace: str) -> None:
    cluster = Cluster(api, namespace)
    for name in ("busy", "quiet"):
        cluster.given_resource(a_resource(namespace, name, {"engine": "postgres", "port": 1}, f"u-{name}"))
    assert pod.look("finalizers", namespace)[1][0].startswith("0 resources")
    path = cluster.path("rotatedrdssecrets", "busy")
    cluster.merge(path, {"metadata": {"finalizers": ["rotated-rds.io/cleanup"]}})
    code, said = pod.look("finalizers", namespace)
    assert (code, said[1:]) == (0, [f"  {namespace}/busy: rotated-rds.io/cleanup"])
    cluster.merge(path, {"metadata": {"finalizers": []}})


def test_what_may_not_be_listed_stops_no_uninstall(pod: Pod) -> None:
    code, said = pod.look("finalizers", HOME)
    assert code == 0
    assert said[0].startswith("the resources cannot be listed: HTTPError: HTTP Error 403")
