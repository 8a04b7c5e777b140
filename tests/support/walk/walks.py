"""The walks: for n = 1, 2, 3 … one rotation, creation or change, whose n-th call is struck; over when there is no n-th call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from tests.bed.bed import Bed
from tests.support.walk.claims import (
    at_rest,
    check_created,
    check_one_password,
    check_one_user,
    check_rolled_back,
    check_rotated,
    is_left,
    is_rolled_back,
    look,
    published_logs_in,
)
from tests.support.walk.handing import Handing
from tests.support.walk.lane import Lane, lane
from tests.support.walk.points import nothing, reach, rest, struck, tell
from tests.support.walk.traps import How, Trap


class What(StrEnum):
    """What is struck."""

    ROTATION = "rotation"  # by request; from the annotation to the end
    ALTERNATING = "alternating"  # likewise, between two users
    DUAL = "dual"  # likewise, between two passwords, until the one before is discarded
    ROLLBACK = "rollback"  # by request, of a rotation between two passwords
    ROLLBACK_ALTERNATING = "rollback-alternating"  # likewise, between two users
    ONE_PASSWORD = "to-one-password"  # a change of strategy: DualPassword is left while both passwords log in
    ONE_USER = "to-one-user"  # likewise: AlternatingUsers is left while AWSCURRENT is the clone's
    TO_OPERATOR = "to-operator"  # a change of method: from a function of AWS's that failed
    TO_LAMBDA = "to-lambda"  # likewise, to a function of AWS's
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
        handed = self.what in (What.TO_OPERATOR, What.TO_LAMBDA)
        with lane(bed, namespace, bed.facts()[self.engine], gated=self.kind == "api") as one:
            trap = one.traps[self.kind]
            if self.what in (What.GIVEN, What.ADMIN):
                strike = self._creations(one, trap)
            else:
                strike = self._changes(one, trap) if handed else self._rotations(one, trap)
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
        grace = "0s" if what in (What.ALTERNATING, What.DUAL, What.ONE_USER) else "10m"
        if what in (What.ALTERNATING, What.ROLLBACK_ALTERNATING, What.ONE_USER):
            one.given_alternating("db", grace)
        elif what is What.ROTATION:
            one.given_resource("db")
        else:
            one.given_dual("db", grace)
        rest(one, "db", None)
        match what:
            case What.ROLLBACK | What.ROLLBACK_ALTERNATING:
                return lambda n: _roll_back(one, trap, self.how, n)
            case What.ONE_PASSWORD | What.ONE_USER:
                return lambda n: _leave(one, trap, self.how, n, what)
            case _:
                return lambda n: _rotate(one, trap, self.how, n, what)

    def _changes(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        one.given_user("db")
        if self.what is What.TO_OPERATOR:
            return Handing.begin(one, trap, self.how, "fail", step="setSecret").to_operator
        return Handing.begin(one, trap, self.how, "liar").to_lambda  # its trial touches no database, whose flights are walked

    def _creations(self, one: Lane, trap: Trap) -> Callable[[int], bool]:
        admin = one.given_admin() if self.what is What.ADMIN else None
        return lambda n: _create(one, trap, self.how, n, admin)


def _rotate(one: Lane, trap: Trap, how: How, n: int, what: What, name: str = "db") -> bool:
    """One rotation, struck at its n-th call; False when it has none."""
    before, request = look(one, name), f"{trap.kind} {how} {n}"
    trap.lay(how, n, one.secret(name))
    one.cluster.annotate(name, rotate=request)
    sprung = struck(
        one, trap, how, lambda: at_rest(one, name, request), request, always=nothing if what is What.ROTATION else keeps(one, name)
    )
    rest(one, name, request)
    tell(request, lambda: check_rotated(one, name, request, before, alternates=what is What.ALTERNATING))
    return sprung


def _roll_back(one: Lane, trap: Trap, how: How, n: int, name: str = "db") -> bool:
    """One rotation in peace, and its rollback, struck at its n-th call. The next rotation ends what that says."""
    request = f"{trap.kind} {how} {n}"
    _rotate_in_peace(one, name, f"for {request}")
    before = look(one, name)
    trap.lay(how, n, one.secret(name))
    one.cluster.annotate(name, rollback=request)
    sprung = struck(one, trap, how, lambda: is_rolled_back(one, name, request), request, always=keeps(one, name))
    reach(one, name, f"{request}: rolled back", lambda: is_rolled_back(one, name, request))
    tell(request, lambda: check_rolled_back(one, name, request, before))
    return sprung


def _leave(one: Lane, trap: Trap, how: How, n: int, what: What, name: str = "db") -> bool:
    """One rotation in peace, and its strategy left for SingleUser, struck at its n-th call; then back to that strategy."""
    point, rotation = f"{trap.kind} {how} {n}", one.body(name)["spec"]["rotation"]
    _rotate_in_peace(one, name, f"for {point}")
    before = look(one, name)
    trap.lay(how, n, one.secret(name))
    one.cluster.change(name, rotation={"strategy": "SingleUser", "gracePeriod": "0s"})
    sprung = struck(one, trap, how, lambda: is_left(one, name), point, always=keeps(one, name))
    reach(one, name, f"{point}: left", lambda: is_left(one, name))
    check = check_one_user if what is What.ONE_USER else check_one_password
    tell(point, lambda: check(one, name, before))
    one.cluster.change(name, rotation=rotation)
    return sprung


def _rotate_in_peace(one: Lane, name: str, request: str) -> None:
    """The credential before is in its grace then."""
    one.cluster.annotate(name, force_rotate=request)
    reach(one, name, f"rotated {request}", lambda: _is_rotated(one, name, request))


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
    sprung = struck(one, trap, how, lambda: at_rest(one, name, None), point, last=lambda: _is_told(one, name))
    rest(one, name, None)
    tell(point, lambda: check_created(one, name, password))
    one.cluster.delete(name)
    return sprung


def _is_told(one: Lane, name: str) -> bool:
    """The last of a creation's writes, where nothing was struck: no finalizer ends it."""
    return any(event["reason"] == "Mirrored" for event in one.cluster.events(name))


def keeps(one: Lane, name: str) -> Callable[[], None]:
    """The published credential logs in at every moment, also when something is struck."""

    def check() -> None:
        assert published_logs_in(one, name), "what is published does not log in (D2)"

    return check
