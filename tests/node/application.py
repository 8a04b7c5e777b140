"""The application of the real node: the example's Deployment, with a program that logs in by a real driver, again and again."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.bed.paths import REPO

Json = dict[str, Any]

PROGRAM = """\
import os, signal, sys, time
from pathlib import Path
import psycopg
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container has no handler by itself
names = {"host": "host", "port": "port", "user": "username", "password": "password", "dbname": "dbname"}
while True:
    told = {key: os.environ["DB_" + name] for key, name in names.items()}
    with psycopg.connect(**told, sslmode="verify-full", sslrootcert="/etc/rotated-rds/rds-ca-bundle.pem", connect_timeout=5) as session:
        user = session.execute("SELECT current_user").fetchone()[0]
    print("logged in as", user, flush=True)
    Path("/tmp/logged-in").touch()
    time.sleep(0.5)
"""
"""It ends with an error when a login fails, as an application may; a kubelet then starts it again."""

_UNPRIVILEGED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(image: str, env: Json) -> Json:
    """A Pod that runs it, allowed where Pod Security is `restricted`. env: what the container's environment is taken from."""
    container: Json = {
        "name": "orders",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", PROGRAM],
        "securityContext": _UNPRIVILEGED,
        "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/logged-in"]}, "periodSeconds": 2},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        **env,
    }
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def deployment(image: str, example: Path = REPO / "examples/orders-app.yaml") -> str:
    """The example with a real image in place of the one that nobody has; who reads which Secret stays as it is written there."""
    whole: Json = yaml.safe_load(example.read_text())
    template = whole["spec"]["template"]
    (container,) = template["spec"]["containers"]
    template["spec"] = pod(image, {"envFrom": container["envFrom"]})
    return json.dumps(whole)


def reader(image: str, name: str, secret: str, replicas: int) -> str:
    """A Deployment of its own that reads a Secret as the example does."""
    labels = {"app": name}
    template: Json = {"metadata": {"labels": labels}, "spec": pod(image, {"envFrom": [{"prefix": "DB_", "secretRef": {"name": secret}}]})}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def astray(image: str, host: str, port: int) -> str:
    """A Pod with a password that the database refuses."""
    told = {"host": host, "port": str(port), "username": "app", "password": "no-such-password", "dbname": "app"}
    env = {"env": [{"name": f"DB_{name}", "value": value} for name, value in told.items()]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "astray"}, "spec": pod(image, env)})
