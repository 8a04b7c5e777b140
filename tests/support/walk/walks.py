"""The walks: for n = 1, 2, 3 … one rotation, or one creation, whose n-th call is struck; over when there is no n-th call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from tests.bed.bed import Bed
from tests.bed.processes import BedError, until
from tests.support.walk.claims import at_rest, check_created, check_rotated, look
from tests.support.walk.lane import Lane, lane
from tests.support.walk.traps import How, Trap

PATIENCE = 40.0


class What(StrEnum):
    """What is struck."""

    ROTATION = "rotation"  # by request; from the annotation to the end
    ALTERNATING = "alternating"  # likewise, between two users
    GIVEN = "creation"  # of a resource whose first password is given
    ADMIN = "creation-by-admin"  # of a resource whose first password an administrator sets


@dataclass(frozen=True)
class Walk:
    """Strike calls number first, first + of, first + 2 of, …: so that several workers share one walk."""

    what: What
    engine: str
    kind: str
    how: How
    first: int = 1
    of: int = 1

    def __str__(self) -> str:
        part = f"-{self.first}of{self.of}" if self.of > 1 else ""
        return f"{self.engine}-{self.what}-{self.kind}-{self.how}{part}"

    def run(self, bed: Bed, namespace: str) -> int:
        """Walk it with an operator process of its own; returns how many points were walked. Raises AssertionError that names the point."""
        with lane(bed, namespace, bed.facts()[self.engine], gated=self.kind == "api") as one:
            trap = one.traps[self.kind]
            rotates = self.what in (What.ROTATION, What.ALTERNATING)
            strike = self._rotations(one, trap) if rotates else self._creations(one, trap)
            return sum(1 for _ in self._points(strike))

    def _points(self, strike: Callable[[int], bool]) -> Iterator[int]:
        for n in count(self.first, self.of):
            if not strike(n):
                return
            yield n

    def _rotations(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        alternates = self.what is What.ALTERNATING
        one.given_user("db")
        if self.kind == "api":
            one.cluster.given_deployment("app", "db")
        if alternates:
            one.given_alternating("db")
        else:
            one.given_resource("db")
        _rest(one, "db", None)
        return lambda n: _rotate(one, trap, self.how, n, alternates=alternates)

    def _creations(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        admin = one.given_admin() if self.what is What.ADMIN else None
        return lambda n: _create(one, trap, self.how, n, admin)


def _rotate(one: Lane, trap: Trap, how: How, n: int, name: str = "db", *, alternates: bool = False) -> bool:
    """One rotation, struck at its n-th call; False when it has none."""
    before, request = look(one, name), f"{trap.kind} {how} {n}"
    trap.lay(how, n, one.secret(name))
    one.cluster.annotate(name, rotate=request)
    sprung = _struck(one, trap, how, lambda: at_rest(one, name, request), request)
    _rest(one, name, request)
    _tell(request, lambda: check_rotated(one, name, request, before, alternates=alternates))
    return sprung


def _create(one: Lane, trap: Trap, how: How, n: int, admin: str | None) -> bool:
    """One creation, likewise, of a resource of its own."""
    name, point = f"{how}-{n}", f"creation {trap.kind} {how} {n}"
    password = one.given_user(name)
    trap.lay(how, n, one.secret(name))
    one.given_resource(name, **({"adminSecretId": admin} if admin else {}))
    sprung = _struck(one, trap, how, lambda: at_rest(one, name, None), point, lambda: _is_told(one, name))
    _rest(one, name, None)
    _tell(point, lambda: check_created(one, name, password))
    one.cluster.delete(name)
    return sprung


def _is_told(one: Lane, name: str) -> bool:
    """The last of a creation's writes, where nothing was struck: no finalizer ends it."""
    return any(event["reason"] == "Mirrored" for event in one.cluster.events(name))


def _struck(one: Lane, trap: Trap, how: How, rests: Callable[[], bool], point: str, last: Callable[[], bool] = lambda: True) -> bool:
    """Whether the call came before all was over; what was ordered has befallen it then. last: what comes after rest."""
    sprung = False

    def met() -> bool:
        nonlocal sprung
        sprung = trap.sprung()
        return sprung or (rests() and last())

    until(f"{point}: the call, or the end", met, seconds=PATIENCE, every=0.05)
    if sprung:
        one.strike(trap, how, rests)
    trap.clear()
    return sprung


def _rest(one: Lane, name: str, request: str | None) -> None:
    try:
        until(f"{request or name} at rest", lambda: at_rest(one, name, request), seconds=PATIENCE, every=0.05)
    except BedError as error:
        raise AssertionError(f"{error}; status: {one.cluster.status(name)}\n{one.operator.log[-2000:]}") from error


def _tell(point: str, check: Callable[[], None]) -> None:
    """A claim that fails names its point."""
    try:
        check()
    except AssertionError as error:
        raise AssertionError(f"{point}: {error}") from error
