"""The AWS secret that is not there: made with its first password, or again after somebody deleted it (SAFETY.md E1, E2)."""

from pydantic import SecretStr

from rotated_rds.acts import first
from rotated_rds.acts.admin import administrator, find_admin, locked
from rotated_rds.acts.view import Pass
from rotated_rds.model.alternating import clone_of, is_alternating
from rotated_rds.model.credential import SecretValue, generate, new_value
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import (
    ADOPT_TAG,
    CREATED_TAG,
    CURRENT,
    MANAGED_BY,
    MANAGED_BY_TAG,
    OWNER_TAG,
    SecretState,
    WantedSecret,
    token,
)
from rotated_rds.model.spec import Method, SecretSpec
from rotated_rds.model.target import is_ours, text_of


def wanted(spec: SecretSpec) -> WantedSecret:
    tags = {**spec.tags, MANAGED_BY_TAG: MANAGED_BY}
    return WantedSecret(spec.description, spec.kms_key_id, tags, keeps_offer=spec.deletion_policy == "Delete")


def may_be_deleted(one: Pass, state: SecretState) -> bool:
    """A secret that was taken over is deleted only with `adoption: Always`, or while the tag that offered it stands."""
    ours = one.world.owner(one.key)
    return one.spec.secret.adoption == "Always" or ours in (state.tags.get(CREATED_TAG), state.tags.get(ADOPT_TAG))


def stays(one: Pass, state: SecretState) -> str:
    """What is to be said of a secret that `deletionPolicy: Delete` will not delete."""
    if one.spec.secret.deletion_policy != "Delete" or may_be_deleted(one, state):
        return ""
    return (
        "; it was taken over, so it stays when this resource goes: to have it deleted set spec.secret.adoption: Always, "
        f"or tag it {ADOPT_TAG}={one.world.owner(one.key)}"
    )


def secret_name(one: Pass) -> str:
    """The name that AWS knows the secret by: as written, else `<prefix><namespace>/<name>`."""
    return one.spec.secret.name or f"{one.world.house.prefix}{one.key.namespace}/{one.key.name}"


def created_by_us(state: SecretState) -> bool:
    """Its first version is the one whose id derives from the creation (SAFETY.md A1); with that version gone nobody knows."""
    return first_version(state) in state.versions


def first_version(state: SecretState) -> str:
    """The id of a first version that we create."""
    return token(f"{state.account}/{state.region}/{state.name}", "create", 0)


def _new_secret(one: Pass, cause: str) -> first.NewSecret:
    spec, name = one.spec.secret, secret_name(one)
    region = one.world.aws(one.key, one.spec).region or ""
    place = f"{one.world.account(one.key, one.spec)}/{region}/{name}"
    ours = one.world.owner(one.key)
    tags = {**wanted(spec).tags, OWNER_TAG: ours, CREATED_TAG: ours}
    if spec.kms_key_id:
        one.permit.check_kms_key(spec.kms_key_id)
    return first.NewSecret(name, token(place, cause, 0), tags, spec.description, spec.kms_key_id)


def _first_value(one: Pass, endpoint: Endpoint, user: str, password: SecretStr) -> SecretValue:
    """With alternating users it names the administrator, as every later version does; the base user is the first."""
    if not is_alternating(one.spec):
        return new_value(endpoint, user, password)
    found = find_admin(one.secrets, one.spec.user.admin_secret_id or "")
    one.permit.check_admin_secret(found.arn)
    return new_value(endpoint, user, password, found.arn)


def create_first(one: Pass, endpoint: Endpoint) -> None:
    """With the password that the user has, or with one that an administrator will set (SAFETY.md E1)."""
    user = _user_name(one)
    if ref := one.spec.user.password_secret_ref:
        found = one.world.kubernetes.secret(one.key.namespace, ref.name)
        password = None if found is None else text_of(found, ref.key)
        if not password:
            raise Refused(
                Reason.INITIAL_PASSWORD_MISSING,
                f"spec.user.passwordSecretRef: Secret {ref.name!r} has no key {ref.key!r} in this namespace; create it",
            )
        value = _first_value(one, endpoint, user, SecretStr(password))
        first.create_from_given(one.secrets, one.world.logins, endpoint, _new_secret(one, "create"), value)
        return
    if one.spec.user.admin_secret_id is None:
        raise Refused(
            Reason.INITIAL_PASSWORD_MISSING,
            f"AWS has no secret {secret_name(one)!r} yet: give the user's password in "
            "spec.user.passwordSecretRef, or an administrator in spec.user.adminSecretId",
        )
    admin = administrator(one, endpoint, user)
    with locked(one.secrets, endpoint, admin, user) as session:
        first.check_user(session, user, take_over=one.spec.user.take_over)
    rules = one.spec.rotation.password.rules
    first.store(one.secrets, _new_secret(one, "create"), _first_value(one, endpoint, user, generate(rules)))


def create_again(one: Pass, endpoint: Endpoint) -> None:
    """Deleted in AWS for good: from the Kubernetes Secret, if what it holds logs in (SAFETY.md E2)."""
    gone = f"AWS secret {one.before.secret_arn} is gone"
    found = one.world.kubernetes.secret(one.key.namespace, one.resource.target)
    ours = found if found and is_ours(found, one.resource) else None
    user, password = text_of(ours, "username"), text_of(ours, "password")
    base = _user_name(one)
    if not user or not password or user not in ((base, clone_of(base)) if is_alternating(one.spec) else (base,)):
        raise Refused(
            Reason.SECRET_DELETED_IN_AWS,
            f"{gone}, and the Kubernetes Secret holds no credential to create it from: create "
            f"{secret_name(one)} in AWS, or recreate this resource",
        )
    value = _first_value(one, endpoint, user, SecretStr(password))
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


def first_is_open(one: Pass, state: SecretState) -> bool:
    """AWSCURRENT is the first version that we created for an administrator to set, and it never logged in yet."""
    spec = one.spec
    if spec.method is Method.EXTERNAL or spec.user.admin_secret_id is None or spec.user.password_secret_ref or one.before.version_id:
        return False
    return state.current == first_version(state)


def finish_first(one: Pass, endpoint: Endpoint, state: SecretState) -> None:
    version = state.current or ""
    value = one.secrets.value(state.arn, version, CURRENT)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS does not show the first version's value yet; looking again")
    admin = administrator(one, endpoint, value.username)
    first.set_first(
        one.secrets, one.world.logins, endpoint, admin, version, value.username, value.password, take_over=one.spec.user.take_over
    )


def _user_name(one: Pass) -> str:
    name = one.spec.user.name
    if not name:
        raise Refused(Reason.INVALID_SPEC, f"spec.user.name: required with method {one.spec.method}; name the database user")
    one.permit.check_user(name)
    return name
