"""Who rotates changes on a live resource: which steps hand it over, from facts alone (SAFETY.md E4)."""

from dataclasses import dataclass
from enum import StrEnum

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import Method, Spec
from rotated_rds.model.status import Status


class Change(StrEnum):
    """What becomes of the rotation."""

    NONE = "none"  # no change, or one that leaves the rotation with AWS
    TAKEN = "taken"  # by the operator, from AWS
    GIVEN = "given"  # by the operator, to AWS or to whoever owns the secret


class Move(StrEnum):
    """The next step of taking a rotation over."""

    LET_END = "let-end"  # AWS rotates right now: a function stopped half-way leaves a password that nobody knows
    CANCEL = "cancel"
    WAIT = "wait"  # a function that was invoked may still be at work
    FIND_OUT = "find-out"  # whether what it left under AWSPENDING is dead: the database did not say
    TAKE_OFF = "take-off"  # it is dead
    TAKEN = "taken"


_AWS_ROTATES = frozenset({Method.LAMBDA, Method.HOSTED_LAMBDA})
_OTHERS = _AWS_ROTATES | {Method.EXTERNAL}


def change_of(was: str | None, now: Method, *, asked: bool) -> Change:
    """What a method in the spec, or a `take-rotation` request, comes to. was: the method that status shows; None before the first pass."""
    if now is Method.OPERATOR:
        return Change.TAKEN if asked or was in _OTHERS else Change.NONE
    return Change.GIVEN if was == Method.OPERATOR and now in _OTHERS else Change.NONE


def unfit(spec: Spec, before: Status) -> Refused | None:
    """A change that no live resource makes: to RDS's own password, or from it, as that is another secret (SAFETY.md E6)."""
    was, now = before.rotation.method, spec.method
    if was is None or was == now:
        return None
    if was == Method.HOSTED_LAMBDA and now is not Method.OPERATOR:  # whose stack is taken away on the way
        return Refused(Reason.INVALID_SPEC, f"spec.rotation.method: from {was} to Operator first, then to {now}")
    if Method.RDS_MANAGED not in (was, now):
        return None
    return Refused(
        Reason.INVALID_SPEC,
        f"spec.rotation.method: from {was} to {now} is another AWS secret, so another resource: set it back, and let a new one "
        "with the same spec.target.name take the Kubernetes Secret over (docs/migrate.md)",
    )


@dataclass(frozen=True)
class Facts:
    """What one look tells. rotation_on: AWS's own rotation; function: AWS knows a function, so one may have been invoked.

    beside: AWSPENDING stands on another version than AWSCURRENT. still: neither has moved for as long as a function can run.
    dead: that version's login is refused while AWSCURRENT's is taken; None where the database did not say.
    """

    rotation_on: bool
    function: bool
    beside: bool
    still: bool
    dead: bool | None = False


def next_move(facts: Facts) -> Move:
    """Name the next step towards a rotation that is the operator's alone.

    What a stopped function left and what still logs in stays: a person decides (SAFETY.md A2).
    """
    if facts.rotation_on:
        return Move.LET_END if facts.beside and not facts.still else Move.CANCEL
    if facts.function and not facts.still:
        return Move.WAIT
    if not facts.beside or facts.dead is False:
        return Move.TAKEN
    return Move.TAKE_OFF if facts.dead else Move.FIND_OUT
