"""What the demo says is so: each claim is checked when it is made, and one that fails ends the demo."""

from dataclasses import dataclass, field

from tests.demo.screen import FAILED, HELD, Screen


class ClaimFailed(Exception):
    """The claim that did not hold."""


@dataclass
class Claims:
    """Every claim that held so far."""

    screen: Screen
    held: list[str] = field(default_factory=list[str])

    def check(self, claim: str, holds: object, otherwise: str = "") -> None:
        """Show the claim as held, or raise ClaimFailed. otherwise: what is so instead."""
        if not holds:
            self.screen.say(claim, FAILED)
            raise ClaimFailed(f"{claim}{f' ({otherwise})' if otherwise else ''}")
        self.held.append(claim)
        self.screen.say(claim, HELD)
