"""Whose turn is when: the earliest that was asked for, and what presses before the rest."""

import pytest

from rotated_rds.deadlines import Deadlines
from rotated_rds.model.resource import Key

A, B, C = (Key("shop", name) for name in "abc")


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


def taken(deadlines: Deadlines, now: float) -> list[str]:
    found = list[str]()
    while (key := deadlines.take(now)) is not None:
        found.append(key.name)
    return found


def test_turns_come_in_their_order_and_once(deadlines: Deadlines) -> None:
    for key, due in ((A, 3.0), (B, 1.0), (C, 2.0)):
        deadlines.ask(key, due)
    assert taken(deadlines, 2.5) == ["b", "c"]
    assert taken(deadlines, 2.5) == []
    assert taken(deadlines, 3.0) == ["a"]


def test_what_presses_goes_first_but_not_before_its_time(deadlines: Deadlines) -> None:
    deadlines.ask(A, 0.0)
    deadlines.ask(B, 1.0, pressing=True)
    deadlines.ask(C, 5.0, pressing=True)
    assert taken(deadlines, 1.0) == ["b", "a"]
    assert deadlines.wait(1.0) == 4.0


@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (2.0, 1.0)])
def test_asked_twice_it_is_one_turn_the_sooner(deadlines: Deadlines, first: float, second: float) -> None:
    deadlines.ask(A, first)
    assert deadlines.ask(A, second) == (second < first)
    assert deadlines.wait(0.0) == 1.0
    assert taken(deadlines, 9.0) == ["a"]


def test_what_presses_once_presses_until_its_turn(deadlines: Deadlines) -> None:
    deadlines.ask(A, 1.0)
    deadlines.ask(B, 2.0, pressing=True)
    assert deadlines.ask(B, 1.0)
    assert taken(deadlines, 1.0) == ["b", "a"]
    deadlines.ask(B, 3.0)
    deadlines.ask(A, 3.0, pressing=True)
    assert taken(deadlines, 3.0) == ["a", "b"]


def test_who_is_dropped_has_no_turn(deadlines: Deadlines) -> None:
    deadlines.ask(A, 1.0)
    deadlines.ask(A, 0.5, pressing=True)
    deadlines.drop(A)
    assert deadlines.wait(9.0) is None
    assert taken(deadlines, 9.0) == []


def test_who_is_due_already_is_waited_for_no_longer(deadlines: Deadlines) -> None:
    deadlines.ask(A, 1.0)
    assert deadlines.wait(4.0) == 0.0
