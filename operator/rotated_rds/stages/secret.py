"""SecretReady: Endpoint → SecretState: the AWS secret exists, is ours, and is as the spec says."""

from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import SecretStr

from rotated_rds.acts import first
from rotated_rds.acts.admin import Opener, find_admin, read_admin
from rotated_rds.acts.view import Pass
from rotated_rds.clients import addresses, databases
from rotated_rds.clients.deadline import Deadline
from rotated_rds.model.claims import Claim
from rotated_rds.model.credential import generate, new_value
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import (
    ADOPT_TAG,
    CURRENT,
    MANAGED_BY,
    MANAGED_BY_TAG,
    OWNER_TAG,
    Repairs,
    SecretState,
    WantedSecret,
    drift,
    name_in,
    token,
)
from rotated_rds.model.spec import Method, SecretSpec
from rotated_rds.model.status import Result, fails, holds
from rotated_rds.model.target import text_of
from rotated_rds.model.tenancy import Allow

CHECK_EVERY = timedelta(hours=6)
FIRST = "first-password"


def run(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    """The secret as AWS describes it; as status remembers it on a quiet pass."""
    if (known := _remembered(one)) is not None:
        _stake_claim(one, endpoint)
        return holds(known, f"AWS secret {known.name}")
    state = _describe(one)
    if state is None:
        return _missing(one, endpoint)
    one.world.ages.note("describe", one.key, one.now)
    _check_tenancy(one, state)
    if state.deleted_at:
        return _scheduled_for_deletion(one, state)
    if not one.spec.writes:
        return holds(state, f"AWS secret {state.name}", secret_arn=state.arn)
    state = _own(one, state)
    _stake_claim(one, endpoint)
    if endpoint is not None and _first_is_open(one, state):
        _finish_first(one, endpoint, state)
    return _repair(one, state)


def _remembered(one: Pass) -> SecretState | None:
    """Status is enough while nothing says that AWS is to be read: a quiet pass costs no call."""
    before = one.before
    if not (before.secret_arn and before.version_id) or one.look or one.changed or one.request:
        return None
    if before.rotation.in_progress or one.world.ages.older_than("describe", one.key, CHECK_EVERY, one.now):
        return None
    if one.listed is not None and (
        one.listed.current != before.version_id or one.listed.deleted_at or drift(one.listed, wanted(one.spec.secret))
    ):
        return None
    return SecretState(before.secret_arn, name_in(before.secret_arn), {before.version_id: frozenset({CURRENT})}, remembered=True)


def wanted(spec: SecretSpec) -> WantedSecret:
    return WantedSecret(spec.description, spec.kms_key_id, {**spec.tags, MANAGED_BY_TAG: MANAGED_BY})


def secret_name(one: Pass) -> str:
    """The name that AWS knows the secret by: as written, else `<prefix><namespace>/<name>`."""
    return one.spec.secret.name or f"{one.world.house.prefix}{one.key.namespace}/{one.key.name}"


def _describe(one: Pass) -> SecretState | None:
    """By the ARN once it is known; a secret created anew under the same name has another ARN."""
    if one.before.secret_arn and (state := one.secrets.describe(one.before.secret_arn)):
        return state
    return one.secrets.describe(secret_name(one))


def _check_tenancy(one: Pass, state: SecretState) -> None:
    one.permit.check_secret(state.arn)
    foreign = state.owner is not None and state.owner != one.world.owner(one.key)
    if not one.spec.writes and foreign and not str(state.owner).startswith(f"{one.world.house.cluster}/"):
        one.permit.check_word(Allow.FOREIGN_OWNERS, "spec.secret.name")


# missing: never there, or deleted in AWS


def _missing(one: Pass, endpoint: Endpoint | None) -> Result[SecretState]:
    name = secret_name(one)
    if not one.spec.writes:
        raise Refused(
            Reason.SECRET_NOT_FOUND, f"spec.secret.name: AWS has no secret {name!r} in this account and Region; write its name or full ARN"
        )
    if endpoint is None:
        raise Unavailable(Reason.UNAVAILABLE, "the first password waits for the database's endpoint")
    one.permit.check_secret(name)
    _stake_claim(one, endpoint)
    if one.before.secret_arn:
        _create_again(one, endpoint)
    else:
        _create_first(one, endpoint)
    state = one.secrets.describe(name)
    if state is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS does not show the new secret {name} yet; looking again")
    return holds(state, f"AWS secret {state.name} created", secret_arn=state.arn)


def _new_secret(one: Pass, cause: str) -> first.NewSecret:
    spec, name = one.spec.secret, secret_name(one)
    region = one.world.aws(one.key, one.spec).region or ""
    place = f"{one.world.account(one.key, one.spec)}/{region}/{name}"
    tags = {**wanted(spec).tags, OWNER_TAG: one.world.owner(one.key)}
    if spec.kms_key_id:
        one.permit.check_kms_key(spec.kms_key_id)
    return first.NewSecret(name, token(place, cause, 0), tags, spec.description, spec.kms_key_id)


def _create_first(one: Pass, endpoint: Endpoint) -> None:
    user = _user_name(one)
    if ref := one.spec.user.password_secret_ref:
        found = one.world.kubernetes.secret(one.key.namespace, ref.name)
        password = None if found is None else text_of(found, ref.key)
        if not password:
            raise Refused(
                Reason.INITIAL_PASSWORD_MISSING,
                f"spec.user.passwordSecretRef: Secret {ref.name!r} has no key {ref.key!r} in this namespace; create it",
            )
        first.create_from_given(one.secrets, one.world.logins, endpoint, _new_secret(one, "create"), user, SecretStr(password))
        return
    if one.spec.user.admin_secret_id is None:
        raise Refused(
            Reason.INITIAL_PASSWORD_MISSING,
            f"AWS has no secret {secret_name(one)!r} yet: give the user's password in "
            "spec.user.passwordSecretRef, or an administrator in spec.user.adminSecretId",
        )
    admin = _admin(one, endpoint, user)
    with databases.session(endpoint, admin.username, admin.password, user=user, admin=True) as session:
        first.check_user(session, user, take_over=one.spec.user.take_over)
    rules = one.spec.rotation.password.rules
    first.store(one.secrets, _new_secret(one, "create"), new_value(endpoint, user, generate(rules)))


def _create_again(one: Pass, endpoint: Endpoint) -> None:
    """Deleted in AWS for good: from the Kubernetes Secret, if what it holds logs in (SAFETY.md E2)."""
    gone = f"AWS secret {one.before.secret_arn} is gone"
    found = one.world.kubernetes.secret(one.key.namespace, one.resource.target)
    user, password = (text_of(found, "username"), text_of(found, "password")) if found else (None, None)
    if not user or not password or user != _user_name(one):
        raise Refused(
            Reason.SECRET_DELETED_IN_AWS,
            f"{gone}, and the Kubernetes Secret holds no credential to create it from: create "
            f"{secret_name(one)} in AWS, or recreate this resource",
        )
    value = new_value(endpoint, user, SecretStr(password))
    tried = one.world.logins.try_version(endpoint, f"again {one.before.secret_arn}", user, value.password)
    if tried.verdict is Verdict.REFUSED:
        raise Refused(
            Reason.SECRET_DELETED_IN_AWS,
            f"{gone}, and the Kubernetes Secret's password is refused by {endpoint.address} "
            f"({tried.code}): create {secret_name(one)} in AWS with the right one",
        )
    if tried.verdict is not Verdict.OK:
        raise Unavailable(
            Reason.SECRET_DELETED_IN_AWS,
            f"{gone}; created again as soon as the Kubernetes Secret's credential logs in ({tried.verdict} {tried.code})",
        )
    first.store(one.secrets, _new_secret(one, f"again\n{one.before.secret_arn}"), value)


# the first password that an administrator sets: stored first, set then


def _first_is_open(one: Pass, state: SecretState) -> bool:
    """AWSCURRENT is the first version that we created for an administrator to set, and it never logged in yet."""
    spec = one.spec
    if spec.method is Method.EXTERNAL or spec.user.admin_secret_id is None or spec.user.password_secret_ref or one.before.version_id:
        return False
    place = f"{state.account}/{state.region}/{state.name}"
    return state.current == token(place, "create", 0)


def _finish_first(one: Pass, endpoint: Endpoint, state: SecretState) -> None:
    version = state.current or ""
    value = one.secrets.value(state.arn, version, CURRENT)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS does not show the first version's value yet; looking again")
    admin = _admin(one, endpoint, value.username)
    first.set_first(one.world.logins, endpoint, admin, version, value.username, value.password, take_over=one.spec.user.take_over)


def _admin(one: Pass, endpoint: Endpoint, user: str) -> Opener:
    found = find_admin(one.secrets, one.spec.user.admin_secret_id or "")
    one.permit.check_admin_secret(found.arn)
    return read_admin(one.secrets, found, endpoint, user)


def _user_name(one: Pass) -> str:
    name = one.spec.user.name
    if not name:
        raise Refused(Reason.INVALID_SPEC, f"spec.user.name: required with method {one.spec.method}; name the database user")
    one.permit.check_user(name)
    return name


# whose it is


def _own(one: Pass, state: SecretState) -> SecretState:
    """Ours by its owner tag, or taken over as far as `secret.adoption` allows; the tag is read back (SAFETY.md A5)."""
    ours = one.world.owner(one.key)
    if state.owner == ours:
        return state
    if (no := refusal(state, ours, one.spec.secret)) is not None:
        raise no
    if state.owning_service:
        raise Refused(Reason.NOT_ADOPTED, f"AWS secret {state.name} is managed by {state.owning_service}; method External may read it")
    if state.tags.get(ADOPT_TAG) != ours:  # the tag is the consent of who may write to the secret; `Always` needs the tenancy's
        one.permit.check_word(Allow.ADOPTION, "spec.secret.adoption")
    one.secrets.tag(state.arn, {OWNER_TAG: ours, MANAGED_BY_TAG: MANAGED_BY})
    again = one.secrets.describe(state.arn)
    if again is None or again.owner != ours:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS secret {state.name} does not show our owner tag yet; looking again")
    return again


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


def _stake_claim(one: Pass, endpoint: Endpoint | None) -> None:
    """(endpoint, user) is unique among writing resources; the older one keeps it (SAFETY.md A5)."""
    if endpoint is None or not one.spec.user.name or not one.spec.writes:
        return
    resolved = addresses.resolve(endpoint.host, endpoint.port, Deadline(databases.LOGIN_TIMEOUT))
    places = frozenset({endpoint.address.lower(), *(addresses.joined(ip, endpoint.port) for ip in resolved)})
    if rival := one.world.claims.stake(Claim(one.key, one.resource.created, one.spec.user.name, places)):
        raise Refused(
            Reason.USER_CONFLICT,
            f"spec.user.name: {rival.key} rotates {rival.user!r} at {endpoint.address} already; delete one of the two resources",
        )


def _scheduled_for_deletion(one: Pass, state: SecretState) -> Result[SecretState]:
    """Restored only if it is ours and this resource is new to it (SAFETY.md E2)."""
    if one.spec.writes and state.owner == one.world.owner(one.key) and one.before.secret_arn is None:
        one.secrets.restore(state.arn)
        again = one.secrets.describe(state.arn)
        if again is not None and not again.deleted_at:
            return holds(again, f"AWS secret {state.name} restored", secret_arn=state.arn)
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
    repairs = drift(state, wanted(one.spec.secret))
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
