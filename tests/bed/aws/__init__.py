"""The bed's AWS: moto's server in one process, corrected where it differs from AWS and it matters to us (see docs/fidelity.md)."""

import http.client
import json
import os
import signal
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.bed import paths
from tests.bed.bed import Bed, Facts
from tests.bed.ports import alive_until
from tests.bed.reach import reach

NAME = "aws"
REGION = "us-east-1"
ACCOUNT = "123456789012"
# Who calls when a rotation function of this account does.
FUNCTION_KEY = "AKIABEDFUNCTION00001"
DATABASES = ("postgres", "mariadb", "mysql")


def start(bed: Bed) -> Facts:
    """Start the server; it is ready when this returns, and RDS knows the bed's databases as `bed-postgres` and so on.

    What it keeps, it keeps in memory.
    """
    told = bed.folder / "aws.port"
    told.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    places = f"{paths.REPO / 'operator'}{os.pathsep}{paths.REPO}"
    bed.processes.start(
        NAME,
        [sys.executable, "-m", "tests.bed.aws", "--host", reach(bed).address, "--tell", told],
        env={**environment, "PYTHONPATH": places},
        cwd=paths.REPO,
        ending=signal.SIGKILL,
    )
    alive_until(bed, NAME, told.exists, what="AWS listens")
    endpoint = f"http://{reach(bed).address}:{told.read_text()}"
    for part in DATABASES:
        if part in bed.facts():
            _place(endpoint, part, bed.facts()[part])
    return {"endpoint": endpoint, "region": REGION, "account": ACCOUNT}


def healthy(bed: Bed) -> bool:
    """Whether it answers where it said it would."""
    try:
        return _ask(str(bed.facts()[NAME]["endpoint"]), "GET", "health", {})
    except OSError:
        return False


def _place(endpoint: str, part: str, facts: Facts) -> None:
    wanted = {"instance": f"bed-{part}", "engine": facts["engine"], "host": facts["host"], "port": facts["port"]}
    _ask(endpoint, "POST", "rds", wanted)


def _ask(endpoint: str, method: str, path: str, wanted: Mapping[str, object]) -> bool:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=10)
    try:
        connection.request(method, f"/bed/{path}", json.dumps(wanted))
        return connection.getresponse().status == http.client.OK
    finally:
        connection.close()
