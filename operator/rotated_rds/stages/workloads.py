"""WorkloadsCurrent: a published version → every dependent workload runs on it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds import metrics
from rotated_rds.acts import dependents
from rotated_rds.acts.view import Pass
from rotated_rds.model import target as secrets
from rotated_rds.model.errors import Reason
from rotated_rds.model.pods import CLOCK_MARGIN, started_since
from rotated_rds.model.restarts import REVERTED, Plan, Terms, paused, plan_restarts
from rotated_rds.model.status import WORKLOAD_LIMIT, Result, WorkloadStatus, fails, holds
from rotated_rds.model.verified import Published
from rotated_rds.model.workload import Workload, version_annotation

_LOOK_AGAIN = timedelta(seconds=2)


def run(one: Pass, published: Published) -> Result[Plan]:
    """Start what may start, watch what rolls, stop where the spec says so."""
    found = dependents.workloads(one)
    before = {f"{known.kind}/{known.name}": known for known in one.before.workloads}
    current, elsewhere = _current(one, found, published), _elsewhere(one, found, published)
    plan = plan_restarts(found, current, before, published.version, one.now, _terms(one), elsewhere)
    for workload in plan.restart:
        _restart(one, workload, published.version)
    _count(before, plan)
    return _result(one, plan, before)


def _terms(one: Pass) -> Terms:
    resumed = one.now if one.asks("resume") else one.before.requests["resume"].time if "resume" in one.before.requests else None
    room = max(0, one.world.house.max_rollouts - one.world.busy("rollout"))
    return Terms(one.spec.max_concurrent, one.spec.restarts.ready_timeout, one.spec.on_failure != "Continue", resumed, room)


def _current(one: Pass, found: Sequence[Workload], published: Published) -> Mapping[str, bool]:
    """Whose Pods all started after the publication. Pods are listed only where an annotation is not the version's."""
    if all(workload.annotated == published.version or workload.skipped for workload in found):
        return {}
    margin = CLOCK_MARGIN if published.replaced else timedelta()
    pods = dependents.pods(one)
    return {workload.title: started_since(workload, pods, published.at, margin) for workload in found}


def _elsewhere(one: Pass, found: Sequence[Workload], published: Published) -> Collection[str]:
    """Who rolls for another rotated Secret; asked only where somebody is to be restarted in the middle of a rollout."""
    rolls = any(not workload.complete and workload.annotated != published.version and not workload.skipped for workload in found)
    return dependents.rolling_elsewhere(one) if rolls else ()


def _restart(one: Pass, workload: Workload, version: str) -> None:
    """One patch with every annotation that is due: a workload of several rotated Secrets rolls once (SAFETY.md G2)."""
    due = {version_annotation(one.resource.target): version}
    for name in sorted(workload.secrets - {one.resource.target}):
        other = one.world.kubernetes.secret(one.key.namespace, name)
        if other and (theirs := secrets.annotation(other, secrets.VERSION_ID)):
            due[version_annotation(name)] = theirs
    one.world.kubernetes.annotate_template(one.key.namespace, *(workload.patched or (workload.kind, workload.name)), due)


def _count(before: Mapping[str, WorkloadStatus], plan: Plan) -> None:
    for workload in plan.restart:
        metrics.RESTARTS.labels(workload.kind, "Started").inc()
    for state in plan.states:
        old = before.get(f"{state.kind}/{state.name}")
        if old and old.state == "Rolling" and state.state in ("Ready", "Failed"):
            metrics.RESTARTS.labels(state.kind, state.state).inc()


def _result(one: Pass, plan: Plan, before: Mapping[str, WorkloadStatus]) -> Result[Plan]:
    states = plan.states
    said: dict[str, object] = {"workloads": states[:WORKLOAD_LIMIT]}
    by = {state: [known for known in states if known.state == state] for state in ("Pending", "Rolling", "Ready", "Failed", "Skipped")}
    if not states:
        return holds(plan, f"no workload reads Secret {one.resource.target}", reason=Reason.NO_WORKLOADS, said=said)
    if by["Failed"]:
        result = _failed(plan, by["Failed"], by["Pending"], said)
        return replace(result, wake=one.now) if _goes_back(one, by["Failed"], before) else result
    if by["Pending"] or by["Rolling"]:
        text = f"{len(by['Ready'])} of {len(states) - len(by['Skipped'])} ready; rolling: {names(by['Rolling']) or 'none yet'}"
        return fails(Reason.ROLLING, text, value=plan, wake=_wake(one, by["Rolling"]), said=said)
    skipped = f"; skipped: {names(by['Skipped'])}" if by["Skipped"] else ""
    return holds(plan, f"{len(by['Ready'])} of {len(states) - len(by['Skipped'])} workloads run on it{skipped}", said=said)


def _goes_back(one: Pass, failed: Sequence[WorkloadStatus], before: Mapping[str, WorkloadStatus]) -> bool:
    """The next pass takes the credential back at once (`restarts.onFailure: Rollback`, SAFETY.md D5)."""
    known = (before.get(f"{state.kind}/{state.name}") for state in failed)
    return one.spec.on_failure == "Rollback" and any(old is None or old.state != "Failed" for old in known)


def _failed(plan: Plan, failed: Sequence[WorkloadStatus], pending: Sequence[WorkloadStatus], said: Mapping[str, object]) -> Result[Plan]:
    text = f"{names(failed)}: {failed[0].message}"
    if any(known.message == REVERTED for known in failed):
        return fails(Reason.RESTART_REVERTED, text, value=plan, said=said)
    if plan.halted:
        return fails(
            Reason.HALTED,
            f"{text}; {names(pending)} keep running on what they have: mend it, or annotate rotated-rds.io/resume",
            value=plan,
            said=said,
        )
    return fails(Reason.ROLLOUT_FAILED, text, value=plan, said=said)


def _wake(one: Pass, rolling: Sequence[WorkloadStatus]) -> datetime:
    """Events of the workloads bring us back; this is for what no event tells: time."""
    if not rolling:
        return one.now + _LOOK_AGAIN
    ends = [known.since + one.spec.restarts.ready_timeout for known in rolling if not paused(known)]
    return min([one.now + _LOOK_AGAIN * 5, *ends]) if ends else one.now + _LOOK_AGAIN * 30


def names(states: Sequence[WorkloadStatus], most: int = 5) -> str:
    """The first few by title, and how many more."""
    shown = ", ".join(f"{known.kind}/{known.name}" for known in states[:most])
    return shown + (f" and {len(states) - most} more" if len(states) > most else "")
