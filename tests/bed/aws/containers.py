"""Rotation functions of the world and our own, each invocation in a process beside the bed, kept warm as Lambda's containers are."""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bed import paths
from tests.bed.aws.functions import Event, Failed
from tests.bed.aws.region import Region

OURS = "rotated_rds.function:handler"


class Container:
    """One process that runs one invocation at a time: a line of JSON in, a line of JSON out."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bed.aws.container", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            cwd=paths.REPO,
        )

    def invoke(self, event: Event, timeout: float) -> dict[str, Any]:
        """Run one invocation. Raises Failed when it does not answer in `timeout` seconds, or the process ends."""
        if self._child.stdin is None:
            raise TypeError("the container has no stdin")
        try:
            self._child.stdin.write(json.dumps({"event": dict(event)}).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise Failed("RequestId: bed Error: Runtime exited") from None
        return json.loads(self._line(timeout))

    def _line(self, timeout: float) -> bytes:
        if self._child.stdout is None:
            raise TypeError("the container has no stdout")
        deadline, line = time.monotonic() + timeout, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise Failed(f"Task timed out after {timeout:.2f} seconds")
                part = os.read(self._child.stdout.fileno(), 65_536)
                if not part:
                    raise Failed("RequestId: bed Error: Runtime exited")
                line += part
        return line

    def end(self) -> None:
        self._child.kill()
        self._child.wait()


@dataclass
class Contained:
    """A function by its path, `module:name` or `file.py:name`: an idle container is used again, else a new one starts."""

    path: str
    environment: Mapping[str, str]
    timeout: float = 30.0
    _idle: list[Container] = field(default_factory=list[Container])
    _busy: list[Container] = field(default_factory=list[Container])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, region: Region, event: Event) -> None:
        del region
        with self._lock:
            container = self._idle.pop() if self._idle else Container(self.path, self.environment)
            self._busy.append(container)
        try:
            answer = container.invoke(event, self.timeout)
        except Failed:
            container.end()
            with self._lock:
                self._busy.remove(container)
            raise
        with self._lock:
            self._busy.remove(container)
            self._idle.append(container)
        if "error" in answer:
            raise Failed(answer["error"])

    def release(self) -> None:
        """Nothing here waits for a release."""

    def close(self) -> None:
        with self._lock:
            containers, self._idle = self._idle + self._busy, []
        for container in containers:
            container.end()


def environment_of(endpoint: str, arn: str, credentials: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """What a Lambda finds in its environment, pointed at the bed, and what the function's owner added."""
    region = arn.split(":")[3]
    places = [str(paths.REPO / "operator"), str(paths.REPO)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(places),
        "AWS_ENDPOINT_URL": endpoint,
        "SECRETS_MANAGER_ENDPOINT": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": arn.rpartition(":")[2],
        **credentials,
        **extra,
    }
