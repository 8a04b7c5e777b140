"""The AWS secret as the spec says: description, key, tags, resource policy and replicas, each mended apart from the others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from rotated_rds.acts import creation
from rotated_rds.acts.view import Pass
from rotated_rds.model import replicas, resource_policy
from rotated_rds.model.errors import Problem, Reason, Refused
from rotated_rds.model.secret import SecretState, drift
from rotated_rds.model.spec import ReplicaRegion
from rotated_rds.model.status import Kind, Result, fails, holds, waits
from rotated_rds.model.tenancy import Allow

POLICY_EVERY = timedelta(hours=6)  # no list tells of a changed policy
REPLICATE_EVERY = timedelta(minutes=5)
LOOK_AGAIN = timedelta(seconds=10)


def repair(one: Pass, state: SecretState) -> Result[SecretState]:
    """What AWS will not let us repair stops neither the other repairs nor a new password from being mirrored."""
    problems: list[Problem] = []
    for mend in (_settings, _policy, _replicas):
        try:
            state = mend(one, state)
        except Problem as problem:
            problems.append(problem)
    if problems:
        text = "; ".join(one.message for one in problems)
        return fails(problems[0].reason, text, value=state, secret_arn=state.arn)
    if copying := replicas.under_way(one.spec.secret.replica_regions, state.replicas):
        text = f"AWS copies {state.name} to {', '.join(copying)}"
        return waits(text, value=state, wake=one.now + LOOK_AGAIN, secret_arn=state.arn)
    return holds(state, f"AWS secret {state.name}{creation.stays(one, state)}", secret_arn=state.arn)


def _settings(one: Pass, state: SecretState) -> SecretState:
    repairs = drift(state, creation.wanted(one.spec.secret))
    if repairs.kms_key_id:
        one.permit.check_kms_key(repairs.kms_key_id)
    if repairs.description is not None or repairs.kms_key_id:
        one.secrets.update(state.arn, description=repairs.description, kms_key_id=repairs.kms_key_id)
    if repairs.tags:
        one.secrets.tag(state.arn, repairs.tags)
    if repairs.untag:
        one.secrets.untag(state.arn, repairs.untag)
    return replace(state, tags={key: value for key, value in {**state.tags, **repairs.tags}.items() if key not in repairs.untag})


# resource policy


def _policy(one: Pass, state: SecretState) -> SecretState:
    wanted, ages = one.spec.secret.resource_policy, one.world.ages
    if wanted is None:
        return state
    one.permit.check_word(Allow.RESOURCE_POLICY, "spec.secret.resourcePolicy")
    fresh = ages.fresh("policy", one.key, POLICY_EVERY, one.now)
    if fresh and one.settled(Kind.SECRET_READY) and not one.asks("sync"):
        return state
    if not resource_policy.same(wanted, one.secrets.resource_policy(state.arn)):
        try:
            one.secrets.put_resource_policy(state.arn, wanted)
        except Refused as refused:
            raise _explained(refused) from None
    ages.note("policy", one.key, one.now)
    return state


def _explained(refused: Refused) -> Refused:
    if refused.reason is not Reason.INVALID_PARAMETER:
        return refused
    text = f"spec.secret.resourcePolicy: {refused.message}: it must be a policy of this secret, and must not let everybody in; correct it"
    return Refused(Reason.INVALID_PARAMETER, text)


# replicas (SAFETY.md E7)


def _replicas(one: Pass, state: SecretState) -> SecretState:
    """Copies that the spec does not name go, those that are missing come, and one that fails keeps none of the others."""
    wanted = one.spec.secret.replica_regions
    planned = replicas.plan(wanted, state.replicas)
    if planned.remove:
        one.secrets.remove_replicas(state.arn, planned.remove)
    refusals = [text for region in (*planned.add, *_due_again(one, planned.retry)) if (text := _replicate(one, state, region))]
    if planned.remove or planned.add or planned.retry:
        state = one.secrets.describe(state.arn) or state
    if faults := [*refusals, *replicas.faults(wanted, state.replicas)]:
        raise Refused(Reason.REPLICATION_FAILED, f"spec.secret.replicaRegions: {'; '.join(faults)}; tried again")
    return state


def _due_again(one: Pass, failed: Sequence[ReplicaRegion]) -> Sequence[ReplicaRegion]:
    """What AWS could not copy, some minutes later."""
    ages = one.world.ages
    return [region for region in failed if not ages.fresh(f"replicate {region.region}", one.key, REPLICATE_EVERY, one.now)]


def _replicate(one: Pass, state: SecretState, wanted: ReplicaRegion) -> str | None:
    """One Region at a time, so that one that AWS refuses keeps none of the others; why it was refused.

    Raises Refused(NotAllowed, AccessDenied), which no other Region would escape.
    """
    if wanted.region == state.region:
        return f"{wanted.region} is the secret's own Region: take it out of the list"
    one.permit.check_region(wanted.region, "spec.secret.replicaRegions")
    if wanted.kms_key_id:
        one.permit.check_kms_key(wanted.kms_key_id, "spec.secret.replicaRegions")
    one.world.ages.note(f"replicate {wanted.region}", one.key, one.now)
    try:
        one.secrets.replicate(state.arn, {wanted.region: wanted.kms_key_id})
    except Refused as refused:
        if refused.reason is Reason.ACCESS_DENIED:
            raise
        return f"{wanted.region}: {refused.message}"
    return None
