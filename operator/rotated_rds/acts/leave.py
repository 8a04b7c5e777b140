"""Out of AlternatingUsers or DualPassword on a live resource: home first, then nothing may be left that logs in (SAFETY.md E4)."""

from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds.acts import report, retained
from rotated_rds.acts.admin import admin_refused, administrator, locked
from rotated_rds.acts.alternating import newest_of
from rotated_rds.acts.view import Pass
from rotated_rds.clients.databases import LoginRefused, Session
from rotated_rds.model import dual, holds, leaving
from rotated_rds.model.alternating import Pair, is_alternating
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint
from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.rollback import is_told
from rotated_rds.model.secret import CURRENT, SecretState
from rotated_rds.model.spec import Strategy
from rotated_rds.model.status import Notice, Result, RotationStatus, fails, waits
from rotated_rds.model.verified import Current

_AGAIN = timedelta(minutes=1)
_TRY_AGAIN = timedelta(minutes=5)


def begin(one: Pass) -> Pass:
    """What the spec no longer asks for stays in force while status shows it: its holds, its rollouts, its rollback, its claim."""
    return _under(one, leaving.in_force(one.spec, one.before))


def found(one: Pass, state: SecretState) -> Pass:
    """With status lost, or written by somebody else, AWS tells: the label of a second password, and whose AWSCURRENT is."""
    if one.towards is not None or state.remembered:
        return one
    if state.holder(PRIMARY) is not None and not dual.is_dual(one.spec):
        return _under(one, Strategy.DUAL_PASSWORD)
    if not is_alternating(one.spec) and _has_two_users(one, state):
        return _under(one, Strategy.ALTERNATING_USERS)
    return one


def _under(one: Pass, strategy: Strategy) -> Pass:
    if strategy is one.spec.rotation.strategy:
        return one
    return replace(one, spec=leaving.with_strategy(one.spec, strategy), towards=one.spec.rotation.strategy)


def _has_two_users(one: Pass, state: SecretState) -> bool:
    """AWSCURRENT is the clone's; or, as a first look tells, we came home from it, and it was not locked yet."""
    clone, known = Pair.of(one.spec).clone, one.before.version_id == state.current
    if state.previous is None or (not known and one.before.rotation.strategy is not None):
        return known and one.before.username == clone
    if _user(one, state) == clone:
        return True
    if one.before.rotation.strategy is not None or not one.spec.user.admin_secret_id:
        return False
    return leaving.came_home(state, one.resource.requests.values()) and _user_of(one, state, state.previous) == clone


def _user(one: Pass, state: SecretState) -> str | None:
    """Whose AWSCURRENT is; None where that cannot be read, which is for the next stage to say."""
    if one.before.version_id == state.current and one.before.username:
        return one.before.username
    return _user_of(one, state, state.current)


def _user_of(one: Pass, state: SecretState, version: str | None) -> str | None:
    try:
        value = one.secrets.value(state.arn, version or "")
    except Refused as no:
        if no.reason is Reason.MALFORMED_SECRET:
            return None
        raise
    return value.username if value else None


# from two users to one


def is_home(one: Pass, user: str) -> bool:
    """Whether AWSCURRENT's user is the one that stays: what rotates it now is no turn of two users any more."""
    return one.towards is not None and is_alternating(one.spec) and user == one.spec.user.name


def goes_home(one: Pass, state: SecretState) -> bool:
    """Whether one more rotation, from the clone to the base user, is to begin by itself. A rollback stops that until somebody asks."""
    pause = one.before.rotation.not_before
    if one.towards is None or not is_alternating(one.spec) or not _may_begin(one) or (pause and one.now < pause):
        return False
    published = one.before.version_id is not None and not _is_rolled_back(one, state)
    return published and _user(one, state) == Pair.of(one.spec).clone


def _is_rolled_back(one: Pass, state: SecretState) -> bool:
    return is_told(one.before, state.current) or leaving.went_back(state)


def run(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current] | None:
    """End what the strategy in force would leave behind, when nobody needs it. None: not yet; rotations go by their holds until then."""
    if one.towards is None or not _may_begin(one):
        return None
    alternating, forced = is_alternating(one.spec), one.asks("force-rotate")
    if alternating and not one.spec.user.admin_secret_id:
        return _not_ended(one, state, _no_admin(one))
    if not alternating and state.holder(PRIMARY) is None:
        return _left(one, state, "no second password is left")
    if forced or (alternating and _user(one, state) != Pair.of(one.spec).base) or retained.needed(one, state) is not None:
        return None
    return _locked(one, endpoint, state) if alternating else _discarded(one, endpoint, state)


def _may_begin(one: Pass) -> bool:
    return not one.spec.suspend and not one.resource.deleting


def _discarded(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current] | None:
    settled = retained.settle(one, endpoint, state)
    return None if settled is None else still(one, settled, wake=one.now if _is_ended(settled) else None)


def _is_ended(settled: Result[Current]) -> bool:
    rotation = settled.status.get("rotation")
    return isinstance(rotation, RotationStatus) and rotation.retained is None


