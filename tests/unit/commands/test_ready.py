"""What readiness says: what was never looked at does not hold, what failed is asked for again, a hiccup is forgiven for a while."""

from dataclasses import dataclass, field

from rotated_rds.commands.ready import FORGIVEN, LATER, SOON, Check, Readiness
from rotated_rds.model.errors import Reason, Refused


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Thing:
    """Something that is asked for."""

    holds: bool = True
    asked: int = 0
    clock: Clock = field(default_factory=Clock)

    def ask(self) -> None:
        self.asked += 1
        if not self.holds:
            raise Refused(Reason.ACCESS_DENIED, "grant it")

    def readiness(self, again: float = LATER) -> Readiness:
        return Readiness([Check("thing", self.ask, again)], self.clock)


def test_what_was_not_looked_at_does_not_hold() -> None:
    assert Thing().readiness().missing() == ["thing: not looked at yet"]


def test_what_fails_is_named_with_its_mend_and_asked_for_again_soon() -> None:
    thing = Thing(holds=False)
    readiness = thing.readiness()
    readiness.look()
    assert readiness.missing() == ["thing: grant it"]
    readiness.look()
    assert thing.asked == 1
    thing.clock.now += SOON
    thing.holds = True
    readiness.look()
    assert readiness.missing() == []


def test_what_held_is_asked_for_again_later_and_a_hiccup_is_forgiven() -> None:
    thing = Thing()
    readiness = thing.readiness()
    readiness.look()
    thing.holds = False
    thing.clock.now += LATER
    readiness.look()
    assert (thing.asked, readiness.missing()) == (2, [])
    thing.clock.now += FORGIVEN + 1
    assert readiness.missing() == ["thing: grant it"]


def test_what_is_asked_for_once_is_not_asked_for_again() -> None:
    thing = Thing()
    readiness = thing.readiness(again=float("inf"))
    readiness.look()
    thing.clock.now += 10 * FORGIVEN
    readiness.look()
    assert (thing.asked, readiness.missing()) == (1, [])


def test_one_that_fails_does_not_keep_the_others_from_being_asked() -> None:
    bad, good = Thing(holds=False), Thing()
    readiness = Readiness([Check("bad", bad.ask), Check("good", good.ask)])
    readiness.look()
    assert readiness.missing() == ["bad: grant it"]
