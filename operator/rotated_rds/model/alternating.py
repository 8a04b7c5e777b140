"""Strategy AlternatingUsers as rules: the two users' names, and what of one the other must have (SAFETY.md C6, D1)."""

from collections.abc import Collection
from dataclasses import dataclass

from rotated_rds.model.database import Engine, Login, Verdict
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import Spec, Strategy

CLONE = "_clone"
"""What AWS's own functions append to the second user's name."""
# So that the clone's name fits: PostgreSQL cuts at 63 bytes, and MySQL and MariaDB refuse more characters than 32 and 80.
_LONGEST = {Engine.POSTGRES: 57, Engine.MYSQL: 26, Engine.MARIADB: 74}
_SHOWN = 5


def clone_of(base: str) -> str:
    return f"{base}{CLONE}"


def is_alternating(spec: Spec) -> bool:
    return spec.rotation.strategy is Strategy.ALTERNATING_USERS


@dataclass(frozen=True)
class Pair:
    """The two users. base: the model for the other; owner: PostgreSQL's role that owns what either creates, None for none.

    owner_field: where the owner is named.
    """

    base: str
    clone: str
    owner: str | None = None
    owner_field: str = "spec.user.ownerRole"

    @classmethod
    def of(cls, spec: Spec) -> "Pair":
        base = spec.user.name or ""
        return cls(base, clone_of(base), spec.user.owner_role)

    def other(self, user: str) -> str:
        """Whose turn is next, by name alone, never by what AWSPREVIOUS holds. Raises Refused(UserMismatch)."""
        if user == self.base:
            return self.clone
        if user == self.clone:
            return self.base
        raise Refused(
            Reason.USER_MISMATCH,
            f"AWSCURRENT is of user {user!r}, which is neither {self.base!r} nor {self.clone!r}: "
            "store a version of one of them as AWSCURRENT, or name its user in spec.user.name",
        )


def fault(spec: Spec, engine: Engine) -> str | None:
    """What of the spec this engine cannot do; None for nothing."""
    if named := name_fault(spec.user.name or "", engine, "spec.user.name"):
        return named
    if spec.user.owner_role and engine is not Engine.POSTGRES:
        return f"spec.user.ownerRole: for PostgreSQL only, this database is {engine}; remove it"
    return None


def name_fault(base: str, engine: Engine, field: str) -> str | None:
    """Why a name cannot be a base user's; None for nothing. field: where it is named."""
    length = len(base.encode()) if engine is Engine.POSTGRES else len(base)
    if not base or base.endswith(CLONE):
        return f"{field}: with AlternatingUsers it is the base user, so it must not end in {CLONE}; name the base user"
    if length > _LONGEST[engine]:
        unit = "bytes" if engine is Engine.POSTGRES else "characters"
        return (
            f"{field}: with AlternatingUsers at most {_LONGEST[engine]} {unit} on {engine}, so that {CLONE} fits behind it; "
            "use a user with a shorter name"
        )
    return None


def would_be_lost(pair: Pair, current: str, here: Collection[str], there: Collection[str]) -> Refused | None:
    """The user in use has what the other one lacks. here: what is known of the one in use; there: of the other."""
    missing = sorted(set(here) - set(there))
    if not missing:
        return None
    other = pair.other(current)
    return Refused(
        Reason.OWNERSHIP_SPLIT,
        f"{current!r} has what {other!r} lacks: {_shown(missing)}; give it to {other!r} too, or take it from {current!r}",
    )


def not_carried_over(pair: Pair, base: Collection[str], clone: Collection[str]) -> Refused | None:
    """After the clone was made equal it must be: a working login would not show the difference (AWS.md 2.2)."""
    missing, extra = sorted(set(base) - set(clone)), sorted(set(clone) - set(base))
    if not missing and not extra:
        return None
    lacks = f"lacks {_shown(missing)}" if missing else f"has {_shown(extra)} besides"
    return Refused(Reason.OWNERSHIP_SPLIT, f"{pair.clone!r} could not be made like {pair.base!r}: it {lacks}; make them equal by hand")


def objection(pair: Pair, user: str, login: Login) -> Refused | None:
    """Why a user whose new password is right must not become AWSCURRENT: the one in use gets in, and gets further."""
    if login.verdict is not Verdict.OK:
        return Refused(Reason.ROTATION_FAILED, f"{user!r} has the right password and gets no further ({login.verdict} {login.code})")
    if pair.owner is None or login.role == pair.owner:
        return None
    return Refused(  # with a missing membership the server lets the user in silently, as itself
        Reason.OWNERSHIP_SPLIT,
        f"{user!r} logs in as {login.role!r} and not as {pair.owner_field} {pair.owner!r}: GRANT {pair.owner} TO {pair.base}",
    )


def _shown(facts: list[str]) -> str:
    more = f" and {len(facts) - _SHOWN} more" if len(facts) > _SHOWN else ""
    return "; ".join(facts[:_SHOWN]) + more
