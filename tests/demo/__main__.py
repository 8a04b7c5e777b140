"""`python -m tests.demo [down]`: 0 when every claim held, 1 when one did not, 130 when interrupted. KEEP=1 leaves all running."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from tests.bed import build
from tests.bed.bed import Bed, exists, held
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.processes import BedError
from tests.demo.claims import ClaimFailed, Claims
from tests.demo.ending import the_end
from tests.demo.mishaps import a_kill, a_wrong_password
from tests.demo.scenery import NAME, Scenery
from tests.demo.screen import FAILED, HELD, Screen
from tests.demo.story import a_rotation, an_application, one_resource, the_operator
from tests.demo.watched import NotInTime

BED = "demo"
SCENES = (the_operator, one_resource, an_application, a_rotation, a_wrong_password, a_kill, the_end)


def main(words: Sequence[str]) -> int:
    if list(words) not in ([], ["down"]):
        sys.stderr.write("usage: python -m tests.demo [down]\n")
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    with held(BED, screen.say):
        if words:
            return down(screen)
        return demo(screen)


def down(screen: Screen) -> int:
    Bed(BED).remove()
    screen.say("the demo is down, nothing is left")
    return 0


def demo(screen: Screen) -> int:
    """Play it; end every process afterwards, unless it is kept. After a failure the logs stay."""
    if exists(BED):
        screen.say("ending what an earlier demo left")
        Bed(BED).remove()
    bed = Bed(BED, screen.say)
    kept = os.environ.get("KEEP", "") not in {"", "0"}
    code = 1
    try:
        code = _played(bed, screen)
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


def _played(bed: Bed, screen: Screen) -> int:
    screen.heading("rotated-rds demo: a real PostgreSQL password rotates under a real API server")
    claims = Claims(screen)
    scenery = Scenery(bed, screen, claims)
    screen.say(scenery.parts())
    for scene in SCENES:
        scene(scenery)
    screen.space()
    screen.say(f"all {len(claims.held)} claims were checked and held", HELD)
    return 0


def _go_on(screen: Screen, bed: Bed) -> None:
    screen.heading("Keep looking")
    for line in (
        f"export KUBECONFIG={admin_kubeconfig(bed)} PATH={build.program('kubectl').parent}:$PATH",
        f"kubectl get rrs; kubectl describe rrs {NAME}; kubectl get events",
        f"kubectl annotate rrs {NAME} --overwrite rotated-rds.io/rotate=again",
        "make demo-down",
    ):
        screen.say(line, "$")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends what we started, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
