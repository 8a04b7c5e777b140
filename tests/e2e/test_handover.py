"""From one replica to the next in mid-rotation: by SIGTERM the Lease is given back, and not while a write is on its way."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.walk.claims import at_rest, check_rotated, look
from tests.support.walk.lane import Lane, lane

# The calls of a rotation about its secret in their order, and what is lost when they are cut off there.
STEPS = {"PutSecretValue": "the new password is not stored", "UpdateSecretVersionStage": "the database has it, AWS does not know"}


@pytest.mark.parametrize("late", [False, True], ids=["never-arrives", "arrives-late"])
@pytest.mark.parametrize("call", STEPS)
def test_A4_A6_sigterm_in_mid_rotation_hands_it_over_and_no_effect_happens_twice(
    bed: Bed, aws: Facts, postgres: Facts, namespace: str, call: str, late: bool
) -> None:
    assert aws
    with lane(bed, namespace, postgres, ROTATED_RDS_LEADER_ELECT="true") as one, ThreadPoolExecutor(1) as pool:
        one.given_user("db")
        one.given_resource("db")
        until("the first credential is there", lambda: at_rest(one, "db", None), seconds=60)
        leader, control = one.operator, one.operator.aws.control
        standby = dataclasses.replace(leader, starts=100).start()
        try:
            until("the standby could lead", lambda: standby.port is not None and not standby.missing(), seconds=60)
            before = look(one, "db")
            held = control.fault("hold-before", call)
            one.cluster.annotate("db", rotate="once")
            assert control.wait_held(held) is not None, STEPS[call]
            ending = pool.submit(leader.stop)
            until("the standby leads", lambda: "this replica leads" in standby.log)
            control.release(held, drop=not late)
            ending.result(timeout=30)
            expect_done(one)
            check_rotated(one, "db", "once", before)
            assert "the Lease is given back" in leader.log
            assert "ERROR" not in leader.log + standby.log
        finally:
            standby.kill()


def expect_done(one: Lane) -> None:
    until("the rotation is at rest", lambda: at_rest(one, "db", "once"), seconds=60)
