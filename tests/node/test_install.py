"""The operator as people get it: its image, its chart, a real kubelet that runs them."""

import pytest

from tests.bed.bed import held
from tests.demo.claims import ClaimFailed
from tests.demo.screen import Screen
from tests.node.__main__ import BED, play

pytestmark = pytest.mark.node


def test_it_installs_rotates_upgrades_and_goes_on_a_real_node() -> None:
    """Each claim of the transcript is a check; the first that fails ends it."""
    screen = Screen()
    with held(BED, screen.say):
        try:
            play(screen)
        except ClaimFailed as failed:
            pytest.fail(f"{failed}\n" + "\n".join(screen.lines[-30:]), pytrace=False)
