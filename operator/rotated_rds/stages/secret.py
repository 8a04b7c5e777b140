"""SecretReady: Endpoint → SecretState: the AWS secret exists, is ours, and is as the spec says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from rotated_rds.acts import claim, creation
from rotated_rds.acts.aws_rotation import configured
from rotated_rds.acts.view import Pass
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import (
    ADOPT_TAG,
    CURRENT,
    MANAGED_BY,
    MANAGED_BY_TAG,
    OWNER_TAG,
    Repairs,
    SecretState,
    drift,
    name_in,
)
from rotated_rds.model.spec import Method, SecretSpec
from rotated_rds.model.status import Kind, Notice, Result, fails, holds
from rotated_rds.model.tenancy import Allow

CHECK_EVERY = timedelta(hours=6)
# What status remembers is what was published: while one of these does not hold, AWSCURRENT may be another.
_FROM_AWS = (Kind.SECRET_READY, Kind.ROTATION_READY, Kind.CREDENTIAL_VERIFIED, Kind.MIRRORED)


def run(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    """The secret as AWS describes it; as status remembers it on a quiet pass."""
    if (known := _remembered(one)) is not None:
        claim.stake(one, endpoint)
        return holds(known, f"AWS secret {known.name}")
    found = _looked_at(one, endpoint)
    return replace(found, notices=(*found.notices, *_told(one, found.value))) if found.value else found


def _looked_at(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    state = _describe(one) or _made(one, endpoint)
    one.world.ages.note("describe", one.key, one.now)
    _check_tenancy(one, state)
    if state.deleted_at:
        return _scheduled_for_deletion(one, state)
    if not one.spec.writes:
        return holds(state, f"AWS secret {state.name}", secret_arn=state.arn)
    state = _own(one, endpoint, state)
    if endpoint is not None and creation.first_is_open(one, state):
        creation.finish_first(one, endpoint, state)
    return _repair(one, state)


def _remembered(one: Pass) -> SecretState | None:
    """Status is enough while what AWS showed was in order and nothing says that it is to be read: a quiet pass costs no call."""
    before, in_order = one.before, all(one.settled(kind) for kind in _FROM_AWS)
    if not (before.secret_arn and before.version_id and in_order) or one.look or one.request:
        return None
    if before.rotation.in_progress or one.world.ages.older_than("describe", one.key, CHECK_EVERY, one.now):
        return None
    if one.listed is not None and _speaks_of_change(one, one.listed):
        return None
    return SecretState(before.secret_arn, name_in(before.secret_arn), {before.version_id: frozenset({CURRENT})}, remembered=True)


def _speaks_of_change(one: Pass, listed: SecretState) -> bool:
    """What the sweep showed differs from what is known or wanted."""
    if listed.current != one.before.version_id or listed.deleted_at:
        return True
    if not one.spec.writes:
        return False
    rotates = listed.pending not in (None, listed.current) or not _rotates_as_wanted(one, listed)
    return rotates or listed.owner != one.world.owner(one.key) or bool(drift(listed, creation.wanted(one.spec.secret)))


def _rotates_as_wanted(one: Pass, listed: SecretState) -> bool:
    """AWS's own rotation: off with method Operator, configured as the spec says with Lambda."""
    return configured(one.spec, listed) if one.spec.method is Method.LAMBDA else not listed.rotation_enabled


def _told(one: Pass, state: SecretState) -> Iterator[Notice]:
    """The Events of a secret that is another than status knows: told from AWS's facts, so that a killed pass loses none."""
    known = one.before.secret_arn
    if known is not None and known != state.arn:
        yield Notice(True, "SecretDeletedInAWS", f"AWS secret {known} is gone; {state.arn} stands in its place")
    elif known is None and one.spec.writes and state.created is not None:
        ours = creation.created_by_us(state) and state.created >= one.resource.created
        yield Notice(False, "SecretCreated" if ours else "SecretAdopted", f"AWS secret {state.arn}")


def _describe(one: Pass) -> SecretState | None:
    """By the ARN once it is known; a secret created anew under the same name has another ARN."""
    if one.before.secret_arn and (state := one.secrets.describe(one.before.secret_arn)):
        return state
    return one.secrets.describe(creation.secret_name(one))


def _check_tenancy(one: Pass, state: SecretState) -> None:
    one.permit.check_secret(state.arn)
    foreign = state.owner is not None and state.owner != one.world.owner(one.key)
    if not one.spec.writes and foreign and not str(state.owner).startswith(f"{one.world.house.cluster}/"):
        one.permit.check_word(Allow.FOREIGN_OWNERS, "spec.secret.name")


# missing: never there, or deleted in AWS


