"""Locks between runs of the bed: a file that the kernel frees when its holder dies."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.progress import Say


def take(path: Path, *, wait: bool = True) -> int | None:
    """Lock the file and return its descriptor, open; None when another holds it and we do not wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def locked(path: Path, what: str, say: Say) -> Generator[None]:
    """Hold the lock for the block; says so once when another run has it."""
    descriptor = take(path, wait=False)
    if descriptor is None:
        say(f"another run holds {what}: waiting for it")
        descriptor = take(path)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
