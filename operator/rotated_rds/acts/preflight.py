"""Whether AWS could rotate with the function that is named, and with the users that the secret names: looked at before AWS is asked."""

from rotated_rds.acts import report
from rotated_rds.acts.admin import find_admin
from rotated_rds.acts.view import Pass
from rotated_rds.clients.aws import WrongState
from rotated_rds.model import function
from rotated_rds.model.alternating import clone_of
from rotated_rds.model.credential import MASTER, SecretValue
from rotated_rds.model.database import Endpoint, TlsMode
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, SecretState, token
from rotated_rds.model.spec import Strategy
from rotated_rds.model.status import Result, waits
from rotated_rds.model.verified import Current


def of_function(one: Pass, endpoint: Endpoint | None, state: SecretState, arn: str) -> str:
    """What is worth saying of the function. Raises Refused(FunctionNotFound, AccessDenied), the latter for a door that is shut to AWS.

    A look that AWS denies us, or that fails, is no reason to refuse.
    """
    try:
        return _judged(one, endpoint, state, arn, again=one.asks("sync"))
    except Refused:
        return _judged(one, endpoint, state, arn, again=True)


def _judged(one: Pass, endpoint: Endpoint | None, state: SecretState, arn: str, *, again: bool) -> str:
    seen = one.world.functions.seen(one.world.identity(one.key, one.spec), one.world.aws(one.key, one.spec), arn, one.now, again=again)
    tls = one.spec.database.tls.mode is not TlsMode.DISABLE
    return function.preflight(arn, seen, state.arn, endpoint.engine if endpoint else None, tls=tls)


def of_users(one: Pass, state: SecretState) -> Result[Current] | None:
    """With alternating users: AWSCURRENT is of one of the two, and its JSON names the administrator. None: both are so.

    Raises Refused(UserMismatch, AdminMismatch, NotAllowed), Unavailable.
    """
    if one.spec.rotation.strategy is not Strategy.ALTERNATING_USERS:
        return None
    known = f"users {state.current} {one.spec.user.name} {one.spec.user.admin_secret_id}"
    if one.world.ages.known(known, one.key):
        return None
    value = one.secrets.value(state.arn, state.current or "", CURRENT)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS does not show AWSCURRENT's value; looking again")
    _check_user(one.spec.user.name or "", value.username)
    admin = find_admin(one.secrets, one.spec.user.admin_secret_id or "")
    one.permit.check_admin_secret(admin.arn)
    if value.whole.get(MASTER) != admin.arn:
        return _named(one, state, value, admin.arn)
    if state.pending == state.current == _version(state, admin.arn, state.previous):
        one.secrets.take_off_pending(state.arn, state.pending or "")  # a pass before this one got no further
    one.world.ages.note(known, one.key, one.now)
    return None


def _check_user(base: str, user: str) -> None:
    clone = clone_of(base)
    if user not in (base, clone):
        raise Refused(
            Reason.USER_MISMATCH,
            f"spec.user.name: AWSCURRENT is of user {user!r}, which is neither {base!r} nor {clone!r}; name the base user of the two",
        )


def _version(state: SecretState, admin: str, of: str | None) -> str:
    """The version that follows `of` and names the administrator."""
    return token(state.arn, f"{MASTER}\n{admin}\n{of}", 0)


def _named(one: Pass, state: SecretState, value: SecretValue, admin: str) -> Result[Current]:
    """One version more, with the same credential and the administrator's ARN: the function would find none else.

    As AWSPENDING first, which keeps AWS from rotating meanwhile; AWSCURRENT moves only from the version that was read.
    """
    current, made = state.current or "", _version(state, admin, state.current)
    if state.pending not in (None, current, made):
        return report.idle(one, current)  # AWS rotates: the next AWSCURRENT is looked at again
    try:
        one.secrets.put_pending(state.arn, made, value.with_key(MASTER, admin))
        one.secrets.move_current(state.arn, to=made, from_=current)
        one.secrets.take_off_pending(state.arn, made)
    except WrongState as wrong:
        raise Unavailable(Reason.UNAVAILABLE, f"the administrator's ARN waits for the secret's labels: {wrong.message}") from None
    return waits("the AWS secret names its administrator (masterarn)", value=Current(made, moved_at=one.clock()), wake=one.now)