def _locked(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current]:
    pair = Pair.of(one.spec)
    try:
        opener = administrator(one, endpoint, pair.base)
        with locked(one.secrets, endpoint, opener, pair.base) as session:
            text = _lock(one, endpoint, state, session, pair)
    except LoginRefused as no:
        raise admin_refused(one, no) from None
    except Refused as no:
        return _not_ended(one, state, no)
    return _left(one, state, text)


def _lock(one: Pass, endpoint: Endpoint, state: SecretState, session: Session, pair: Pair) -> str:
    """Under the base user's lock, with AWSCURRENT logging in: what became of the clone. Raises Refused, Unavailable."""
    version = state.current or ""
    value = one.secrets.value(state.arn, version, CURRENT)
    seen = retained.seen_unmoved(one, endpoint, state, session, Credential(version, value)) if value else None
    if seen is None:
        raise Unavailable(
            Reason.UNAVAILABLE, f"{pair.clone!r} is locked when AWSCURRENT logs in and nobody moves the labels; looking again"
        )
    both = session.pair(pair)
    if not session.user_exists(pair.clone):
        return f"there is no user {pair.clone!r}"
    if not both.is_locked():
        if newest_of(one.secrets, seen, pair.clone) is None:
            return f"{pair.clone!r} is left as it is: no version of this secret names it, so it is somebody's"
        one.permit.check_user(pair.clone)
        _check_power(session, pair.clone)
        both.lock()
    return f"{pair.clone!r} is locked"


def _check_power(session: Session, clone: str) -> None:
    """No powerful user is touched (SAFETY.md C7); one that cannot be used for another reason is locked all the same."""
    try:
        session.check(clone)
    except Refused as no:
        if no.reason is not Reason.ACCOUNT_UNUSABLE:
            raise


# what status shows meanwhile


def still(one: Pass, result: Result[Current], wake: datetime | None = None) -> Result[Current]:
    """The strategy in the spec is not the one in force yet: not Ready, whatever else holds."""
    if one.towards is None or result.outcome.holds is not True:
        return result
    text = f"to strategy {one.towards}: {result.outcome.message}"
    outcome = waits(text, reason=result.outcome.reason if result.outcome.reason is Reason.HELD_BACK else Reason.PENDING).outcome
    return replace(result, outcome=outcome, wake=wake or result.wake)


def waiting(one: Pass, state: SecretState) -> Result[Current] | None:
    """Nothing is due: what the change waits for. None: there is none. Raises Refused(UserMismatch)."""
    if one.towards is None or not _may_begin(one):
        return None
    ends = holds.grace_ends(one.before, one.spec.rotation.grace_period)
    idle = report.idle(one, state.current or "", by=ends if ends and ends > one.now else one.now + _AGAIN)
    if idle.outcome.holds is not True:
        return _with_mend(one, state, idle)
    return still(one, replace(idle, outcome=replace(idle.outcome, message=_what_for(one, state))))


def _what_for(one: Pass, state: SecretState) -> str:
    pair = Pair.of(one.spec)
    if not is_alternating(one.spec):
        return f"the password before is discarded first; {retained.needed(one, state)}"
    if pair.other(_user(one, state) or pair.base) == pair.clone:
        return f"user {pair.clone!r} is locked first; {retained.needed(one, state)}"
    return f"one more rotation leads to user {pair.base!r}" + (_ASK if _is_rolled_back(one, state) else "")


_ASK = ", after the rollback only when you ask for it (annotate rotated-rds.io/rotate)"


def _with_mend(one: Pass, state: SecretState, idle: Result[Current]) -> Result[Current]:
    if not is_told(one.before, state.current):
        return idle
    return replace(idle, outcome=replace(idle.outcome, message=f"{idle.outcome.message}; strategy {one.towards} waits for that rotation"))


def _left(one: Pass, state: SecretState, text: str) -> Result[Current]:
    """From the next pass on the spec's strategy is in force."""
    changes = {"strategy": str(one.towards), "retained": None, "held_back": None}
    told = Notice(False, "RotationConfigured", f"strategy {one.towards}: {text}")
    result = waits(text, value=Current(state.current or ""), wake=one.now, rotation=report.rotation_status(one, **changes))
    return replace(result, notices=(told,))


def _not_ended(one: Pass, state: SecretState, no: Refused) -> Result[Current]:
    text = f"to strategy {one.towards}: {no.message}"
    rotation = report.rotation_status(one, held_back=None)
    return fails(no.reason, text, value=Current(state.current or ""), wake=one.now + _TRY_AGAIN, rotation=rotation)


def _no_admin(one: Pass) -> Refused:
    pair = Pair.of(one.spec)
    return Refused(
        Reason.ADMIN_INSUFFICIENT,
        f"spec.user.adminSecretId: only an administrator rotates {pair.base!r} and locks {pair.clone!r}; "
        f"put it back until status.rotation.strategy is {one.towards}",
    )
