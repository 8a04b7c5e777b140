"""The suite of the real node. Where none can run it is skipped, and the run says so at its end in a section of its own."""

import pytest

from tests.bed.node.able import NOT_RUN, lacking


@pytest.fixture(scope="session", autouse=True)
def _a_machine_that_can() -> None:  # pyright: ignore[reportUnusedFunction]  # pytest finds it
    if lost := lacking():
        pytest.skip(f"{NOT_RUN}: the suite of the real node, tests/node; this machine lacks {'; '.join(lost)}")
