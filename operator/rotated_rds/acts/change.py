"""One password's change: under the database's own lock, tried, finished in AWS, or undone."""

from dataclasses import dataclass, replace
from enum import StrEnum

from rotated_rds.acts.admin import Opener, locked
from rotated_rds.acts.way import Way, require_writer
from rotated_rds.clients.aws import WrongState
from rotated_rds.clients.databases import LostAnswer, Session
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.credential import Credential
from rotated_rds.model.database import Endpoint, Login, Verdict
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.secret import PENDING, SecretState


class End(StrEnum):
    MOVED = "moved"  # AWSCURRENT stands on the new version, which logs in
    FAILED = "failed"  # a definite no: nothing changed, or it was put back
    KNOWN = "known"  # this version id holds a value already, without a label
    LATER = "later"  # nobody knows yet: look again


@dataclass(frozen=True)
class Ended:
    """How a change ended. text: why, for FAILED and LATER, without any credential.

    restricted: MOVED, but the login that proved the new password got no further: it is not to be published by that (SAFETY.md B1).
    """

    end: End
    reason: Reason = Reason.SUCCEEDED
    text: str = ""
    restricted: bool = False


@dataclass(frozen=True)
class Change:
    """What is to become of one user: from the version AWSCURRENT to the version AWSPENDING.

    old: AWSCURRENT's credential. create: the new version is stored under the lock too, so that two actors cannot both do it,
    and so that no login is tried with it before its first change (SAFETY.md B4).
    moves: whether AWSCURRENT moves before the session ends; a rotation function's finishSecret does that later (SAFETY.md C4).
    """

    secrets: SecretsManager
    logins: Logins
    endpoint: Endpoint
    arn: str
    owner: str
    old: Credential
    new: Credential
    create: bool = False
    moves: bool = True

    @property
    def changes_password(self) -> bool:
        """False for a new endpoint, which keeps the password (SAFETY.md E5)."""
        return self.new.password != self.old.password


def set_and_finish(change: Change, way: Way) -> Ended:
    """Store the new password, set it, log in with it, move AWSCURRENT; put the old one back on a definite no (SAFETY.md A3, C1, C2).

    The session stays open from before the change until AWSCURRENT has moved. Raises Refused before any change, Unavailable.
    """
    with locked(change.secrets, change.endpoint, way.opener, way.lock) as session:
        if (moved := _moved_meanwhile(change)) is not None:
            return moved
        require_writer(session, change.endpoint)
        return _store_and_set(change, session, way) if change.create else set_again(change, session, way)


def _store_and_set(change: Change, session: Session, way: Way) -> Ended:
    way.check(session)
    if (known := _store(change)) is not None:
        return known
    way.prepare(session)
    return _set(change, session, way) if change.changes_password else _finish(change, session, way)


def _store(change: Change) -> Ended | None:
    """PutSecretValue, then read it back as exactly this version under AWSPENDING (SAFETY.md C1)."""
    if not change.secrets.put_pending(change.arn, change.new.version, change.new.value):
        return _stored_before(change)
    stored = change.secrets.value(change.arn, change.new.version, PENDING)
    if stored is None or stored.password != change.new.password:
        return Ended(End.LATER, Reason.UNAVAILABLE, "AWS does not show the new version yet; looking again")
    return None


def _stored_before(change: Change) -> Ended:
    """The version exists: an answer was lost, or AWS's list is behind. Under AWSPENDING the next pass goes on with it (SAFETY.md A1)."""
    try:
        stored = change.secrets.value(change.arn, change.new.version, PENDING)
    except WrongState:
        stored = None
    if stored is None:
        return Ended(End.KNOWN)
    return Ended(End.LATER, Reason.UNAVAILABLE, "the new version was stored before; going on with it")


def set_again(change: Change, session: Session, way: Way) -> Ended:
    """A version of an earlier pass: somebody may have set it already; only where it is refused it is set."""
    way.prepare(session)
    tried = _try_new(change)
    if tried.verdict.proves and way.objection(tried) is None:
        return replace(_finish(change, session, way), restricted=tried.verdict is not Verdict.OK)
    if not tried.verdict.proves and (unclear := _unclear(tried, session)) is not None:
        return unclear
    way.check(session)
    return _set(change, session, way) if change.changes_password else _finish(change, session, way)


