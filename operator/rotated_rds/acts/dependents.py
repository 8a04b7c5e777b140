"""Who depends on the Kubernetes Secret right now: workloads and Pods of the namespace that read it, or that the spec names."""

from collections.abc import Sequence

from rotated_rds.acts.view import Pass
from rotated_rds.model import holds
from rotated_rds.model.argo import Held, held, without_stand_ins
from rotated_rds.model.document import part
from rotated_rds.model.holds import HoldFacts, InUse
from rotated_rds.model.pods import CLOCK_MARGIN, PodSeen, is_behind, read_pod
from rotated_rds.model.resource import read_status
from rotated_rds.model.rotation import Due
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import HeldBack, Notice
from rotated_rds.model.workload import Workload, ordered, read_workload, secrets_read, selects


def workloads(one: Pass) -> Sequence[Workload]:
    """All dependents: discovered, named, selected; by wave."""
    bodies = one.world.kubernetes.workloads(one.key.namespace)
    found = [workload for workload in held(bodies) if depends(one, workload)]
    return ordered(read_workload(workload, one.resource.target) for workload in without_stand_ins(found))


def depends(one: Pass, workload: Held) -> bool:
    """Whether a workload is to be restarted for this Secret. What is being deleted is not."""
    restarts, metadata = one.spec.restarts, workload.body["metadata"]
    if "deletionTimestamp" in metadata:
        return False
    if restarts.discover and one.resource.target in secrets_read(part(workload.template, "spec"), volumes=restarts.volumes):
        return True
    if any(ref.kind == workload.body["kind"] and ref.name == metadata["name"] for ref in restarts.workloads):
        return True
    return restarts.selector is not None and selects(restarts.selector, part(metadata, "labels"))


def pods(one: Pass) -> Sequence[PodSeen]:
    """The namespace's Pods that are not over: listed only when a version changed or a rotation is due."""
    seen = [read_pod(body) for body in one.world.kubernetes.pods(one.key.namespace)]
    return [pod for pod in seen if pod is not None]


def hold_facts(one: Pass, state: SecretState) -> HoldFacts:
    """What may hold a rotation back, as it stands now."""
    unready = [
        f"{known.kind}/{known.name} ({known.state})" for known in one.before.workloads if known.state in ("Pending", "Rolling", "Failed")
    ]
    using = _using(one)
    rotating = one.world.busy("rotation")
    if one.spec.rotation.strategy.keeps_the_old:
        use = _in_use(one, state, using)
        return HoldFacts(unready, rotating=rotating, cut_off=use.behind, in_use=use)
    jobs = sorted({f"Job/{pod.job}" for pod in using if pod.job})
    cut_off = [*unready, *sorted(_not_restarted(workloads(one), using))] if one.asks("force-rotate") else ()
    return HoldFacts(unready, jobs, rotating, cut_off)


def in_use(one: Pass, state: SecretState) -> InUse:
    """Whether the credential before AWSCURRENT is still needed, as it stands now (SAFETY.md D3)."""
    return _in_use(one, state, _using(one))


def _using(one: Pass) -> Sequence[PodSeen]:
    """Running Pods that read the Kubernetes Secret."""
    return [pod for pod in pods(one) if pod.started and one.resource.target in pod.secrets]


def _in_use(one: Pass, state: SecretState, using: Sequence[PodSeen]) -> InUse:
    """Whether the credential before is still needed; there is none before the second version (SAFETY.md D3)."""
    if state.previous is None:
        return InUse()
    version, published = one.before.version_id, one.before.published_at
    if version is None or published is None or version != state.current:
        return InUse(unpublished=True)
    target, volumes = one.resource.target, one.spec.restarts.volumes
    behind = [pod for pod in using if is_behind(pod, target, version, published + CLOCK_MARGIN, volumes=volumes)]
    found = workloads(one) if behind else ()
    return InUse(sorted({_title(found, pod) for pod in behind}), holds.grace_ends(one.before, one.spec.rotation.grace_period))


def _title(found: Sequence[Workload], pod: PodSeen) -> str:
    """Whose Pod it is, as far as we know."""
    if pod.job:
        return f"Job/{pod.job}"
    owner = _owner(found, pod)
    return owner.title if owner else f"Pod/{pod.name}"


def _owner(found: Sequence[Workload], pod: PodSeen) -> Workload | None:
    return next((one for one in found if one.owns(pod.labels)), None)


def not_held(one: Pass, state: SecretState) -> tuple[Notice, ...]:
    """AWS's own clock began although our holds would have waited: said, as nobody can hold it."""
    facts = hold_facts(one, state)
    would_hold = [*facts.rollouts, *facts.in_use.behind, *facts.jobs]
    return (
        (Notice(True, "NotOurs", f"AWS's own clock rotates although {', '.join(would_hold[:5])} would have held it back"),)
        if would_hold
        else ()
    )


def _not_restarted(found: Sequence[Workload], using: Sequence[PodSeen]) -> set[str]:
    """Who goes on with a credential that ends: Jobs, workloads that are not restarted, Pods of nobody that we know (SAFETY.md D3)."""
    return {_title(found, pod) for pod in using if (owner := _owner(found, pod)) is None or owner.skipped}


def rolling_elsewhere(one: Pass) -> set[str]:
    """Workloads in a rollout for another rotated Secret of the namespace, as its resource's status says."""
    patience = one.spec.restarts.ready_timeout  # nobody is waited for whose operator is gone
    bodies = one.world.kubernetes.resources(one.key.namespace)
    return {
        f"{known.kind}/{known.name}"
        for body in bodies
        if body["metadata"]["name"] != one.key.name
        for known in read_status(body).workloads
        if known.state == "Rolling" and one.now - known.since < patience
    }


def held_back(one: Pass, due_now: Due, facts: HoldFacts) -> HeldBack | None:
    """What holds a due rotation back now, within the release's limits."""
    house = one.world.house
    return holds.held_back(due_now, one.spec, facts, one.before, one.now, limit=house.max_rotations, interval=house.min_rotation_interval)
