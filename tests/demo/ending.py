"""The last scene: no password anywhere it does not belong, and the figures of this run."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.demo.scenery import Scenery
from tests.support.databases import logged


def the_end(scenery: Scenery) -> None:
    """Search, then show what was measured."""
    scenery.screen.heading("7  What is left behind")
    nothing_leaked(scenery)
    tally, calls = scenery.logins(), scenery.aws.control.counts()
    scenery.figures += [
        ("log-ins tried by the simulated application", str(tally.logins + tally.failed)),
        ("AWS calls of the operator", str(sum(count for codes in calls.values() for count in codes.values()))),
    ]
    scenery.screen.heading("Figures of this run")
    scenery.screen.table(scenery.figures)


def nothing_leaked(scenery: Scenery, *, of_the_database: bool = True) -> None:
    """Every password of this run, looked for wherever it could stand. of_the_database: its own log too, which others write to as well."""
    scenery.password()
    passwords, theirs = set(scenery.passwords), () if of_the_database else ("PostgreSQL's log", "log postgres.log")
    found = sorted({place for place, text in _written(scenery) for password in passwords if password in text and place not in theirs})
    but = "" if of_the_database else " but the database's own"
    scenery.claims.check(
        f"none of this run's {len(passwords)} passwords stands in any log{but}, Event, status, metric or on this screen",
        not found,
        ", ".join(found),
    )


def _written(scenery: Scenery) -> Iterator[tuple[str, str]]:
    """Every place that a password could have leaked to, and its text."""
    for log in sorted((scenery.bed.folder / "log").iterdir()):
        yield f"log {log.name}", Path(log).read_text(errors="replace")
    yield "PostgreSQL's log", logged(scenery.database)
    yield "Events", json.dumps(scenery.cluster.events(scenery.name))
    yield "the resource", json.dumps(scenery.cluster.resource(scenery.name))
    yield "metrics", json.dumps(scenery.operator.metrics())
    yield "the screen", "\n".join(scenery.screen.lines)