def _set(change: Change, session: Session, way: Way) -> Ended:
    try:
        way.set(session)
    except LostAnswer as lost:
        change.logins.forget(change.new.version)  # it may be set now
        return Ended(End.LATER, Reason.UNREACHABLE, lost.message)
    except Refused as no:
        return Ended(End.FAILED, no.reason, no.message)
    change.logins.forget(change.new.version)
    tried = _try_new(change)
    if tried.verdict.proves and (wrong := way.objection(tried)) is not None:
        return _put_back(change, session, way, wrong.reason, f"{wrong.message}; the old password was put back")
    if tried.verdict.proves:
        return replace(_finish(change, session, way), restricted=tried.verdict is not Verdict.OK)
    if (unclear := _unclear(tried, session)) is not None:
        return unclear
    text = f"the database accepted the new password but refused its login ({tried.code}); the old one was put back"
    return _put_back(change, session, way, Reason.ROTATION_FAILED, text)


def _try_new(change: Change) -> Login:
    return change.logins.try_version(change.endpoint, change.new.version, change.new.username, change.new.password, again=True)


def _unclear(tried: Login, session: Session) -> Ended | None:
    """A refusal counts only from the node whose writer we speak to: after a failover an old one refuses what is right (SAFETY.md B2)."""
    if tried.verdict is not Verdict.REFUSED:
        return Ended(End.LATER, Reason.UNREACHABLE, f"the new password could not be tried ({tried.verdict} {tried.code})")
    if tried.address != session.address:
        return Ended(End.LATER, Reason.UNREACHABLE, f"another node, {tried.address}, refused the new password; looking again")
    return None


def _put_back(change: Change, session: Session, way: Way, reason: Reason, text: str) -> Ended:
    try:
        restored = way.put_back(session)
    except (LostAnswer, Refused) as failed:
        return Ended(End.LATER, reason, f"{text}; putting it back failed: {failed.message}")
    change.logins.forget(restored)
    return Ended(End.FAILED, reason, text)


def finish_proven(change: Change) -> Ended:
    """AWSPENDING logs in already: under the lock look again, then move AWSCURRENT (SAFETY.md A3: not by a login alone)."""
    new = change.new
    with locked(change.secrets, change.endpoint, Opener(new.username, new.password), new.username):
        return _moved_meanwhile(change) or _finish(change, None, None)


def _moved_meanwhile(change: Change) -> Ended | None:
    """Labels and owner, read again inside the lock."""
    try:
        state = change.secrets.describe(change.arn)
    except Refused as no:
        return Ended(End.LATER, no.reason, no.message)
    if state is None or state.deleted_at:
        return Ended(End.LATER, Reason.UNAVAILABLE, "the secret vanished from AWS during the rotation")
    if state.owner != change.owner or state.current != change.old.version or not _pending_as_expected(change, state):
        return Ended(End.LATER, Reason.UNAVAILABLE, "somebody else moved the secret's labels during the rotation; looking again")
    return None


def _pending_as_expected(change: Change, state: SecretState) -> bool:
    return state.pending == change.new.version or (change.create and state.pending is None)


def _finish(change: Change, session: Session | None, way: Way | None) -> Ended:
    """Move AWSCURRENT. Without the session that made the change there is nothing to put back: the next pass tries again."""
    try:
        if way is not None:
            way.announce()
        if change.moves:
            change.secrets.move_current(change.arn, to=change.new.version, from_=change.old.version)
    except Refused as no:
        return _not_moved(change, session, way, no)
    return Ended(End.MOVED)


def _not_moved(change: Change, session: Session | None, way: Way | None, no: Refused) -> Ended:
    """AWS refused: undone only where AWS also shows that the label has not moved (SAFETY.md C2)."""
    try:
        state = change.secrets.describe(change.arn)
    except Refused:
        state = None
    if state is not None and state.current == change.new.version:
        return Ended(End.MOVED)
    if session is None or way is None or state is None or state.current != change.old.version:
        return Ended(End.LATER, no.reason, no.message)
    return _put_back(change, session, way, no.reason, f"{no.message}; the old password was put back")


def repair(change: Change, opener: Opener) -> Ended:
    """Put AWSCURRENT's own password back into the database: no new version, no restart (SAFETY.md E3).

    `new` and `old` are the same version here.
    """
    user = change.new.username
    with locked(change.secrets, change.endpoint, opener, user) as session:
        state = change.secrets.describe(change.arn)
        if state is None or state.owner != change.owner or state.current != change.new.version:
            return Ended(End.LATER, Reason.UNAVAILABLE, "somebody else moved the secret's labels; looking again")
        require_writer(session, change.endpoint, "the repair")
        session.check(user)
        session.set_password(user, change.new.password, None if opener.admin else opener.password)
        change.logins.forget(change.new.version)
        tried = change.logins.try_version(change.endpoint, change.new.version, user, change.new.password, again=True)
        if tried.verdict.proves:
            return Ended(End.MOVED)
        return Ended(End.FAILED, Reason.LOGIN_FAILED, f"AWSCURRENT's password was put back, and is refused all the same ({tried.code})")
