"""SecretReady: Endpoint → SecretState: the AWS secret exists, is ours, and is as the spec says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from rotated_rds.acts import claim, creation, managed, upkeep
from rotated_rds.acts.aws_rotation import configured
from rotated_rds.acts.view import Pass
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import (
    ADOPT_TAG,
    CURRENT,
    MANAGED_BY,
    MANAGED_BY_TAG,
    OWNER_TAG,
    SecretState,
    drift,
    name_in,
)
from rotated_rds.model.spec import Method, SecretSpec
from rotated_rds.model.status import Kind, Notice, Result, holds
from rotated_rds.model.tenancy import Allow

CHECK_EVERY = timedelta(hours=6)
# What status remembers is what was published: while one of these does not hold, AWSCURRENT may be another.
_FROM_AWS = (Kind.SECRET_READY, Kind.ROTATION_READY, Kind.CREDENTIAL_VERIFIED, Kind.MIRRORED)


def run(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    """The secret as AWS describes it; as status remembers it on a quiet pass."""
    if one.spec.method is Method.RDS_MANAGED:
        managed.check_tenancy(one)
    if (known := _remembered(one)) is not None:
        claim.stake(one, endpoint)
        before = one.before.condition(Kind.SECRET_READY)
        return holds(known, before.message if before else f"AWS secret {known.name}")
    found = _looked_at(one, endpoint)
    return replace(found, notices=(*found.notices, *_told(one, found.value))) if found.value else found


def _looked_at(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    if one.spec.method is Method.RDS_MANAGED:
        state = managed.look(one, endpoint)
        one.world.ages.note("describe", one.key, one.now)
        return holds(state, f"RDS's own secret {state.name}", secret_arn=state.arn)
    state = _describe(one) or _made(one, endpoint)
    one.world.ages.note("describe", one.key, one.now)
    _check_tenancy(one, state)
    told: tuple[Notice, ...] = ()
    if state.deleted_at:
        state = _restored(one, state)
        told = (Notice(True, "SecretRestoredInAWS", f"AWS secret {state.arn} was scheduled for deletion; it belongs to this resource"),)
    if not one.spec.writes:
        return holds(state, f"AWS secret {state.name}", secret_arn=state.arn)
    state = _own(one, endpoint, state)
    if endpoint is not None and creation.first_is_open(one, state):
        creation.finish_first(one, endpoint, state)
    return replace(upkeep.repair(one, state), notices=told)


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
    rotates = listed.pending not in (None, listed.current) or not _rotates_as_wanted(one, listed)
    if not one.spec.writes:
        return rotates and one.spec.method is Method.RDS_MANAGED
    return rotates or listed.owner != one.world.owner(one.key) or bool(drift(listed, creation.wanted(one.spec.secret)))


def _rotates_as_wanted(one: Pass, listed: SecretState) -> bool:
    """AWS's own rotation: configured as the spec says where AWS rotates, else off."""
    return configured(one.spec, listed) if one.spec.rotated_by_aws else not listed.rotation_enabled


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
    if state.primary_region not in (None, state.region):
        raise Refused(
            Reason.NOT_ADOPTED,
            f"AWS secret {state.name} is a replica, which takes no write: set spec.aws.region: {state.primary_region}, "
            "or use method External",
        )
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


def _restored(one: Pass, state: SecretState) -> SecretState:
    """Scheduled for deletion: restored only if it is ours and this resource is new to it (SAFETY.md E2). Raises Refused, Unavailable."""
    if one.spec.writes and state.owner == one.world.owner(one.key) and one.before.secret_arn is None:
        one.secrets.restore(state.arn)
        again = one.secrets.describe(state.arn)
        if again is None or again.deleted_at:
            raise Unavailable(Reason.UNAVAILABLE, f"AWS does not show {state.name} restored yet; looking again")
        return again
    raise Refused(
        Reason.SCHEDULED_FOR_DELETION,
        f"AWS secret {state.name} is scheduled for deletion: restore it in AWS (restore-secret), or choose another spec.secret.name",
    )
