"""The transcript: `python -m tests.node [--anew]`, 0 only if all claims held. --anew builds the image without the store's layers."""

import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tests.bed.bed import Bed, exists, held
from tests.bed.node import able
from tests.bed.processes import BedError
from tests.demo.claims import ClaimFailed, Claims
from tests.demo.screen import FAILED, HELD, Screen
from tests.node.ground import Ground
from tests.node.story import SCENES

BED = "node"
LEFT_OUT = 3
"""Exit code of a machine that cannot run a node: neither a success nor a failure."""


def main(words: Sequence[str]) -> int:
    if list(words) not in ([], ["--anew"]):
        sys.stderr.write("usage: python -m tests.node [--anew]\n")
        return 2
    screen = Screen()
    if lacking := able.lacking():
        screen.say(f"{able.NOT_RUN}: this machine cannot run a real node; it lacks {'; '.join(lacking)}", FAILED)
        return LEFT_OUT
    with held(BED, screen.say):
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            play(screen, anew=bool(words))
        except KeyboardInterrupt:
            screen.say("interrupted; what was started has been ended")
            return 130
        except (ClaimFailed, BedError, AssertionError) as failure:
            screen.say(f"FAILED: {failure}", FAILED)
            return 1
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends what we started, as Ctrl-C does."""
    raise KeyboardInterrupt


def play(screen: Screen, *, anew: bool = False) -> None:
    """Every scene, on a bed of its own that is gone afterwards. Raises ClaimFailed, BedError or AssertionError; the logs stay then."""
    if exists(BED):
        screen.say("ending what an earlier run left")
        Bed(BED).remove()
    bed, begun = Bed(BED, screen.say), time.monotonic()
    claims = Claims(screen)
    ground = Ground(bed, screen, claims, anew=anew)
    screen.heading("rotated-rds installed for real: image, chart, node, application")
    try:
        for scene in SCENES:
            scene(ground)
    except BaseException:
        bed.end()
        screen.say(f"logs: {bed.folder}/log, of containers {bed.folder}/node/pods")
        raise
    ended = time.monotonic()
    bed.remove()
    screen.space()
    screen.say(f"all {len(claims.held)} claims held; {ended - begun:.0f} s, and {time.monotonic() - ended:.0f} s to take it down", HELD)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
