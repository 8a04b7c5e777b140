"""Restarts as a plan: who runs on which version, who may start next, and what stops the others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rotated_rds.model.status import WorkloadStatus
from rotated_rds.model.workload import Workload

State = Literal["Pending", "Rolling", "Ready", "Failed", "Skipped"]
STARTED_SINCE = "its Pods started after the publication"
TAKEN_AWAY = "the annotation was taken away; restarted once more"
REVERTED = "the annotation was taken away again: let whoever writes the Pod template keep rotated-rds.io/version annotations"
ELSEWHERE = "rolls for another rotated Secret; restarted after that"
_PAUSED = "paused in a step of its strategy"


@dataclass(frozen=True)
class Terms:
    """What the spec says of restarts. concurrent: None for a whole wave at once; room: what the release's budget leaves."""

    concurrent: int | None
    ready_timeout: timedelta
    halts: bool
    resumed: datetime | None
    room: int


@dataclass(frozen=True)
class Plan:
    """restart: who is patched now. states: what status says of each."""

    restart: tuple[Workload, ...]
    states: tuple[WorkloadStatus, ...]
    halted: bool


def plan_restarts(
    workloads: Sequence[Workload],
    current: Mapping[str, bool],
    before: Mapping[str, WorkloadStatus],
    version: str,
    now: datetime,
    terms: Terms,
    elsewhere: Collection[str] = (),
) -> Plan:
    """Who is where, and who starts now: waves in order, so many at once, stopped by a failure where the spec says so.

    current: by title, whether its Pods started after the publication. before: status.workloads by title.
    elsewhere: titles that roll for another rotated Secret: one rollout at a time (SAFETY.md G2).
    """
    states = {one.title: _state(one, current.get(one.title, False), before.get(one.title), version, now, terms) for one in workloads}
    failed = [one for one in states.values() if one.state == "Failed" and not (terms.resumed and one.since <= terms.resumed)]
    halted = bool(failed) and terms.halts
    for one in workloads:
        if one.title in elsewhere and states[one.title].state == "Pending" and not _again(states[one.title]):
            states[one.title] = _at("Pending", one, before.get(one.title), version, now, ELSEWHERE)
    start = [] if halted else [one for one in _starters(workloads, states, terms) if one.title not in elsewhere]
    for one in start:
        again = _again(states[one.title])
        states[one.title] = _at("Rolling", one, before.get(one.title), version, now, TAKEN_AWAY if again else None)
    return Plan(
        tuple(start), tuple(states[one.title] for one in workloads), halted and any(one.state == "Pending" for one in states.values())
    )


def _starters(workloads: Sequence[Workload], states: Mapping[str, WorkloadStatus], terms: Terms) -> list[Workload]:
    """The workloads of the first wave that is not through yet, as many as there is room for."""
    open_waves = [one.wave for one in workloads if states[one.title].state in ("Pending", "Rolling")]
    if not open_waves:
        return []
    wave = min(open_waves)
    rolling = sum(1 for one in states.values() if one.state == "Rolling")
    waiting = [one for one in workloads if one.wave == wave and states[one.title].state == "Pending"]
    room = terms.room if terms.concurrent is None else min(terms.room, terms.concurrent - rolling)
    return waiting[: max(0, room)]


def _state(one: Workload, current: bool, old: WorkloadStatus | None, version: str, now: datetime, terms: Terms) -> WorkloadStatus:
    known = old if old and old.version_id == version else None
    if one.annotated == version:
        return _rolling(one, known, version, now, terms)
    if one.skipped:
        return _at("Skipped", one, known, version, now, one.skipped)
    if current or (known and known.state == "Ready" and known.message == STARTED_SINCE):
        return _at("Ready", one, known, version, now, STARTED_SINCE)
    if known and known.state in ("Rolling", "Ready"):
        if _again(known):
            return _at("Failed", one, known, version, now, REVERTED)
        return _at("Pending", one, known, version, now, TAKEN_AWAY)
    if known and known.message == REVERTED:
        return known
    return _at("Pending", one, known, version, now, TAKEN_AWAY if _again(known) else None)


def _rolling(one: Workload, known: WorkloadStatus | None, version: str, now: datetime, terms: Terms) -> WorkloadStatus:
    """Annotated with this version: through, on its way, or not coming up."""
    note = TAKEN_AWAY if _again(known) else None
    if one.complete:
        return _at("Ready", one, known, version, now, note)
    if known and known.state == "Failed":
        return known
    if one.stuck:
        return _at("Failed", one, known, version, now, one.stuck)
    if one.waits:
        said = f"{_PAUSED} ({one.waits}), until it goes on or is promoted"
        return _at("Rolling", one, known, version, now, f"{said}; {note}" if note else said)
    moving = None if known and paused(known) else known  # the time of a pause is not the rollout's
    since = moving.since if moving and moving.state == "Rolling" else now
    if now - since >= terms.ready_timeout:
        return _at("Failed", one, known, version, now, f"not ready after {int(terms.ready_timeout.total_seconds())} s; see its Pods")
    return _at("Rolling", one, moving, version, now, note)


def paused(known: WorkloadStatus) -> bool:
    """Rolling, and at rest: it waits for a person, an analysis or a step's time, and moves nothing meanwhile."""
    return known.state == "Rolling" and (known.message or "").startswith(_PAUSED)


def _again(known: WorkloadStatus | None) -> bool:
    """Restarted once more already; what else its message says stands before that."""
    return known is not None and (known.message or "").endswith(TAKEN_AWAY)


def _at(state: State, one: Workload, known: WorkloadStatus | None, version: str, now: datetime, message: str | None) -> WorkloadStatus:
    since = known.since if known and known.state == state else now
    return WorkloadStatus(kind=one.kind, name=one.name, state=state, version_id=version, since=since, message=message)
