"""`python -m tests.demo [walk-through|down]`: 0 when every claim held, 1 when one did not, 130 when interrupted.

KEEP=1 leaves all running.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from tests.bed import build
from tests.bed.bed import Bed, exists, held
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.processes import BedError
from tests.demo.claims import ClaimFailed, Claims
from tests.demo.ending import the_end
from tests.demo.mishaps import a_kill, a_wrong_password
from tests.demo.scenery import Scenery
from tests.demo.screen import FAILED, HELD, Screen
from tests.demo.story import a_rotation, an_application, one_resource, the_operator
from tests.demo.walk import REGION, every_call, one_apply, thirteen_steps, what_is_left
from tests.demo.watched import NotInTime

BED = "demo"


@dataclass(frozen=True)
class Play:
    """Scenes in order. region: of AWS, where it is not the bed's own."""

    title: str
    scenes: tuple[Callable[[Scenery], None], ...]
    region: str | None = None


STORY = Play(
    "rotated-rds demo: a real PostgreSQL password rotates under a real API server",
    (the_operator, one_resource, an_application, a_rotation, a_wrong_password, a_kill, the_end),
)
WALK = Play(
    "rotated-rds: AWS's walk-through of thirteen steps as one kubectl apply",
    (the_operator, one_apply, thirteen_steps, every_call, what_is_left),
    REGION,
)


def main(words: Sequence[str]) -> int:
    if list(words) not in ([], ["walk-through"], ["down"]):
        sys.stderr.write("usage: python -m tests.demo [walk-through|down]\n")
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    with held(BED, screen.say):
        if words == ["down"]:
            return down(screen)
        return demo(screen, WALK if words else STORY)


def down(screen: Screen) -> int:
    Bed(BED).remove()
    screen.say("the demo is down, nothing is left")
    return 0


def demo(screen: Screen, play: Play) -> int:
    """Play it; end every process afterwards, unless it is kept. After a failure the logs stay."""
    if exists(BED):
        screen.say("ending what an earlier demo left")
        Bed(BED).remove()
    bed = Bed(BED, screen.say)
    kept = os.environ.get("KEEP", "") not in {"", "0"}
    code = 1
    try:
        code = _played(bed, screen, play)
    except (ClaimFailed, NotInTime, BedError, AssertionError) as failure:
        screen.say(f"FAILED: {failure}", FAILED)
        screen.say(f"logs: {bed.folder / 'log'}, the operator's is rotated-rds-*.log")
    except KeyboardInterrupt:
        code, kept = 130, False
        screen.say("interrupted; ending what was started")
    finally:
        if not kept:
            bed.processes.end_all() if code == 1 else bed.remove()
    if kept:
        _go_on(screen, bed)
    return code


def _played(bed: Bed, screen: Screen, play: Play) -> int:
    screen.heading(play.title)
    claims = Claims(screen)
    scenery = Scenery(bed, screen, claims, region=play.region)
    screen.say(scenery.parts())
    for scene in play.scenes:
        scene(scenery)
    screen.space()
    screen.say(f"all {len(claims.held)} claims were checked and held", HELD)
    return 0


def _go_on(screen: Screen, bed: Bed) -> None:
    screen.heading("Keep looking")
    for line in (
        f"export KUBECONFIG={admin_kubeconfig(bed)} PATH={build.program('kubectl').parent}:$PATH",
        "kubectl get rrs; kubectl describe rrs; kubectl get events",
        "kubectl annotate rrs --all --overwrite rotated-rds.io/rotate=again",
        "make demo-down",
    ):
        screen.say(line, "$")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends what we started, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
