"""Strategy DualPassword: the new password is set beside AWSCURRENT's, which goes on to log in (SAFETY.md D2)."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from rotated_rds.acts.admin import Opener
from rotated_rds.acts.single import opener, working_version
from rotated_rds.acts.way import Scope, Turn, require_other
from rotated_rds.clients.databases import Session, TwoPasswords
from rotated_rds.model import dual
from rotated_rds.model.credential import Credential, SecretValue, generate
from rotated_rds.model.database import Engine, Login, Verdict
from rotated_rds.model.dual import PRIMARY, How
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import SecretState


@dataclass(frozen=True)
class DualPassword:
    """A `way.Strategy`."""

    turn: Turn
    trusts_login = False  # AWS is to be told which password is the primary now

    def new_value(self) -> SecretValue:
        return self.turn.old.value.with_password(generate(self.turn.one.spec.rotation.password.rules))

    def way(self, new: Credential) -> "Beside":
        return Beside(self.turn.scope, new, self._opener(new))

    def _opener(self, new: Credential) -> Opener:
        """As with one password; the new one itself where it is set already and AWSCURRENT's is gone."""
        turn = self.turn
        try:
            return opener(turn)
        except Refused as no:
            if no.reason is not Reason.LOGIN_FAILED or turn.state.pending != new.version:
                raise
            login = turn.one.world.logins.try_version(turn.endpoint, new.version, new.username, new.password)
            if login.verdict is not Verdict.OK:
                raise
            return Opener(new.username, new.password, version=new.version)


@dataclass
class Beside:
    """A `way.Way`. lived: AWSCURRENT logged in just before the change; seen: the labels inside the lock."""

    scope: Scope
    new: Credential
    opener: Opener
    lived: bool = field(default=False, init=False)
    seen: SecretState | None = field(default=None, init=False)

    @property
    def lock(self) -> str:
        return self.new.username

    def check(self, session: Session) -> None:
        require_other(self.opener, self.new)
        session.check(self.new.username)
        two(session).check_two(self.new.username)

    def prepare(self, session: Session) -> None:  # noqa: ARG002  what is to be known here, AWS knows
        self.seen = self.scope.secrets.describe(self.scope.state.arn)

    def set(self, session: Session) -> None:
        self.lived = self._lives()
        other, labelled = self._other_primary()
        login = self._try(labelled).verdict if labelled else None
        match dual.how(self.scope.endpoint.engine, other=other, login=login):
            case How.WAIT:
                raise Unavailable(Reason.UNREACHABLE, f"whether the primary password still logs in could not be found out ({login})")
            case How.PLAIN if labelled is not None and self._set_plain(session, labelled):
                pass
            case How.BESIDE if self._set_beside(session):
                pass
            case _:
                self._renew(session)
                two(session).set_beside(self.new.username, self.new.password, self._kept())

    def announce(self) -> None:
        """The new password is the primary from its change on; said before AWSCURRENT moves, so that it is known whatever happens then."""
        self._mark(self.new.version)

    def put_back(self, session: Session) -> str:
        """AWSCURRENT's password, which is the primary then; the one that opened the session where AWSCURRENT's did not log in."""
        old, own = self.scope.old, not self.opener.admin
        before = self.opener.password if own and not self.lived else old.password
        session.set_password(self.new.username, before, self.new.password if own else None)
        with contextlib.suppress(Problem):  # a label on a password that is gone is found out by its login
            self._mark(old.version)
        return old.version

    def objection(self, login: Login) -> Refused | None:
        """AWSCURRENT's password went with the change, though it should have stayed."""
        if not self.lived:
            return None
        old = self._try(self.scope.old)
        if old.verdict is not Verdict.REFUSED or old.address != login.address:
            return None
        return Refused(Reason.ROTATION_FAILED, f"the database let the new password in and AWSCURRENT's no more ({old.code})")

    def _lives(self) -> bool:
        old = self.scope.old
        return self.opener.version == old.version if not self.opener.admin else self._try(old).verdict.proves

    def _other_primary(self) -> tuple[bool, Credential | None]:
        """Whether another password than AWSCURRENT's is labelled as the primary; and what that version holds, if anything."""
        labelled = dual.other_primary(self._labels())
        value = self.scope.secrets.value(self.scope.state.arn, labelled) if labelled else None
        held = Credential(labelled, value) if labelled and value else None
        return labelled is not None and dual.is_other(held, self.scope.old), held

    def _labels(self) -> SecretState:
        if self.seen is None:
            raise Unavailable(Reason.UNAVAILABLE, "the secret vanished from AWS during the rotation")
        return self.seen

    def _set_plain(self, session: Session, primary: Credential) -> bool:
        """Change the primary alone. False where the server says that it is another one than the labelled."""
        replaced = None if self.opener.admin else primary.password
        return self._accepted(lambda: session.set_password(self.new.username, self.new.password, replaced))

    def _set_beside(self, session: Session) -> bool:
        """Keep AWSCURRENT's, which AWS is told before is the primary. False where the server says that it is not."""
        self._mark(self.scope.old.version)
        return self._accepted(lambda: two(session).set_beside(self.new.username, self.new.password, self._kept()))

    def _accepted(self, change: Callable[[], None]) -> bool:
        """For the user's own change MySQL itself compares the primary password with the one that is named (REPLACE)."""
        try:
            change()
        except Refused as no:
            if not self.opener.admin and no.reason is Reason.PASSWORD_RESTRICTED:
                return False
            raise
        return True

    def _renew(self, session: Session) -> None:
        """Make AWSCURRENT's own password the primary, whatever that was: it logs in before, after and meanwhile."""
        session.set_password(self.new.username, self.scope.old.password, None)
        self._mark(self.scope.old.version)

    def _mark(self, version: str) -> None:
        holder = self._labels().holder(PRIMARY)
        if holder != version:
            self.scope.secrets.move_label(self.scope.state.arn, PRIMARY, to=version, from_=holder)
            self.seen = self.scope.secrets.describe(self.scope.state.arn)

    def _kept(self) -> SecretStr:
        """What goes on to log in: AWSCURRENT; where nobody takes that any more, what opened the session or works beside it (E3)."""
        old, scope = self.scope.old, self.scope
        if not self.opener.admin:
            return self.opener.password
        if scope.endpoint.engine is Engine.MARIADB and not self.lived and (works := working_version(scope)):
            return works.password
        return old.password

    def _try(self, credential: Credential) -> Login:
        scope = self.scope
        return scope.logins.try_version(scope.endpoint, credential.version, credential.username, credential.password, again=True)


def two(session: Session) -> TwoPasswords:
    """The session of an engine that lets one user have two passwords. Raises Refused(UnsupportedStrategy)."""
    if not isinstance(session, TwoPasswords):
        raise Refused(
            Reason.UNSUPPORTED_STRATEGY,
            "spec.rotation.strategy: PostgreSQL keeps one password a user; set AlternatingUsers or SingleUser",
        )
    return session
