"""Strategy SingleUser: one user whose password is replaced, by the user itself or by an administrator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rotated_rds.acts.admin import Opener, administrator
from rotated_rds.acts.view import Pass
from rotated_rds.acts.way import Scope, Turn, Way, require_other
from rotated_rds.clients.databases import Session
from rotated_rds.model.credential import Credential, SecretValue, generate
from rotated_rds.model.database import Endpoint, Engine, Login, Verdict
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.rotation import Kind


@dataclass(frozen=True)
class SingleUser:
    """A `way.Strategy`; of any strategy's resource, too, where only the endpoint changes."""

    turn: Turn
    trusts_login = True

    def new_value(self) -> SecretValue:
        turn = self.turn
        if turn.progress.cause == Kind.ENDPOINT:
            return turn.old.value.at(turn.endpoint)
        return turn.old.value.with_password(generate(turn.one.spec.rotation.password.rules))

    def way(self, new: Credential) -> "SinglePassword":
        return SinglePassword(self.turn.old, new, opener(self.turn))


@dataclass(frozen=True)
class SinglePassword:
    """A `way.Way`."""

    old: Credential
    new: Credential
    opener: Opener

    @property
    def lock(self) -> str:
        return self.new.username

    def check(self, session: Session) -> None:
        require_other(self.opener, self.new)
        session.check(self.new.username)

    def prepare(self, session: Session) -> None:
        """Nothing but the password."""

    def set(self, session: Session) -> None:
        session.set_password(self.new.username, self.new.password, None if self.opener.admin else self.opener.password)

    def announce(self) -> None:
        """AWSCURRENT says it all."""

    def put_back(self, session: Session) -> str:
        """The password that opened the session, or AWSCURRENT's where an administrator opened it."""
        before = self.old.password if self.opener.admin else self.opener.password
        session.set_password(self.new.username, before, None if self.opener.admin else self.new.password)
        return self.old.version

    def objection(self, login: Login) -> Refused | None:  # noqa: ARG002  a login that proves the password is all
        return None


def opener(turn: Turn) -> Opener:
    """AWSCURRENT itself; an administrator where all host masks must change together (C5), or where nothing else logs in (E3).

    Raises Refused, Unavailable.
    """
    one, endpoint, old = turn.one, turn.endpoint, turn.old
    admin = one.spec.user.admin_secret_id
    if admin and endpoint.engine is not Engine.POSTGRES:
        return administrator(one, endpoint, old.username)
    tried = one.world.logins.try_version(endpoint, old.version, old.username, old.password)
    if tried.verdict is not Verdict.REFUSED:
        return Opener(old.username, old.password, version=old.version)
    if turn.progress.cause in (Kind.REQUEST, Kind.FORCED):
        if (other := working_version(turn.scope)) is not None and other.username == old.username:
            return Opener(other.username, other.password, version=other.version)
        if admin:
            return administrator(one, endpoint, old.username)
    raise current_refused(turn, tried)


def by_administrator(one: Pass, endpoint: Endpoint, way: Way, no: Refused) -> Way | None:
    """The same change by the administrator that the spec names, where the user may not change its own password; None: nobody else may.

    Raises Refused, Unavailable.
    """
    if no.reason is not Reason.PASSWORD_RESTRICTED or not isinstance(way, SinglePassword):
        return None
    if way.opener.admin or not one.spec.user.admin_secret_id:
        return None
    return replace(way, opener=administrator(one, endpoint, way.new.username))


def current_refused(turn: Turn, tried: Login) -> Refused:
    """AWSCURRENT is dead, and nobody asked to go on without it (SAFETY.md E3)."""
    return Refused(
        Reason.LOGIN_FAILED,
        f"AWSCURRENT {turn.old.version[:8]} is refused by {turn.endpoint.address} ({tried.code}), so it "
        "cannot change its own password; see CredentialVerified",
    )


def working_version(scope: Scope) -> Credential | None:
    """Another labelled version that logs in, perhaps as another user: AWSPREVIOUS, or a pending one (SAFETY.md E3)."""
    secrets, state = scope.secrets, scope.state
    labelled: Sequence[str | None] = (state.previous, state.pending)
    for version in labelled:
        value = secrets.value(state.arn, version) if version and version != state.current else None
        if version and value and scope.logins.try_version(scope.endpoint, version, value.username, value.password).verdict is Verdict.OK:
            return Credential(version, value)
    return None
