"""One point of a walk: what is struck at its n-th call, and the claims afterwards, which name the point where they fail."""

from collections.abc import Callable

from tests.bed.processes import BedError, until
from tests.support.walk.claims import at_rest
from tests.support.walk.lane import Lane
from tests.support.walk.traps import How, Trap

PATIENCE = 80.0
Claim = Callable[[], None]


def nothing() -> None:
    """No claim."""


def struck(
    one: Lane,
    trap: Trap,
    how: How,
    rests: Callable[[], bool],
    point: str,
    *,
    last: Callable[[], bool] = lambda: True,
    always: Claim = nothing,
) -> bool:
    """Whether the call came before all was over; what was ordered has befallen it then.

    last: what comes after rest. always: what holds at every moment, and is looked at right when the call is struck.
    """
    sprung = False

    def met() -> bool:
        nonlocal sprung
        sprung = trap.sprung()
        return sprung or (rests() and last())

    until(f"{point}: the call, or the end", met, seconds=PATIENCE, every=0.05)
    if sprung:
        tell(point, always)
        one.strike(trap, how, rests)
    trap.clear()
    return sprung


def rest(one: Lane, name: str, request: str | None) -> None:
    reach(one, name, f"{request or name} at rest", lambda: at_rest(one, name, request))


def reach(one: Lane, name: str, what: str, there: Callable[[], bool]) -> None:
    """A state that comes about; where it does not, the resource's status and the operator's last words are told."""
    try:
        until(what, there, seconds=PATIENCE, every=0.05)
    except BedError as error:
        raise AssertionError(f"{error}; status: {one.cluster.status(name)}\n{one.operator.log[-2000:]}") from error


def tell(point: str, check: Claim) -> None:
    """A claim that fails names its point."""
    try:
        check()
    except AssertionError as error:
        raise AssertionError(f"{point}: {error}") from error
