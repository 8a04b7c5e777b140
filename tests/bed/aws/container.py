"""The process of one container: `python -m tests.bed.aws.container PATH` loads a function and runs the invocations it is sent."""

import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

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


if __name__ == "__main__":
    # What the function prints goes to the log, not between our answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin.buffer, answers)
