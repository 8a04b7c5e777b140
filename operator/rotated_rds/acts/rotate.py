"""Method Operator: begin a rotation, then carry it on from whatever AWS's labels and the database say."""

import contextlib
from dataclasses import replace
from datetime import timedelta

from rotated_rds.acts import leave, pending, report, report_hindrance, retained, rollback
from rotated_rds.acts.admin import admin_refused, same_place
from rotated_rds.acts.alternating import AlternatingUsers
from rotated_rds.acts.change import Change, End, Ended, finish_proven, set_and_finish
from rotated_rds.acts.dependents import held_back, hold_facts
from rotated_rds.acts.dual import DualPassword
from rotated_rds.acts.single import SingleUser, by_administrator
from rotated_rds.acts.view import Pass
from rotated_rds.acts.way import Strategy, Turn, Way
from rotated_rds.clients.databases import LoginRefused
from rotated_rds.model import dual, leaving, rotation
from rotated_rds.model.alternating import is_alternating
from rotated_rds.model.credential import Credential, SecretValue
from rotated_rds.model.database import Endpoint, Engine, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.rotation import Due, Kind
from rotated_rds.model.secret import CURRENT, PENDING, SecretState, token
from rotated_rds.model.status import InProgress, Result, waits
from rotated_rds.model.steps import Facts, PendingIs, Step, next_step
from rotated_rds.model.verified import Current

LATE = timedelta(seconds=60)  # by then the server has ended a dead client's session, and what it had sent


