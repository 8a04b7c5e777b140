"""The pipeline: the six stages in order, each when its inputs exist, folded into one status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from rotated_rds import metrics
from rotated_rds.acts import begun
from rotated_rds.acts.view import Pass
from rotated_rds.model import requests
from rotated_rds.model.conditions import conditions, denied_until, kept, outcome_of
from rotated_rds.model.errors import Problem, Reason, Unavailable
from rotated_rds.model.status import STAGES, Kind, Notice, Outcome, Result, Status
from rotated_rds.stages import database, mirror, rotation, secret, verify, workloads

T = TypeVar("T")
_UNDER_WAY = frozenset({Reason.ROLLING, Reason.RECONCILING})  # false for a while, and no problem


@dataclass(frozen=True)
class Reconciled:
    """What one pass came to. wake: the earliest moment to look again; troubled: nobody said when, so back off."""

    status: Status
    wake: datetime | None
    troubled: bool
    notices: tuple[Notice, ...] = ()
    versions: frozenset[str] = frozenset()


def reconcile(one: Pass) -> Reconciled:
    """Run the six stages and fold what they said. A rotation under way outlives its namespace's permission (SAFETY.md A6)."""
    done, versions = _run(one)
    if one.before.rotation.in_progress is None or (denial := done.denial) is None:
        return done.ended(versions)
    if (rule := begun.proof(one)) is not None:
        done, versions = _run(replace(one, begun=rule))
    else:
        done(Kind.ROTATION_READY, lambda: begun.undone(one, denial))
    return done.ended(versions)


def _run(one: Pass) -> "tuple[Pipeline, frozenset[str]]":
    run = Pipeline(one)
    endpoint = run(Kind.DATABASE_RESOLVED, lambda: database.run(one))
    state = run(Kind.SECRET_READY, lambda: secret.run(one, endpoint))
    run.moved = state is not None and state.current != one.before.version_id
    current = run(Kind.ROTATION_READY, lambda: rotation.run(one, endpoint, state) if state else None)
    run.moved = run.moved or (current is not None and current.version != one.before.version_id)
    verified = run(Kind.CREDENTIAL_VERIFIED, lambda: verify.run(one, endpoint, state, current) if endpoint and state and current else None)
    published = run(
        Kind.MIRRORED,
        lambda: mirror.run(one, endpoint, verified, remembered=state.remembered) if endpoint and state and verified else None,
    )
    run(Kind.WORKLOADS_CURRENT, lambda: workloads.run(one, published) if published else None)
    return run, frozenset(state.versions) if state and not state.remembered else frozenset()


@dataclass
class Pipeline:
    """Collects what the stages say; a stage without its inputs keeps what it said before."""

    one: Pass
    outcomes: dict[Kind, Outcome] = field(default_factory=dict[Kind, Outcome])
    said: dict[str, object] = field(default_factory=dict[str, object])
    wakes: list[datetime] = field(default_factory=list[datetime])
    notices: list[Notice] = field(default_factory=list[Notice])
    troubled: bool = False
    moved: bool = False  # AWSCURRENT is another version than the published one

    def __call__(self, kind: Kind, stage: Callable[[], Result[T] | None]) -> T | None:
        before = self.one.before.condition(kind)
        try:
            result = stage()
        except Problem as problem:
            metrics.RECONCILE_ERRORS.labels(kind, problem.reason).inc()
            # What held, held for the version before: else the next pass would take that one for AWSCURRENT, and publish it again.
            self.outcomes[kind] = outcome_of(problem, None if self.moved else before, self.one.generation)
            self.troubled = True
            return None
        if result is None:
            self.outcomes[kind] = kept(before)
            return None
        if result.outcome.holds is False and result.outcome.reason not in _UNDER_WAY:
            metrics.RECONCILE_ERRORS.labels(kind, result.outcome.reason).inc()
        self.outcomes[kind] = result.outcome
        self.said.update(result.status)
        self.notices += result.notices
        if result.wake:
            self.wakes.append(result.wake)
        elif not result.outcome.holds:
            self.troubled = True
        return result.value

    @property
    def denial(self) -> str | None:
        """Why the namespace's tenancy lets this resource go no further, if it does not."""
        denied = (self.outcomes.get(kind) for kind in (Kind.DATABASE_RESOLVED, Kind.SECRET_READY))
        return next((one.message for one in denied if one is not None and one.reason is Reason.NOT_ALLOWED), None)

    def ended(self, versions: frozenset[str]) -> Reconciled:
        one = self.one
        said = self.said | ({"requests": requests.also_answered(one.request, one.spec, one.before, self.said, one.now)})
        status = fold(one.before, said, self.outcomes, one.generation, one.now, suspended=suspended_text(one))
        if one.before.version_id is None and status.version_id is not None:
            self.wakes.append(one.now)  # a first rotation may be due now
        if one.request and status.requests.get(one.request[0]) != one.before.requests.get(one.request[0]):
            self.wakes.append(one.now)  # one request a pass: there may be another
        if (patience := denied_until(status, one.now)) is not None:
            self.wakes.append(patience)
        return Reconciled(status, min(self.wakes, default=None), self.troubled, tuple(self.notices), versions)


def fold(
    before: Status, said: Mapping[str, object], outcomes: Mapping[Kind, Outcome], generation: int, now: datetime, *, suspended: str | None
) -> Status:
    """Before and what was said anew → the next status."""
    changes = dict(said)
    verified = changes.pop("last_verified", None)
    status = before.model_copy(update={**changes, "observed_generation": generation})
    if verified is not None and status.database is not None:
        status = status.model_copy(update={"database": status.database.model_copy(update={"last_verified": verified})})
    return status.model_copy(update={"conditions": conditions(before, outcomes, generation, now, suspended=suspended)})


def suspended_text(one: Pass) -> str | None:
    if not one.spec.suspend:
        return None
    aws = "; AWS's own schedule goes on" if one.spec.rotated_by_aws else ""
    return f"spec.suspend is true: nothing new is started{aws}"


def untouched(one: Pass) -> Reconciled:
    """Suspended and nothing under way: every stage keeps its word."""
    outcomes = {kind: kept(one.before.condition(kind)) for kind in STAGES}
    return Reconciled(fold(one.before, {}, outcomes, one.resource.generation, one.now, suspended=suspended_text(one)), None, troubled=False)


def leaving(before: Status, kind: Kind, outcome: Outcome, generation: int, now: datetime, wake: datetime | None) -> Reconciled:
    """A resource that is being deleted, while its AWS secret is not gone yet."""
    outcomes = {kind: kept(before.condition(kind)) for kind in STAGES} | {kind: outcome}
    return Reconciled(fold(before, {}, outcomes, generation, now, suspended=None), wake, troubled=wake is None)


def refused(before: Status, problem: Problem, generation: int, now: datetime) -> Reconciled:
    """A spec that cannot be understood: nothing is touched, the first condition says why."""
    metrics.RECONCILE_ERRORS.labels(Kind.DATABASE_RESOLVED, problem.reason).inc()
    outcomes = {kind: kept(before.condition(kind)) for kind in STAGES} | {
        Kind.DATABASE_RESOLVED: Outcome(False, problem.reason, problem.message)
    }
    status = fold(before, {}, outcomes, generation, now, suspended=None)
    return Reconciled(status, None, troubled=isinstance(problem, Unavailable))
