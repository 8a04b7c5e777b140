"""Strategy AlternatingUsers: the other one of two equal users gets a new password; the one in use is left as it is (SAFETY.md D1)."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import SecretStr

from rotated_rds.acts.admin import Opener, administrator
from rotated_rds.acts.single import current_refused
from rotated_rds.acts.way import Scope, Turn
from rotated_rds.clients.databases import Session
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model import alternating
from rotated_rds.model.alternating import Pair
from rotated_rds.model.credential import Credential, PasswordRules, SecretValue, generate
from rotated_rds.model.database import Login, Verdict
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.rotation import Kind
from rotated_rds.model.secret import SecretState


@dataclass(frozen=True)
class AlternatingUsers:
    """A `way.Strategy`. A working login proves nothing of grants, roles and settings: every attempt compares them."""

    turn: Turn
    trusts_login = False

    @cached_property
    def pair(self) -> Pair:
        return Pair.of(self.turn.one.spec)

    @cached_property
    def admin(self) -> Opener:
        return administrator(self.turn.one, self.turn.endpoint, self.pair.base)

    def new_value(self) -> SecretValue:
        old, rules = self.turn.old, self.turn.one.spec.rotation.password.rules
        return old.value.of_user(self.pair.other(old.username), generate(rules), master=self.admin.arn)

    def way(self, new: Credential) -> "OtherUser":
        one = self.turn.one
        if self.pair.other(self.turn.old.username) != new.username:
            raise Refused(Reason.USER_MISMATCH, f"version {new.version[:8]} is of user {new.username!r}, whose turn it is not")
        one.permit.check_user(new.username)
        self._require_current()
        return OtherUser(self.turn.scope, self.pair, new, self.admin, one.spec.rotation.password.rules)

    def _require_current(self) -> None:
        """A dead AWSCURRENT is for a person to see; whoever asks for a rotation wants one all the same (SAFETY.md E3)."""
        turn, old = self.turn, self.turn.old
        tried = turn.one.world.logins.try_version(turn.endpoint, old.version, old.username, old.password)
        if tried.verdict is Verdict.REFUSED and turn.progress.cause not in (Kind.REQUEST, Kind.FORCED):
            raise current_refused(turn, tried)


@dataclass(frozen=True)
class OtherUser:
    """A `way.Way`: always in the administrator's session. new: of the user whose turn it is; rules: of a password that nobody knows."""

    scope: Scope
    pair: Pair
    new: Credential
    opener: Opener
    rules: PasswordRules

    @property
    def lock(self) -> str:
        """The base user's, whoever's turn it is: the two are one thing to change."""
        return self.pair.base

    def check(self, session: Session) -> None:
        pair, clone = self.pair, self.pair.clone
        session.check(pair.base)
        if session.user_exists(clone):
            if self._of(clone) is None:
                raise Refused(
                    Reason.CLONE_CONFLICT,
                    f"the database has a user {clone!r} that no version of this secret names, so it may be somebody's: drop or rename it "
                    "(AWS forgets a version after a hundred newer ones: where a rotation made this user so long ago, nobody uses it), "
                    "or store its credential as a version of the secret",
                )
            self._check_clone(session)
        both = session.pair(pair)
        both.check()
        if self.new.username == pair.base and (no := self._lost(session)) is not None:
            raise no

    def _check_clone(self, session: Session) -> None:
        """A clone whose turn it is may be locked, as it was when the strategy was left: it is made like the base (SAFETY.md E4)."""
        try:
            session.check(self.pair.clone)
        except Refused as no:
            locked = no.reason is Reason.ACCOUNT_UNUSABLE and session.pair(self.pair).is_locked()
            if not locked or self.new.username != self.pair.clone:
                raise

    def prepare(self, session: Session) -> None:
        self.check(session)
        pair, both = self.pair, session.pair(self.pair)
        both.make_ready(self.new.username)
        if self.new.username == pair.clone:
            no = alternating.not_carried_over(pair, both.traits(pair.base), both.traits(pair.clone))
        else:
            no = self._lost(session)
        if no is not None:
            raise no

    def set(self, session: Session) -> None:
        session.set_password(self.new.username, self.new.password, None)

    def announce(self) -> None:
        """AWSCURRENT says it all."""

    def put_back(self, session: Session) -> str:
        """What the last version of this user holds; for a user that had none, a password that nobody knows."""
        before = self._of(self.new.username, but=self.new.version)
        password: SecretStr = before.password if before else generate(self.rules)
        session.set_password(self.new.username, password, None)
        return before.version if before else self.new.version

    def objection(self, login: Login) -> Refused | None:
        return alternating.objection(self.pair, self.new.username, login)

    def _lost(self, session: Session) -> Refused | None:
        pair, both = self.pair, session.pair(self.pair)
        return alternating.would_be_lost(pair, pair.clone, both.traits(pair.clone), both.traits(pair.base))

    def _of(self, user: str, *, but: str | None = None) -> Credential | None:
        """The newest version of this secret that names a user."""
        return newest_of(self.scope.secrets, self.scope.state, user, but)


def newest_of(secrets: SecretsManager, state: SecretState, user: str, but: str | None = None) -> Credential | None:
    """The newest version that names a user, labelled or not: AWSPREVIOUS is looked at first, as it most often is. but: not this one."""
    made = sorted(secrets.versions(state.arn), key=lambda one: (one.id == state.previous, one.created), reverse=True)
    for version in (one.id for one in made if one.id != but):
        try:
            value = secrets.value(state.arn, version)
        except Refused as no:
            if no.reason is not Reason.MALFORMED_SECRET:
                raise
            continue
        if value is not None and value.username == user:
            return Credential(version, value)
    return None