def run(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """One pass of method Operator."""
    current = state.current or ""
    if progress := one.before.rotation.in_progress:
        return _advance(one, endpoint, state, progress)
    if state.remembered:
        return report.idle(one, current)
    if state.rotation_enabled:
        return report_hindrance.owned_by_aws(one, current)
    if endpoint is None:
        raise Unavailable(Reason.UNAVAILABLE, "what is due begins when the database's endpoint is known")
    return _turn(one, endpoint, state, current)


def _turn(one: Pass, endpoint: Endpoint, state: SecretState, current: str) -> Result[Current]:
    """Nothing of ours is under way: what is in the way, what was asked for, what is due, what is left of the last one."""
    if (interrupted := _interrupted(one, endpoint, state)) is not None:
        return _begin(one, state, interrupted)
    if (tidied := pending.tidy(one, endpoint, state)) is not None:
        return tidied
    created = token(f"{state.account}/{state.region}/{state.name}", "create", 0) in state.versions
    if one.before.version_id is not None:
        one.world.ages.note("first", one.key, one.now)
    elif rotation.wants_first(one.spec, one.before, created_by_us=created):
        return report.before_first(current)
    if (back := rollback.run(one, endpoint, state)) is not None:
        return back
    if (ended := leave.run(one, endpoint, state)) is not None:
        return ended
    due_now = _due(one, endpoint, state, created=created)
    if due_now is not None:
        return _begin(one, state, due_now)
    return leave.waiting(one, state) or retained.settle(one, endpoint, state) or report.idle(one, current)


def _due(one: Pass, endpoint: Endpoint | None, state: SecretState, *, created: bool) -> Due | None:
    seen = one.before.model_copy(update={"version_id": state.current}) if one.before.version_id else one.before
    found = rotation.due(one.resource, one.spec, seen, one.now, created_by_us=created)
    if found is None and leave.goes_home(one, state):
        return Due(Kind.HOME, leaving.home_cause(state.current))
    if found is not None or endpoint is None or one.before.version_id is None:
        return found
    return Due(Kind.ENDPOINT, f"endpoint\n{endpoint.address}\n{state.current}") if _moves(one, endpoint, state) else None


def _moves(one: Pass, endpoint: Endpoint, state: SecretState) -> bool:
    """AWSCURRENT is for another endpoint, and logs in at this one (SAFETY.md E5). What cannot be read is for the next stage to say."""
    current = state.current or ""
    known = f"{current} is for {endpoint.address}"
    if one.world.ages.known(known, one.key):
        return False
    try:
        value = one.secrets.value(state.arn, current, CURRENT)
        if value is None or value.host is None or _is_for(value, endpoint):
            one.world.ages.note(known, one.key, one.now)
            return False
    except Refused as malformed:
        if malformed.reason is Reason.MALFORMED_SECRET:
            return False
        raise
    return one.world.logins.try_version(endpoint, current, value.username, value.password).verdict is Verdict.OK


def _interrupted(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Due | None:
    """What AWSPENDING was made for, where status has lost it: the rotation goes on with the same version (SAFETY.md A1)."""
    if state.pending in (None, state.current):
        return None
    seen = replace(one, before=one.before.model_copy(update={"version_id": state.current}))
    found = _due(seen, endpoint, state, created=True)
    return found if found and rotation.attempt(found, one.before, state).version == state.pending else None


def _is_for(value: SecretValue, endpoint: Endpoint) -> bool:
    return (value.port or endpoint.engine.port) == endpoint.port and (value.host == endpoint.host or same_place(value.host or "", endpoint))


# begin


def _begin(one: Pass, state: SecretState, due_now: Due) -> Result[Current]:
    """Write down what is to happen before anything does; the next pass carries it out (SAFETY.md A6)."""
    current, attempt = state.current or "", rotation.attempt(due_now, one.before, state)
    if due_now.kind is not Kind.HOME and _is_finished(one, state, attempt.version):  # who is not home has not finished
        return report.finished_before(one, current, due_now)
    facts = hold_facts(one, state)
    hold = held_back(one, due_now, facts)
    if hold is not None and attempt.version != state.pending:
        return leave.still(one, report.held(one, current, due_now, hold, facts))
    return report.begun(one, current, due_now, attempt, facts)


def _is_finished(one: Pass, state: SecretState, version: str) -> bool:
    """A version that exists, is not pending, and that status does not call failed, is a finished cause (SAFETY.md A1)."""
    if version == state.pending or any(line.version_id == version and line.result == "Failed" for line in one.before.history):
        return False
    return any(known.id == version for known in one.secrets.versions(state.arn))


# carry on


def _advance(one: Pass, endpoint: Endpoint | None, state: SecretState, progress: InProgress) -> Result[Current]:
    """The next step of a rotation under way, from the labels and the database alone."""
    ours, current = progress.version_id, state.current or ""
    if ours == current or (ours != state.pending and dual.is_more_than_primary(state, ours)):
        return _succeeded(one, state, progress, current)
    if endpoint is None:
        return waits("the rotation goes on when the database's endpoint is known", value=Current(current))
    value = one.secrets.value(state.arn, ours, PENDING) if state.pending == ours else None
    kind = rotation.classify(state, ours, has_value=value is not None, older=_is_overtaken(one, state, progress))
    if kind is PendingIs.OLD:
        step = next_step(Facts(kind, current_login=pending.login(one, endpoint, state, current)))
    else:
        tried = _try_pending(one, endpoint, Credential(ours, value)) if value else None
        step = next_step(Facts(kind, due=True, pending_login=tried))
    match step:
        case Step.CREATE | Step.PUT:
            return _change(one, endpoint, state, progress, None)
        case Step.SET | Step.FINISH if value is not None:
            return _change(one, endpoint, state, progress, Credential(ours, value), proven=step is Step.FINISH)
        case Step.TIDY:
            return _tidied(one, state, progress)
        case Step.FOREIGN:
            return report.abandoned(one, current, progress, state.pending or "")
        case _:
            raise Unavailable(
                Reason.UNAVAILABLE, f"the rotation waits: AWSPENDING is {kind}, and whether its password or AWSCURRENT's works is not known"
            )


def _try_pending(one: Pass, endpoint: Endpoint, new: Credential) -> Verdict:
    """Whether the password is set already.

    Where an administrator opens the session nobody logs in as the user between two passes, and refusals add up to a lock (SAFETY.md B4):
    what was refused once is tried again under the database's lock alone. PostgreSQL locks nobody out.
    """
    adds_up = endpoint.engine is not Engine.POSTGRES and one.spec.user.admin_secret_id is not None
    return one.world.logins.try_version(endpoint, new.version, new.username, new.password, again=not adds_up, hurried=True).verdict


def _is_overtaken(one: Pass, state: SecretState, progress: InProgress) -> bool:
    """AWSPENDING stands on a version from before AWSCURRENT: on another than ours, or somebody moved AWSCURRENT past ours."""
    if state.pending is None or (state.pending == progress.version_id and state.current == progress.started_from):
        return False
    return pending.is_old(one, state, state.pending)


def _tidied(one: Pass, state: SecretState, progress: InProgress) -> Result[Current]:
    current = state.current or ""
    one.secrets.take_off_pending(state.arn, state.pending or "")
    if state.pending == progress.version_id:
        text = f"AWSCURRENT moved on to version {current[:8]} during the rotation to {progress.version_id[:8]}, which is given up"
        return report.failed(one, current, progress, Reason.ROTATION_FAILED, text)
    return report.under_way(one, Current(current), progress, "AWSPENDING taken off an old version", wake=one.now)


def _change(
    one: Pass, endpoint: Endpoint, state: SecretState, progress: InProgress, new: Credential | None, *, proven: bool = False
) -> Result[Current]:
    """SET or FINISH, under the database's lock; and CREATE before it where the version does not exist yet."""
    current = state.current or ""
    value = one.secrets.value(state.arn, current, CURRENT)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS does not show AWSCURRENT's value; looking again")
    old = Credential(current, value)
    strategy, create = _strategy(Turn(one, endpoint, state, old, progress)), new is None
    finishes = proven and strategy.trusts_login
    try:
        new = new or Credential(progress.version_id, strategy.new_value())
        change = Change(one.secrets, one.world.logins, endpoint, state.arn, one.world.owner(one.key), old, new, create)
        ended = finish_proven(change) if finishes else _set(one, change, strategy.way(new))
    except Refused as refused:
        definite = create or (not finishes and _long_refused(one, progress) and not _is_set(one, endpoint, new))
        ended = Ended(End.FAILED if definite else End.LATER, refused.reason, refused.message)
    return _conclude(one, state, progress, new, ended)


def _strategy(turn: Turn) -> Strategy:
    """The one in force; a new endpoint changes no password, whatever the strategy, and who is home has no other user to go to."""
    if turn.progress.cause == Kind.ENDPOINT or leave.is_home(turn.one, turn.old.username):
        return SingleUser(turn)
    if is_alternating(turn.one.spec):
        return AlternatingUsers(turn)
    return DualPassword(turn) if dual.is_dual(turn.one.spec) else SingleUser(turn)


def _long_refused(one: Pass, progress: InProgress) -> bool:
    """A version of an earlier pass is given up on the second no: a dead client's change may still be on its way (SAFETY.md A3)."""
    return one.world.ages.older_than(f"refused {progress.version_id}", one.key, LATE, one.now)


def _is_set(one: Pass, endpoint: Endpoint, new: Credential | None) -> bool:
    """Whether the password got in after all: asked once more before a version is given up."""
    if new is None:
        return False
    tried = one.world.logins.try_version(endpoint, new.version, new.username, new.password, again=True)
    return tried.verdict.proves


def _set(one: Pass, change: Change, way: Way) -> Ended:
    try:
        return set_and_finish(change, way)
    except LoginRefused as refused:
        if way.opener.admin:
            raise admin_refused(one, refused) from None
        return Ended(End.LATER, refused.reason, refused.message)
    except Refused as no:  # before any change
        instead = by_administrator(one, change.endpoint, way, no)
        if instead is None:
            raise
        return _set(one, change, instead)


def _conclude(one: Pass, state: SecretState, progress: InProgress, new: Credential | None, ended: Ended) -> Result[Current]:
    if ended.end is End.MOVED:
        return _succeeded(one, state, progress, progress.version_id, None if ended.restricted else new)
    if ended.end is End.LATER and one.world.ages.known(f"refused {progress.version_id}", one.key):
        return report.under_way(one, Current(state.current or ""), progress, ended.text, wake=one.now + LATE)
    if ended.end is End.LATER:
        reason = Reason.ACCESS_DENIED if ended.reason is Reason.ACCESS_DENIED else Reason.UNAVAILABLE
        raise Unavailable(reason, f"the rotation to {progress.version_id[:8]} goes on: {ended.text}")
    text = ended.text if ended.end is End.FAILED else f"version {progress.version_id[:8]} was tried before"
    _take_off_if_possible(one, state.arn, progress.version_id)
    return report.failed(one, state.current or "", progress, ended.reason if ended.end is End.FAILED else Reason.ROTATION_FAILED, text)


def _take_off_if_possible(one: Pass, arn: str, version: str) -> None:
    """AWSPENDING off a version that is done with; where AWS does not do it now, the idle pass does: nothing else waits for it."""
    with contextlib.suppress(Problem):
        now = one.secrets.describe(arn)
        if now is not None and now.pending == version:
            one.secrets.take_off_pending(arn, version)


def _succeeded(one: Pass, state: SecretState, progress: InProgress, current: str, new: Credential | None = None) -> Result[Current]:
    """AWSCURRENT has moved. AWSPENDING comes off now, or in a later pass: it harms nobody there. new: it logged in during this pass."""
    _take_off_if_possible(one, state.arn, progress.version_id)
    return leave.still(one, report.succeeded(one, Current(current, new, one.clock()), progress), wake=one.now)
