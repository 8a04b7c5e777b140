"""CredentialVerified: the version under AWSCURRENT → a credential that logged in."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from rotated_rds.acts import managed
from rotated_rds.acts.admin import Opener, administrator
from rotated_rds.acts.change import Change, End, repair
from rotated_rds.acts.single import working_version
from rotated_rds.acts.view import Pass
from rotated_rds.acts.way import Scope
from rotated_rds.clients.logins import QUEUED
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model import target
from rotated_rds.model.conditions import kept
from rotated_rds.model.credential import Credential, SecretValue
from rotated_rds.model.database import Endpoint, Login, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import Kind, Result, fails, holds, waits
from rotated_rds.model.verified import Current, Verified

TRY_EVERY = timedelta(hours=6)
RETRY_REFUSED = timedelta(minutes=5)
ROTATING = timedelta(minutes=15)  # how long a refusal may come from a rotation by somebody else (SAFETY.md B5)
SET_BY = timedelta(minutes=2)  # by then a function that AWS called has set its password, or failed before it
BEHIND = timedelta(minutes=2)  # how long a proxy may lag before a SingleUser password is published all the same (B1)


def run(one: Pass, endpoint: Endpoint, state: SecretState, current: Current) -> Result[Verified]:
    """Log in with AWSCURRENT, unless it is known to log in. Any move is followed once it does."""
    if current.proven is not None:
        return _at_target(one, endpoint, _verified(one, state, current, current.proven), current.proven)
    if (due := _next_try(one, current)) > one.now:
        version, reader = current.version, one.secrets
        return holds(
            Verified(version, lambda: _read(reader, state.arn, version), read=False, username=one.before.username),
            _text(one, one.before.username or "", endpoint),
            wake=due,
        )
    credential = _known_credential(one, current.version) or _read(one.secrets, state.arn, current.version)
    again = one.asks("sync", "rotate", "force-rotate") or managed.settled(one, state)
    login = one.world.logins.try_version(endpoint, credential.version, credential.username, credential.password, again=again)
    if login.verdict is Verdict.OK:
        return _at_target(one, endpoint, _verified(one, state, current, credential), credential)
    return _not_ok(one, endpoint, state, current, credential, login)


def _next_try(one: Pass, current: Current) -> datetime:
    """When this version is to be tried: now if it is new or in doubt, else every 6 h at a place of its own."""
    before = one.before
    last = before.database.last_verified if before.database else None
    if current.version != before.version_id or last is None or not one.settled(Kind.CREDENTIAL_VERIFIED) or one.asks("sync"):
        return one.now
    if current.pending_since is not None and last < current.pending_since + SET_BY <= one.now:
        return one.now
    jitter = int.from_bytes(hashlib.sha256(str(one.key).encode()).digest()[:4]) % 1800
    return last + TRY_EVERY + timedelta(seconds=jitter)


def _known_credential(one: Pass, version: str) -> Credential | None:
    """The Kubernetes Secret's own content, where it holds this version: without an AWS call (SAFETY.md B5)."""
    if version != one.before.version_id or not one.settled(Kind.MIRRORED):
        return None
    seen = one.world.kubernetes.secret(one.key.namespace, one.resource.target)
    if seen is None or not target.is_ours(seen, one.resource) or target.annotation(seen, target.VERSION_ID) != version:
        return None
    if target.drifted(seen, one.spec):  # somebody's own text is no word of AWSCURRENT
        return None
    user, password = target.text_of(seen, "username"), target.text_of(seen, "password")
    if not user or not password:
        return None
    return Credential(version, SecretValue.of(user, password))


def _read(secrets: SecretsManager, arn: str, version: str) -> Credential:
    value = secrets.value(arn, version)
    if value is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS does not show version {version[:8]}'s value yet; looking again")
    value.check()
    return Credential(version, value)


def _verified(one: Pass, state: SecretState, current: Current, credential: Credential) -> Verified:
    moved = current.moved_at or (one.noticed_at if credential.version != one.before.version_id else None)
    whole = credential if credential.value.complete else None
    reader, version = one.secrets, credential.version
    return Verified(
        version, lambda: whole or _read(reader, state.arn, version), read=whole is not None, username=credential.username, changed_at=moved
    )


def _text(one: Pass, user: str, endpoint: Endpoint) -> str:
    at = f" and at {front.address}" if (front := _front(one, endpoint)) else ""
    return f"{user} logs in to {endpoint.engine} at {endpoint.address}{at}"


# applications' own endpoint


