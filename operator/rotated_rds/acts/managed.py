"""Method RDSManaged: RDS's own secret of the master user, found through the instance or cluster and never written to (SAFETY.md E6)."""

from dataclasses import replace
from datetime import timedelta

from rotated_rds.acts import claim
from rotated_rds.acts.view import Pass
from rotated_rds.clients.rds import RdsDatabase
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import DatabaseSpec
from rotated_rds.model.status import Kind

ASK_EVERY = timedelta(minutes=5)  # RDS, in passes that AWS's own labels give no reason for
NO_ALARM = timedelta(minutes=2)  # how long AWSCURRENT and the database may disagree while RDS rotates
_IN_BETWEEN = ("creating", "rotating")
_REFUSED = "refused while RDS rotates"  # Ages


def check_tenancy(one: Pass) -> None:
    """Whether the namespace may use this database's master; RDS knows its identifiers in small letters. Raises Refused(NotAllowed)."""
    spec = one.spec.database
    one.permit.check_managed_database((spec.instance or spec.cluster or "").lower(), _field(spec))


def check_master(found: RdsDatabase, spec: DatabaseSpec) -> None:
    """Whether the master has a password at all. Raises Refused(UnsupportedEngine)."""
    if found.authentication == "iam-db-auth":
        raise Refused(
            Reason.UNSUPPORTED_ENGINE,
            f"{_field(spec)}: the master of {found.identifier!r} logs in with IAM and has no password to rotate; "
            "rotate an application's user with another spec.rotation.method",
        )


def look(one: Pass, endpoint: Endpoint | None) -> SecretState:
    """The secret as Secrets Manager shows it, and RDS where it has to be asked.

    Raises Refused(SecretNotFound, UserConflict, …), Unavailable.
    """
    known = one.before.secret_arn
    state = one.secrets.describe(known) if known and not _wants_rds(one) else None
    if state is None or state.deleted_at or state.current != one.before.version_id or state.pending not in (None, state.current):
        return _found(one, endpoint)
    claim.stake(one, endpoint)
    return state


def _wants_rds(one: Pass) -> bool:
    """RDS tells more than the labels do: while anything is out of order, under way or asked for, and now and then."""
    settled = all(one.settled(kind) for kind in (Kind.SECRET_READY, Kind.ROTATION_READY, Kind.CREDENTIAL_VERIFIED))
    fresh = one.world.ages.fresh("managed", one.key, ASK_EVERY, one.now)
    return not settled or not fresh or bool(one.request or one.before.rotation.in_progress)


def _found(one: Pass, endpoint: Endpoint | None) -> SecretState:
    """By the instance or cluster: turned off and on again, RDS's management has another secret."""
    seen = _ask(one)
    if seen.managed is None:
        raise _unmanaged(seen, one.spec.database)
    claim.stake(one, endpoint, seen.master)
    state = one.secrets.describe(seen.managed.arn)
    if state is None or state.deleted_at or state.current is None:
        raise Unavailable(
            Reason.UNAVAILABLE, f"RDS is making the secret of {seen.identifier}'s master ({seen.managed.status}); looking again"
        )
    return _with_status(one, state, seen.managed.status)


def _ask(one: Pass) -> RdsDatabase:
    spec = one.spec.database
    seen = one.world.rds(one.key, one.spec).find(spec.instance, spec.cluster)
    one.world.ages.note("managed", one.key, one.now)
    check_master(seen, spec)
    return seen


def _with_status(one: Pass, state: SecretState, status: str) -> SecretState:
    if status not in _IN_BETWEEN:
        one.world.ages.forget("rds rotates", one.key)
    return replace(state, rds_status=status)


def _unmanaged(seen: RdsDatabase, spec: DatabaseSpec) -> Refused:
    if seen.belongs_to:
        text = f"{seen.identifier!r} has no master password of its own; set {seen.belongs_to}"
    else:
        kind = "instance" if spec.instance else "cluster"
        turn_on = f"aws rds modify-db-{kind} --db-{kind}-identifier {seen.identifier} --manage-master-user-password --apply-immediately"
        text = (
            f"RDS does not manage the master password of {seen.identifier!r}: turn it on ({turn_on}), or set another spec.rotation.method"
        )
    return Refused(Reason.SECRET_NOT_FOUND, f"{_field(spec)}: {text}")


def _field(spec: DatabaseSpec) -> str:
    return f"spec.database.{'instance' if spec.instance else 'cluster'}"


# AWSCURRENT is refused


def in_between(one: Pass, state: SecretState, version: str) -> bool:
    """Whether a refusal may come from RDS's own rotation: for two minutes nobody is alarmed (SAFETY.md E6).

    state: as AWS shows it now; version: the one that was refused.
    """
    seen = _ask(one)
    moved = state.current != version or seen.managed is None or seen.managed.arn != state.arn
    if not moved and seen.managed is not None and seen.managed.status not in _IN_BETWEEN:
        return False
    one.world.ages.note(f"{_REFUSED} {version}", one.key, one.now)
    return not one.world.ages.older_than("rds rotates", one.key, NO_ALARM, one.now)


def settled(one: Pass, state: SecretState) -> bool:
    """Once, after RDS has ended a rotation: AWSCURRENT was refused before that, and is tried again at once."""
    refused = f"{_REFUSED} {state.current}"
    if state.rds_status in (None, *_IN_BETWEEN) or not one.world.ages.known(refused, one.key):
        return False
    one.world.ages.forget(refused, one.key)
    return True
