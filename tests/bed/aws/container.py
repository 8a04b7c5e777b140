"""The process of one container, which loads a function and runs the invocations it is sent; forked from one that has imported much.

`python -m tests.bed.aws.container`, with a socket as its standard input, is that one: what a function imports takes a second of CPU time.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
LONGEST = 1 << 17  # bytes of a message; an environment has a few thousand
Handler = Callable[[dict[str, Any], None], object]


def load(path: str) -> Handler:
    """The function behind `package.module:name` or `some/file.py:name`."""
    place, _, name = path.rpartition(":")
    if not place.endswith(".py"):
        return getattr(importlib.import_module(place), name)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def answer(path: str, loaded: dict[str, Handler], event: dict[str, Any]) -> dict[str, Any]:
    """Run one invocation; whatever the function raises is its failure, as with Lambda."""
    try:
        handler = loaded.setdefault(path, load(path)) if path not in loaded else loaded[path]
        handler(event, None)
    except Exception as error:  # noqa: BLE001 - a function may raise anything
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def serve(path: str, asked: BinaryIO, answers: BinaryIO) -> None:
    loaded: dict[str, Handler] = {}
    for line in asked:
        answers.write(json.dumps(answer(path, loaded, json.loads(line)["event"])).encode() + b"\n")
        answers.flush()


def contain(path: str, environment: dict[str, str], asked: int, answers: int) -> NoReturn:
    """In the fork: become a container. What the function prints goes to the log, not between our answers."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(asked, 0)
    os.dup2(2, 1)
    os.environ.clear()
    os.environ.update(environment)
    serve(path, os.fdopen(asked, "rb"), os.fdopen(answers, "wb"))
    os._exit(0)


def bear(orders: socket.socket) -> None:
    """Fork a container for each message (`path`, `environment`, its two pipes); answer with a handle of its process, until nobody asks."""
    importlib.import_module("rotated_rds.function")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    while True:
        text, pipes, _, _ = socket.recv_fds(orders, LONGEST, 2)
        if not text:
            return
        if (pid := os.fork()) == 0:
            orders.close()
            wanted = json.loads(text)
            contain(wanted["path"], wanted["environment"], *pipes)
        handle = os.pidfd_open(pid)
        socket.send_fds(orders, [b"born"], [handle])
        for one in (handle, *pipes):
            os.close(one)


if __name__ == "__main__":
    bear(socket.socket(fileno=os.dup(0)))