def _front(one: Pass, endpoint: Endpoint) -> Endpoint | None:
    """What applications connect to, where that is not the database itself."""
    wanted = one.spec.target.endpoint
    if wanted is None:
        return None
    return replace(endpoint, host=wanted.host, port=wanted.port or endpoint.port, tls=replace(endpoint.tls, server_name=None))


def _at_target(one: Pass, endpoint: Endpoint, verified: Verified, credential: Credential) -> Result[Verified]:
    """What applications connect to must take the credential too, before it is published."""
    front, user = _front(one, endpoint), credential.username
    well = holds(verified, _text(one, user, endpoint), said={"last_verified": one.now})
    if front is None:
        return well
    again = one.asks("sync") or _second_try(one, verified.version)
    login = one.world.logins.try_version(front, credential.version, user, credential.password, again=again)
    if login.verdict is Verdict.OK:
        return well
    if login.code == QUEUED:
        return _queued(one, verified)
    text = f"{user} logs in to {endpoint.address}, not at spec.target.endpoint {front.address} ({login.verdict} {login.code})"
    return _behind(one, verified, text)


def _second_try(one: Pass, version: str) -> bool:
    """Once more after half of the wait, although it was refused: more could lock the user out (SAFETY.md B4)."""
    ages = one.world.ages
    tried, again = f"behind {version}", f"behind {version} again"
    if not ages.known(tried, one.key) or ages.known(again, one.key) or not ages.older_than(tried, one.key, BEHIND / 2, one.now):
        return False
    ages.note(again, one.key, one.now)
    return True


def _behind(one: Pass, verified: Verified, text: str) -> Result[Verified]:
    """Published already: kept. A new version after 2 minutes all the same, where the old password is gone (SingleUser).

    A new endpoint not before it takes the credential.
    """
    wake, new = one.now + timedelta(seconds=5), verified.version != one.before.version_id
    gone = new and not one.spec.rotation.strategy.keeps_the_old
    if not new and one.settled(Kind.MIRRORED):
        return fails(Reason.ENDPOINT_BEHIND, f"{text}; tried again", value=verified, wake=one.now + timedelta(seconds=30))
    if one.world.ages.older_than(f"behind {verified.version}", one.key, BEHIND, one.now) and gone:
        return fails(
            Reason.ENDPOINT_BEHIND, f"{text}; published all the same after 2 min, as the old password is gone", value=verified, wake=wake
        )
    return fails(Reason.ENDPOINT_BEHIND, f"{text}; not published yet, tried again", wake=wake)


# it did not log in


_RESTRICTED = (Verdict.PROVEN, Verdict.EXPIRED, Verdict.LOCKED_RIGHT, Verdict.LOCKED)


def _not_ok(one: Pass, endpoint: Endpoint, state: SecretState, current: Current, credential: Credential, login: Login) -> Result[Verified]:
    """Why it is not published. What is published already stays, and is kept as it stands: nothing of a new spec is written into it."""
    stands = credential.version == one.before.version_id and one.settled(Kind.MIRRORED)
    published = _verified(one, state, current, credential) if stands else None
    what = f"{credential.username} at {endpoint.address}"
    code = f" ({login.code})" if login.code else ""
    if login.verdict is Verdict.REFUSED:
        return _refused(one, endpoint, state, current, credential, login)
    if login.code == QUEUED:
        return _queued(one, published)
    if login.verdict in _RESTRICTED:
        text = (
            f"{what}: the account cannot be used ({login.verdict}{code}): mend it in the database "
            "(a lock, an expiry, CONNECT, its connection limit)"
        )
        return fails(Reason.LOGIN_RESTRICTED, text, value=published, wake=one.now + RETRY_REFUSED)
    if login.verdict is Verdict.TLS:
        return fails(
            Reason.TLS_FAILED,
            f"{what}: TLS failed{code}: give its CA in spec.database.tls.caConfigMapRef, or its name in spec.database.tls.serverName",
            value=published,
        )
    if login.verdict is Verdict.BUSY:
        return fails(Reason.SERVER_BUSY, f"{what}: the server has no room for a login{code}; tried again", value=published)
    text = (
        f"{what} cannot be reached ({login.verdict}{code}): open the way from the operator to it (security group, host, port); tried again"
    )
    if one.spec.database.unreachable_policy == "Publish" and login.verdict is Verdict.UNREACHABLE and not _ours(one, credential.version):
        published = _verified(one, state, current, credential)
        return waits(
            f"{text}; published untried (spec.database.unreachablePolicy: Publish)",
            value=published,
            reason=Reason.UNREACHABLE,
            wake=one.now + timedelta(minutes=1),
        )
    return fails(Reason.UNREACHABLE, text, value=published)


