"""Who opens the session in which a rotation function sets a password, and by which way: the strategies' own (acts/)."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

from pydantic import SecretStr

from rotated_rds.acts.admin import Opener, find_admin, locked, read_admin
from rotated_rds.acts.alternating import OtherUser
from rotated_rds.acts.dual import Beside
from rotated_rds.acts.single import SinglePassword
from rotated_rds.acts.way import Scope, Way, require_writer
from rotated_rds.clients.databases import LoginRefused, Session
from rotated_rds.lambda_function.rules import MASTER_FIELD, master_of, pair_of
from rotated_rds.model.credential import Credential, PasswordRules
from rotated_rds.model.database import Verdict
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, PENDING, PREVIOUS
from rotated_rds.model.spec import Strategy


@contextmanager
def opened(strategy: Strategy, scope: Scope, new: Credential, rules: PasswordRules) -> Generator[tuple[Session, Way]]:
    """A session on the writer that holds the user's lock, and how `new` gets into the database there.

    Raises as `databases.session`; Refused where the secret's JSON or its administrator does not fit; Unavailable.
    """
    with ExitStack() as stack:
        session, way = _by_administrator(stack, strategy, scope, new, rules) or _by_itself(stack, strategy, scope, new)
        require_writer(session, scope.endpoint)
        yield session, way


def _by_administrator(
    stack: ExitStack, strategy: Strategy, scope: Scope, new: Credential, rules: PasswordRules
) -> tuple[Session, Way] | None:
    """The administrator that the secret names; None where the user itself is to do it."""
    if strategy is Strategy.ALTERNATING_USERS:
        pair = pair_of(scope.old.value, scope.endpoint.engine)
        way = OtherUser(scope, pair, new, administrator(scope, pair.base), rules)
    elif strategy is Strategy.DUAL_PASSWORD and scope.old.value.master:
        way = Beside(scope, new, administrator(scope, new.username))
    else:
        return None
    try:
        return stack.enter_context(locked(scope.secrets, scope.endpoint, way.opener, way.lock)), way
    except LoginRefused as no:
        raise Refused(no.reason, f"{MASTER_FIELD}: {no.message}") from None


def administrator(scope: Scope, user: str) -> Opener:
    """The administrator behind `masterarn`, for a secret whose AWSCURRENT logs in. Raises Refused, Unavailable.

    Whoever may write secrets could else have any user's password reset, by naming it (AWS.md 2, the guard of AWS's own functions).
    """
    found = find_admin(scope.secrets, master_of(scope.old.value), MASTER_FIELD)
    opener = read_admin(scope.secrets, found, scope.endpoint, user, MASTER_FIELD)
    old = scope.old
    login = scope.logins.try_version(scope.endpoint, old.version, old.username, old.password, again=True)
    if login.verdict is Verdict.REFUSED:
        text = f"{scope.endpoint.address} refuses {old.username!r} with {CURRENT} ({login.code}), so no administrator acts for this secret"
        raise Refused(Reason.LOGIN_FAILED, f"{text}; set that password in the database")
    if not login.verdict.proves:
        raise Unavailable(Reason.UNREACHABLE, f"{CURRENT} could not be tried at {scope.endpoint.address} ({login.verdict} {login.code})")
    return opener


def _by_itself(stack: ExitStack, strategy: Strategy, scope: Scope, new: Credential) -> tuple[Session, Way]:
    """With the first password that the server takes; only a refusal leads to the next one (SAFETY.md B1)."""
    tried: dict[SecretStr, str] = {}
    for label, one in _passwords(scope, new):
        if one.password in tried:
            continue
        tried[one.password] = label
        opener = Opener(one.username, one.password, version=one.version)
        try:
            session = stack.enter_context(locked(scope.secrets, scope.endpoint, opener, new.username))
        except LoginRefused as no:
            if no.login.verdict is not Verdict.REFUSED:
                raise
            continue
        if strategy is Strategy.DUAL_PASSWORD:
            return session, Beside(scope, new, opener)
        return session, SinglePassword(scope.old, new, opener)
    raise Refused(
        Reason.LOGIN_FAILED, f"{scope.endpoint.address} refuses {new.username!r} with the password of {', '.join(tried.values())}"
    )


def _passwords(scope: Scope, new: Credential) -> Iterator[tuple[str, Credential]]:
    """Yield what may open the session, read no sooner than it is tried.

    In this order a rotation meets two refused logins at most, wherever the one before it was killed (SAFETY.md B4).
    """
    yield CURRENT, scope.old
    if (previous := _previous(scope)) is not None:
        yield PREVIOUS, previous
    yield PENDING, new


def _previous(scope: Scope) -> Credential | None:
    """AWSPREVIOUS, if it is of the same user and host; how it says to connect does not count."""
    version, current = scope.state.previous, scope.old.value
    try:
        found = scope.secrets.value(scope.state.arn, version, PREVIOUS) if version else None
    except Refused as no:
        if no.reason is not Reason.MALFORMED_SECRET:
            raise
        return None
    same = version and found and (found.username, found.host) == (current.username, current.host)
    return Credential(version, found) if version and found and same else None
