"""The walks: for n = 1, 2, 3 … one rotation, or one creation, whose n-th call is struck; over when there is no n-th call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from tests.bed.bed import Bed
from tests.bed.processes import BedError, until
from tests.support.walk.claims import (
    at_rest,
    check_created,
    check_rolled_back,
    check_rotated,
    is_rolled_back,
    look,
    published_logs_in,
)
from tests.support.walk.lane import Lane, lane
from tests.support.walk.traps import How, Trap

PATIENCE = 80.0


class What(StrEnum):
    """What is struck."""

    ROTATION = "rotation"  # by request; from the annotation to the end
    ALTERNATING = "alternating"  # likewise, between two users
    DUAL = "dual"  # likewise, between two passwords, until the one before is discarded
    ROLLBACK = "rollback"  # by request, of a rotation between two passwords
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
            creates = self.what in (What.GIVEN, What.ADMIN)
            strike = self._creations(one, trap) if creates else self._rotations(one, trap)
            return sum(1 for _ in self._points(strike))

    def _points(self, strike: Callable[[int], bool]) -> Iterator[int]:
        for n in count(self.first, self.of):
            if not strike(n):
                return
            yield n

    def _rotations(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        what = self.what
        one.given_user("db")
        if self.kind == "api":
            one.cluster.given_deployment("app", "db")
        if what is What.ALTERNATING:
            one.given_alternating("db")
        elif what is What.ROTATION:
            one.given_resource("db")
        else:
            one.given_dual("db", grace="0s" if what is What.DUAL else "10m")
        _rest(one, "db", None)
        return lambda n: _roll_back(one, trap, self.how, n) if what is What.ROLLBACK else _rotate(one, trap, self.how, n, what)

    def _creations(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        admin = one.given_admin() if self.what is What.ADMIN else None
        return lambda n: _create(one, trap, self.how, n, admin)


def _rotate(one: Lane, trap: Trap, how: How, n: int, what: What, name: str = "db") -> bool:
    """One rotation, struck at its n-th call; False when it has none."""
    before, request = look(one, name), f"{trap.kind} {how} {n}"
    trap.lay(how, n, one.secret(name))
    one.cluster.annotate(name, rotate=request)
    sprung = _struck(one, trap, how, lambda: at_rest(one, name, request), request, keeps=name if what is What.DUAL else None)
    _rest(one, name, request)
    _tell(request, lambda: check_rotated(one, name, request, before, alternates=what is What.ALTERNATING))
    return sprung


def _roll_back(one: Lane, trap: Trap, how: How, n: int, name: str = "db") -> bool:
    """One rotation in peace, and its rollback, struck at its n-th call. The next rotation ends what that says."""
    rotated, request = f"for {trap.kind} {how} {n}", f"{trap.kind} {how} {n}"
    one.cluster.annotate(name, force_rotate=rotated)  # the credential before is in its grace
    until(f"rotated {rotated}", lambda: _is_rotated(one, name, rotated), seconds=PATIENCE, every=0.05)
    before = look(one, name)
    trap.lay(how, n, one.secret(name))
    one.cluster.annotate(name, rollback=request)
    sprung = _struck(one, trap, how, lambda: is_rolled_back(one, name, request), request, keeps=name)
    until(f"{request}: rolled back", lambda: is_rolled_back(one, name, request), seconds=PATIENCE, every=0.05)
    _tell(request, lambda: check_rolled_back(one, name, request, before))
    return sprung


def _is_rotated(one: Lane, name: str, request: str) -> bool:
    status = one.cluster.status(name)
    answer: dict[str, str] = status.get("requests", {}).get("force-rotate", {})
    return answer.get("text") == request and status.get("versionId") == status["history"][0]["versionId"]


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


def _struck(
    one: Lane,
    trap: Trap,
    how: How,
    rests: Callable[[], bool],
    point: str,
    last: Callable[[], bool] = lambda: True,
    keeps: str | None = None,
) -> bool:
    """Whether the call came before all was over; what was ordered has befallen it then.

    last: what comes after rest. keeps: the resource whose published credential logs in at every moment, also right then.
    """
    sprung = False

    def met() -> bool:
        nonlocal sprung
        sprung = trap.sprung()
        return sprung or (rests() and last())

    until(f"{point}: the call, or the end", met, seconds=PATIENCE, every=0.05)
    if sprung and keeps:
        _tell(point, lambda: _check_published(one, keeps))
    if sprung:
        one.strike(trap, how, rests)
    trap.clear()
    return sprung


def _check_published(one: Lane, name: str) -> None:
    assert published_logs_in(one, name), "what is published does not log in (D2)"


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
