"""The six stages as they turn: every change of a condition is a line, until it is over."""

from collections.abc import Callable

from tests.demo.scenery import Scenery
from tests.demo.screen import SEEN
from tests.demo.watched import STAGES, Seen


def follow(scenery: Scenery, begun: float, what: str, over: Callable[[Seen], bool], seconds: float = 60) -> Seen:
    """Show what changes from the moment `begun` until `over`; the change that ended it."""
    before = scenery.watched.before(begun)
    told = {kind: said(before, kind) for kind in STAGES} if before else {}
    with scenery.screen.awaiting(lambda: f"{what} … {counted(scenery)}"):
        for seen in scenery.watched.since(begun, what, seconds):
            for kind in STAGES:
                words = said(seen, kind)
                if words not in ("", told.get(kind)):
                    told[kind] = words
                    scenery.screen.say(f"{kind:<19}{words}", SEEN, seen.moment - begun)
            if over(seen):
                return seen
    raise AssertionError("the watch tells no end")


def counted(scenery: Scenery) -> str:
    tally = scenery.logins()
    return f"simulated application: {tally.logins} log-ins, {tally.failed} failed"


def said(seen: Seen, kind: str) -> str:
    """A condition in one line; nothing while nobody has looked."""
    one = seen.condition(kind)
    if not one["message"]:
        return ""
    word = {"True": "", "Unknown": "… "}.get(one["status"], f"False {one['reason']}: ")
    return f"{word}{one['message']}"