def _queued(one: Pass, verified: Verified | None) -> Result[Verified]:
    """Other logins are under way: that says nothing of this one. What is published keeps its word; what is new waits for its own."""
    known, wake = one.before.condition(Kind.CREDENTIAL_VERIFIED), one.now + timedelta(seconds=1)
    if verified is None or known is None or verified.version != one.before.version_id:
        return waits("waits for its turn to log in", wake=wake)
    return Result(verified, kept(known), wake)


def _ours(one: Pass, version: str) -> bool:
    """A version of our own rotation is never published untried (SAFETY.md C2)."""
    return any(line.version_id == version for line in one.before.history) or (
        one.spec.method is Method.OPERATOR and one.before.rotation.in_progress is not None
    )


def _refused(one: Pass, endpoint: Endpoint, state: SecretState, current: Current, credential: Credential, login: Login) -> Result[Verified]:
    """SAFETY.md E3: which version works, and what was asked for in that case."""
    fresh = one.secrets.describe(state.arn) or state
    what = f"AWSCURRENT {credential.version[:8]} of {credential.username} is refused by {endpoint.address} ({login.code})"
    if _rotating(one, fresh, current):
        return fails(Reason.RECONCILING, f"{what} while a rotation is under way; looking again", wake=one.now + timedelta(seconds=5))
    other = working_version(Scope(one.secrets, one.world.logins, endpoint, fresh, credential))
    if one.spec.user.on_refused == "Repair" and one.spec.method is Method.OPERATOR:
        return _repair(one, endpoint, fresh, current, credential, other)
    works = f"version {other.version[:8]} logs in" if other else "no other version logs in"
    return fails(Reason.LOGIN_FAILED, f"{what}; {works}. {_mend(one, other)}", wake=one.now + RETRY_REFUSED)


def _mend(one: Pass, other: Credential | None) -> str:
    """What may help, by who rotates."""
    if one.spec.method is Method.OPERATOR:
        return "Set the password back in the database, annotate rotated-rds.io/rotate for a new one, or set spec.user.onRefused: Repair"
    if one.spec.method is Method.RDS_MANAGED:
        return "Annotate rotated-rds.io/rotate: RDS then sets a new one"
    move = ", or move AWSCURRENT to the version that logs in (update-secret-version-stage)" if other else ""
    return f"Set AWSCURRENT's password in the database{move}"


def _rotating(one: Pass, state: SecretState, current: Current) -> bool:
    """AWSPENDING newer than AWSCURRENT and younger than 15 min: somebody's function is between set and finish (SAFETY.md B5)."""
    if one.spec.method is Method.RDS_MANAGED:
        return managed.in_between(one, state, current.version)
    if current.pending_since is not None and one.now - current.pending_since < ROTATING:
        return True
    if state.pending is None or state.pending == state.current:
        return False
    made = {known.id: known.created for known in one.secrets.versions(state.arn)}
    pending, now = made.get(state.pending), made.get(state.current or "")
    return pending is None or (now is not None and now < pending and one.now - pending < ROTATING)


def _repair(
    one: Pass, endpoint: Endpoint, state: SecretState, current: Current, credential: Credential, other: Credential | None
) -> Result[Verified]:
    """Put AWSCURRENT's own password back: no new version, no restart."""
    if other is not None and other.username == credential.username:
        opener = Opener(other.username, other.password, version=other.version)
    elif one.spec.user.admin_secret_id:
        opener = administrator(one, endpoint, credential.username)
    else:
        raise Refused(
            Reason.LOGIN_FAILED,
            f"AWSCURRENT {credential.version[:8]} is refused by {endpoint.address}, and nothing "
            "logs in to repair it: give spec.user.adminSecretId",
        )
    change = Change(one.secrets, one.world.logins, endpoint, state.arn, one.world.owner(one.key), credential, credential)
    try:
        ended = repair(change, opener)
    except Problem as problem:
        return fails(
            Reason.LOGIN_FAILED,
            f"AWSCURRENT {credential.version[:8]} is refused, and the repair failed: {problem.message}",
            wake=one.now + RETRY_REFUSED,
        )
    if ended.end is End.MOVED:
        return _at_target(one, endpoint, _verified(one, state, current, credential), credential)
    return fails(Reason.LOGIN_FAILED, ended.text, wake=one.now + RETRY_REFUSED)
