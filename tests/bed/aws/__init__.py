"""The bed's AWS: moto's server in one process, corrected where it differs from AWS and it matters to us (see docs/fidelity.md)."""

import json
import os
import sys
import urllib.error
import urllib.request

from tests.bed import paths
from tests.bed.bed import Bed, Facts
from tests.bed.processes import free_port, until

NAME = "aws"
REGION = "us-east-1"
ACCOUNT = "123456789012"


def start(bed: Bed) -> Facts:
    """Start the server; it is ready when this returns. What it keeps, it keeps in memory."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    places = f"{paths.REPO / 'operator'}{os.pathsep}{paths.REPO}"
    bed.processes.start(
        NAME, [sys.executable, "-m", "tests.bed.aws", "--port", str(port)], env={**environment, "PYTHONPATH": places}, cwd=paths.REPO
    )
    until(f"AWS on {endpoint}", lambda: _ready(bed, endpoint))
    return {"endpoint": endpoint, "region": REGION, "account": ACCOUNT}


def _ready(bed: Bed, endpoint: str) -> bool:
    if bed.processes.named(NAME) is None:
        raise RuntimeError(f"the bed's AWS ended: {bed.processes.tail(NAME)}")
    try:
        with urllib.request.urlopen(f"{endpoint}/bed/health", timeout=1) as answer:  # noqa: S310 - our own address
            return bool(json.load(answer)["ready"])
    except (urllib.error.URLError, OSError):
        return False
