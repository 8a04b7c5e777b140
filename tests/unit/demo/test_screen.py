"""The demo's screen is plain in a pipe, and a claim that does not hold ends the demo."""

import io

import pytest
from rich.console import Console

from tests.demo.claims import ClaimFailed, Claims
from tests.demo.screen import SEEN, TYPED, Screen

LONG = "a condition's message that is longer than a narrow terminal"


def shown(screen: Screen) -> str:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def in_a_pipe() -> Screen:
    return Screen(Console(file=io.StringIO(), width=40, soft_wrap=True, highlight=False))


def on_a_terminal(*, no_color: bool = False) -> Screen:
    return Screen(
        Console(
            file=io.StringIO(), width=40, soft_wrap=True, highlight=False, force_terminal=True, color_system="standard", no_color=no_color
        )
    )


def test_in_a_pipe_an_event_is_one_whole_plain_line() -> None:
    screen = in_a_pipe()
    screen.say(LONG, SEEN, 1.25)
    assert shown(screen) == f" 0:00  {SEEN} {LONG}  (1.2 s)\n"


def test_in_a_pipe_waiting_shows_nothing() -> None:
    screen = in_a_pipe()
    with screen.awaiting(lambda: "a spinner"):
        assert shown(screen) == ""


def test_a_terminal_cuts_what_is_seen_and_never_what_somebody_may_copy() -> None:
    screen = on_a_terminal(no_color=True)
    screen.say(LONG, SEEN)
    assert LONG not in shown(screen)
    screen.say(LONG, TYPED)
    assert LONG in shown(screen)


def test_a_terminal_has_colours_unless_they_are_not_wanted() -> None:
    claim = "\x1b[32m"
    coloured, plain = on_a_terminal(), on_a_terminal(no_color=True)
    for screen in (coloured, plain):
        Claims(screen).check("it holds", True)
    assert claim in shown(coloured)
    assert claim not in shown(plain)


def test_text_in_brackets_is_no_markup() -> None:
    screen = in_a_pipe()
    screen.say("[bold]as it is[/bold]")
    assert "[bold]as it is[/bold]" in shown(screen)


def test_a_claim_that_holds_is_counted_and_one_that_does_not_ends_the_demo() -> None:
    claims = Claims(in_a_pipe())
    claims.check("one is one", claims.screen)
    with pytest.raises(ClaimFailed, match=r"one is two \(it is 1\)"):
        claims.check("one is two", [], "it is 1")
    assert claims.held == ["one is one"]
    assert "✗ one is two" in shown(claims.screen)
