"""`python3 -m tests.bed.venv python -m tests.support.walk [WORD …]`: walk every point, or those whose walk's name holds all the words."""

import secrets
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product

from tests.bed import session
from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.support.nursery import nursery
from tests.support.walk.traps import How
from tests.support.walk.walks import Walk, What

_AT_ONCE = 2
_PARTS = {"sql": 2}  # the long ones, shared


def every_walk() -> list[Walk]:
    """All kinds of calls on PostgreSQL, and of two passwords on MySQL; on the others the database's.

    Handing a rotation over changes nothing in a database: it is walked on PostgreSQL alone.
    """
    two = (What.DUAL, What.ROLLBACK, What.ONE_PASSWORD)
    handed = (What.TO_OPERATOR, What.TO_LAMBDA)
    one = tuple(what for what in What if what not in two)
    chosen = [
        *product(one, ["postgres"], ["sql", "aws", "api"], How),
        *product([what for what in one if what not in handed], ["mysql", "mariadb"], ["sql"], How),
        *product(two, ["mysql"], ["sql", "aws", "api"], How),
        *product(two, ["mariadb"], ["sql"], How),
    ]
    return [
        Walk(what, engine, kind, how, first, _PARTS.get(kind, 1))
        for what, engine, kind, how in chosen
        for first in range(1, _PARTS.get(kind, 1) + 1)
    ]


def main(words: Sequence[str]) -> int:
    walks = [one for one in every_walk() if all(word in str(one) for word in words)]
    session.claim()
    began, points, failures = time.monotonic(), 0, 0
    try:
        bed = session.need(["kubernetes", "aws", *sorted({one.engine for one in walks})])
        session.trust_little(bed)
        with ProcessPoolExecutor(_AT_ONCE) as pool:
            ends = {pool.submit(_walk, bed.name, one): one for one in walks}
            for end in as_completed(ends):
                walked, seconds, failure = end.result()
                points, failures = points + walked, failures + bool(failure)
                print(f"{ends[end]!s:60} {walked:4} points {seconds:6.1f} s {failure}", flush=True)
    finally:
        session.close()
    print(f"{points} points walked in {time.monotonic() - began:.0f} s; {failures} of {len(walks)} walks failed")
    return 1 if failures else 0


def _walk(bed_name: str, walk: Walk) -> tuple[int, float, str]:
    """Points, seconds and what failed, in a namespace of its own."""
    bed, began = Bed(bed_name), time.monotonic()
    api, namespace = Api(admin_kubeconfig(bed)), f"walk-{secrets.token_hex(4)}"
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        with nursery(bed) as forking:
            return walk.run(forking, namespace), time.monotonic() - began, ""
    except Exception as error:  # noqa: BLE001  one walk that fails does not stop the others
        return 0, time.monotonic() - began, f"FAILED: {type(error).__name__}: {error}"
    finally:
        api.call("DELETE", f"/api/v1/namespaces/{namespace}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
