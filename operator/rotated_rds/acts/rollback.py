"""Back to the credential before, on request or after a failed rollout (SAFETY.md D5)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rotated_rds.acts import report_rollback as report
from rotated_rds.acts.admin import Opener, locked
from rotated_rds.acts.view import Pass
from rotated_rds.clients.databases import LoginRefused
from rotated_rds.model import rollback as rules
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint, Verdict
from rotated_rds.model.dual import PRIMARY, is_dual
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.rollback import NothingBefore
from rotated_rds.model.secret import CURRENT, PREVIOUS, SecretState
from rotated_rds.model.status import Result
from rotated_rds.model.verified import Current

_AGAIN = timedelta(minutes=5)


def run(one: Pass, endpoint: Endpoint, state: SecretState) -> Result[Current] | None:
    """Go back if somebody asks for it, or a failed rollout does. None: nobody does, or it cannot be and something else was asked for."""
    failed = rules.failed_rollout(one.spec, one.before)
    if rules.unfit(one.spec) is not None or one.resource.deleting or not (one.asks("rollback") or failed):
        return None
    why = "on request" if one.asks("rollback") or failed is None else f"as the rollout of {failed.kind}/{failed.name} failed"
    try:
        return _run(one, endpoint, state, why)
    except Refused as no:
        if one.asks("rollback"):
            return report.refused(one, state.current or "", no)
        return None if one.request else report.not_carried_out(one, state.current or "", no, why, wake=one.now + _AGAIN)


def _run(one: Pass, endpoint: Endpoint, state: SecretState, why: str) -> Result[Current]:
    made = _made(one, state)
    if rules.carried_out(state, one.before, made):
        return report.carried_out(one, Current(state.current or "", moved_at=one.now), one.before.version_id or "", why)
    if not rules.is_older(state.previous, state.current, made):
        raise NothingBefore(rules.no_older(state))
    current, previous = _credential(one, state, CURRENT), _credential(one, state, PREVIOUS)
    if (nothing := rules.nothing(one.spec.rotation.strategy, current, previous)) is not None:
        raise NothingBefore(nothing)
    _back(one, endpoint, state, current, previous)
    return report.carried_out(one, Current(previous.version, previous, one.clock()), current.version, why)


def _made(one: Pass, state: SecretState) -> Mapping[str, datetime]:
    return {known.id: known.created for known in one.secrets.versions(state.arn)}


def _credential(one: Pass, state: SecretState, label: str) -> Credential:
    version = state.holder(label) or ""
    value = one.secrets.value(state.arn, version, label)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS does not show {label}'s value; looking again")
    return Credential(version, value)


def _back(one: Pass, endpoint: Endpoint, state: SecretState, current: Credential, previous: Credential) -> None:
    """Log in with it, and under the database's lock move AWSCURRENT, if everything still stands as it did."""
    login = one.world.logins.try_version(endpoint, previous.version, previous.username, previous.password)
    if login.verdict is Verdict.REFUSED or login.verdict.proves is not (login.verdict is Verdict.OK):
        raise Refused(Reason.LOGIN_FAILED, f"AWSPREVIOUS {previous.version[:8]} does not get in at {endpoint.address} ({login.code})")
    if login.verdict is not Verdict.OK:
        raise Unavailable(Reason.UNAVAILABLE, f"AWSPREVIOUS {previous.version[:8]} could not be tried ({login.verdict} {login.code})")
    try:
        opener = Opener(previous.username, previous.password)
        with locked(one.secrets, endpoint, opener, one.spec.user.name or previous.username) as session:
            seen = one.secrets.describe(state.arn)
            if seen is None or seen.owner != one.world.owner(one.key) or seen.versions != state.versions or not session.writer:
                raise Unavailable(Reason.UNAVAILABLE, "somebody else moved the secret's labels during the rollback; looking again")
            _move(one, seen, current, previous)
    except LoginRefused as no:
        raise Unavailable(Reason.UNAVAILABLE, no.message) from None


def _move(one: Pass, seen: SecretState, current: Credential, previous: Credential) -> None:
    """AWSCURRENT becomes the second password: AWS is told before that the other one is the primary (D2)."""
    if is_dual(one.spec) and seen.holder(PRIMARY) is None:
        one.secrets.move_label(seen.arn, PRIMARY, to=current.version, from_=None)
    try:
        one.secrets.move_current(seen.arn, to=previous.version, from_=current.version)
    except Refused:
        after = one.secrets.describe(seen.arn)
        if after is None or after.current != previous.version:
            raise