def _made(one: Pass, endpoint: Endpoint | None) -> SecretState:
    """The secret that AWS did not have. Raises Refused, Unavailable."""
    name = creation.secret_name(one)
    if not one.spec.writes:
        raise Refused(
            Reason.SECRET_NOT_FOUND, f"spec.secret.name: AWS has no secret {name!r} in this account and Region; write its name or full ARN"
        )
    if endpoint is None:
        raise Unavailable(Reason.UNAVAILABLE, "the first password waits for the database's endpoint")
    one.permit.check_secret(name)
    claim.stake(one, endpoint)
    if one.before.secret_arn:
        creation.create_again(one, endpoint)
    else:
        creation.create_first(one, endpoint)
    state = one.secrets.describe(name)
    if state is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS does not show the new secret {name} yet; looking again")
    return state


# whose it is


def _own(one: Pass, endpoint: Endpoint | None, state: SecretState) -> SecretState:
    """Ours by its owner tag, or taken over as far as `secret.adoption` allows; the tag is read back (SAFETY.md A5)."""
    ours = one.world.owner(one.key)
    if state.owner != ours:
        _check_adoption(one, state, ours)
    claim.stake(one, endpoint)  # before the first write
    if state.owner == ours:
        return state
    one.secrets.tag(state.arn, {OWNER_TAG: ours, MANAGED_BY_TAG: MANAGED_BY})
    again = one.secrets.describe(state.arn)
    if again is None or again.owner != ours:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS secret {state.name} does not show our owner tag yet; looking again")
    return again


def _check_adoption(one: Pass, state: SecretState, ours: str) -> None:
    if (no := refusal(state, ours, one.spec.secret)) is not None:
        raise no
    if state.owning_service:
        raise Refused(Reason.NOT_ADOPTED, f"AWS secret {state.name} is managed by {state.owning_service}; method External may read it")
    if state.tags.get(ADOPT_TAG) != ours:  # the tag is the consent of who may write to the secret; `Always` needs the tenancy's
        one.permit.check_word(Allow.ADOPTION, "spec.secret.adoption")


def refusal(state: SecretState, ours: str, spec: SecretSpec) -> Refused | None:
    """Why an AWS secret that exists is not taken over; it names the exact tag that would allow it."""
    tagged = state.tags.get(ADOPT_TAG) == ours and spec.adoption != "Never"
    mend = f"tag it {ADOPT_TAG}={ours}"
    if tagged:
        return None
    if state.owner is not None:
        return Refused(
            Reason.OWNED_BY_ANOTHER,
            f"AWS secret {state.name} belongs to {state.owner}: {mend} to take it over, or choose another spec.secret.name",
        )
    if spec.adoption == "Always":
        return None
    if spec.adoption == "Never":
        return Refused(
            Reason.NOT_ADOPTED,
            f"AWS secret {state.name} exists and spec.secret.adoption is Never: choose another "
            f"spec.secret.name, or set adoption: IfTagged and {mend}",
        )
    return Refused(Reason.NOT_ADOPTED, f"AWS secret {state.name} exists: {mend} to take it over, or set spec.secret.adoption: Always")


def _scheduled_for_deletion(one: Pass, state: SecretState) -> Result[SecretState]:
    """Restored only if it is ours and this resource is new to it (SAFETY.md E2)."""
    if one.spec.writes and state.owner == one.world.owner(one.key) and one.before.secret_arn is None:
        one.secrets.restore(state.arn)
        again = one.secrets.describe(state.arn)
        if again is not None and not again.deleted_at:
            told = Notice(True, "SecretRestoredInAWS", f"AWS secret {state.arn} was scheduled for deletion; it belongs to this resource")
            return replace(holds(again, f"AWS secret {state.name} restored", secret_arn=state.arn), notices=(told,))
    raise Refused(
        Reason.SCHEDULED_FOR_DELETION,
        f"AWS secret {state.name} is scheduled for deletion: restore it in AWS (restore-secret), or choose another spec.secret.name",
    )


# as the spec says


@dataclass(frozen=True)
class _Repaired:
    state: SecretState
    problem: Problem | None


def _repair(one: Pass, state: SecretState) -> Result[SecretState]:
    repairs = drift(state, creation.wanted(one.spec.secret))
    done = _carry_out(one, state, repairs) if repairs else _Repaired(state, None)
    if done.problem:
        return fails(done.problem.reason, done.problem.message, value=done.state, secret_arn=state.arn)
    return holds(done.state, f"AWS secret {state.name}", secret_arn=state.arn)


def _carry_out(one: Pass, state: SecretState, repairs: Repairs) -> _Repaired:
    """What AWS will not let us repair does not stop a new password from being mirrored."""
    try:
        if repairs.kms_key_id:
            one.permit.check_kms_key(repairs.kms_key_id)
        if repairs.description is not None or repairs.kms_key_id:
            one.secrets.update(state.arn, description=repairs.description, kms_key_id=repairs.kms_key_id)
        if repairs.tags:
            one.secrets.tag(state.arn, repairs.tags)
        if repairs.untag:
            one.secrets.untag(state.arn, repairs.untag)
    except Problem as problem:
        return _Repaired(state, problem)
    tags = {key: value for key, value in {**state.tags, **repairs.tags}.items() if key not in repairs.untag}
    return _Repaired(replace(state, tags=tags), None)
