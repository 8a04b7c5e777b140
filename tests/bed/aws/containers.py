"""Rotation functions of the world and our own, each invocation in a process beside the bed, kept warm as Lambda's containers are."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.bed import paths
from tests.bed.aws.functions import Event, Failed
from tests.bed.aws.region import Region

OURS = "rotated_rds.function:handler"


class Mother:
    """The process that containers are forked from; it ends with ours."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            command = [sys.executable, "-m", "tests.bed.aws.container"]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), env={**os.environ, "PYTHONPATH": _places()}, cwd=paths.REPO)

    def fork(self, path: str, environment: Mapping[str, str], asked: int, answers: int) -> int:
        """A new process with these pipes; its pidfd. Raises Failed when there is none."""
        order = json.dumps({"path": path, "environment": dict(environment)}).encode()
        with self._lock:
            socket.send_fds(self._orders, [order], [asked, answers])
            _, handles, _, _ = socket.recv_fds(self._orders, 16, 1)
        if not handles:
            raise Failed("RequestId: bed Error: no container can be started")
        return handles[0]


@cache
def mother() -> Mother:
    """One for all functions of this process."""
    return Mother()


class Container:
    """One process that runs one invocation at a time: a line of JSON in, a line of JSON out."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        theirs, self._asked = os.pipe()
        self._answers, ours = os.pipe()
        self._child = mother().fork(path, environment, theirs, ours)
        os.close(theirs)
        os.close(ours)

    def invoke(self, event: Event, timeout: float) -> dict[str, Any]:
        """Run one invocation. Raises Failed when it does not answer in `timeout` seconds, or the process ends."""
        try:
            os.write(self._asked, json.dumps({"event": dict(event)}).encode() + b"\n")
        except OSError:
            raise Failed("RequestId: bed Error: Runtime exited") from None
        return json.loads(self._line(timeout))

    def _line(self, timeout: float) -> bytes:
        deadline, line = time.monotonic() + timeout, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise Failed(f"Task timed out after {timeout:.2f} seconds")
                part = os.read(self._answers, 65_536)
                if not part:
                    raise Failed("RequestId: bed Error: Runtime exited")
                line += part
        return line

    def end(self) -> None:
        """By its pidfd, which no other process can have meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._child, signal.SIGKILL)
        for one in (self._child, self._asked, self._answers):
            os.close(one)


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
    return {
        **os.environ,
        "PYTHONPATH": _places(),
        "AWS_ENDPOINT_URL": endpoint,
        "SECRETS_MANAGER_ENDPOINT": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": arn.rpartition(":")[2],
        **credentials,
        **extra,
    }


def _places() -> str:
    return os.pathsep.join([str(paths.REPO / "operator"), str(paths.REPO)])
