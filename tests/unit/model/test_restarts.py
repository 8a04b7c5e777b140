"""Who is where with a version, and who starts next (SAFETY.md D4, G2)."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.restarts import ELSEWHERE, REVERTED, STARTED_SINCE, TAKEN_AWAY, Plan, Terms, paused, plan_restarts
from rotated_rds.model.status import WorkloadStatus
from rotated_rds.model.workload import Workload, ordered

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW = "v1", "v2"
TERMS = Terms(None, timedelta(minutes=10), halts=False, resumed=None, room=10)


def a_workload(name: str = "a", **more: Any) -> Workload:
    plain = Workload("Deployment", name, 0, None, OLD, True, None, {"app": name}, frozenset({"db"}))
    return replace(plain, **more)


def known(name: str, state: Any, version: str = NEW, *, ago: int = 0, message: str | None = None) -> WorkloadStatus:
    return WorkloadStatus(
        kind="Deployment", name=name, state=state, version_id=version, since=NOW - timedelta(seconds=ago), message=message
    )


def plan(
    *workloads: Workload,
    before: Collection[WorkloadStatus] = (),
    current: Mapping[str, bool] | None = None,
    terms: Terms = TERMS,
    elsewhere: Collection[str] = (),
) -> Plan:
    by_title = {f"{one.kind}/{one.name}": one for one in before}
    return plan_restarts(ordered(workloads), current or {}, by_title, NEW, NOW, terms, elsewhere)


def states(found: Plan) -> dict[str, str]:
    return {one.name: one.state for one in found.states}


def started(found: Plan) -> list[str]:
    return [one.name for one in found.restart]


# one workload


ROLLING = a_workload(annotated=NEW, complete=False)


@pytest.mark.parametrize(
    ("one", "before", "current", "state", "restarts"),
    [
        pytest.param(a_workload(), None, False, "Rolling", True, id="on the old version"),
        pytest.param(a_workload(annotated=None), None, False, "Rolling", True, id="never annotated"),
        pytest.param(a_workload(annotated=None), None, True, "Ready", False, id="its Pods started since"),
        pytest.param(a_workload(annotated=None), known("a", "Ready", message=STARTED_SINCE), False, "Ready", False, id="they were seen to"),
        pytest.param(a_workload(skipped="paused"), None, False, "Skipped", False, id="not to be restarted"),
        pytest.param(a_workload(skipped="paused", annotated=NEW), None, False, "Ready", False, id="skipped, but on it already"),
        pytest.param(ROLLING, known("a", "Rolling"), False, "Rolling", False, id="on its way"),
        pytest.param(a_workload(annotated=NEW), known("a", "Rolling"), False, "Ready", False, id="through"),
        pytest.param(a_workload(annotated=NEW), None, False, "Ready", False, id="through, with status lost"),
        pytest.param(ROLLING, None, False, "Rolling", False, id="on its way, with status lost"),
        pytest.param(ROLLING, known("a", "Rolling", ago=599), False, "Rolling", False, id="just in time"),
        pytest.param(ROLLING, known("a", "Rolling", ago=600), False, "Failed", False, id="too long"),
        pytest.param(replace(ROLLING, stuck="deadline"), known("a", "Rolling"), False, "Failed", False, id="stuck"),
        pytest.param(ROLLING, known("a", "Failed"), False, "Failed", False, id="failed"),
        pytest.param(a_workload(annotated=NEW), known("a", "Failed"), False, "Ready", False, id="ready by any means"),
        pytest.param(a_workload(), known("a", "Failed", OLD), False, "Rolling", True, id="failed with the version before"),
        pytest.param(a_workload(), known("a", "Ready"), False, "Rolling", True, id="the annotation was taken away"),
        pytest.param(a_workload(), known("a", "Ready", message=TAKEN_AWAY), False, "Failed", False, id="and again"),
        pytest.param(a_workload(), known("a", "Failed", message=REVERTED), False, "Failed", False, id="and is left alone"),
        pytest.param(a_workload(), known("a", "Failed", message=REVERTED), True, "Ready", False, id="until its Pods start anew"),
        pytest.param(a_workload(), known("a", "Failed", OLD, message=REVERTED), False, "Rolling", True, id="or a new version comes"),
    ],
)
def test_where_a_workload_is(one: Workload, before: WorkloadStatus | None, current: bool, state: str, restarts: bool) -> None:
    found = plan(one, before=[before] if before else [], current={one.title: current})
    assert states(found) == {"a": state}
    assert bool(found.restart) is restarts


def test_one_more_try_is_remembered_until_it_is_through() -> None:
    first = plan(a_workload(), before=[known("a", "Ready")])
    assert [one.message for one in first.states] == [TAKEN_AWAY]
    rolling = plan(ROLLING, before=first.states)
    through = plan(a_workload(annotated=NEW), before=rolling.states)
    assert [(one.state, one.message) for one in through.states] == [("Ready", TAKEN_AWAY)]
    again = plan(a_workload(), before=through.states)
    assert [(one.state, one.message) for one in again.states] == [("Failed", REVERTED)]


def test_since_when_counts_from_the_state_s_beginning() -> None:
    assert plan(ROLLING, before=[known("a", "Rolling", ago=60)]).states[0].since == NOW - timedelta(seconds=60)
    assert plan(a_workload(annotated=NEW), before=[known("a", "Rolling", ago=60)]).states[0].since == NOW


# paused in a step of its strategy


PAUSED = replace(ROLLING, waits="CanaryPauseStep")


def test_paused_in_a_step_is_rolling_for_as_long_as_it_takes() -> None:
    found = plan(PAUSED, before=[known("a", "Rolling", ago=86400)]).states[0]
    assert (found.state, found.since) == ("Rolling", NOW - timedelta(days=1))
    assert "CanaryPauseStep" in str(found.message)
    assert paused(found)
    assert not paused(known("a", "Rolling"))


def test_the_time_of_a_pause_is_not_the_rollout_s() -> None:
    resting = plan(PAUSED, before=[known("a", "Rolling", ago=86400)]).states
    moving = plan(ROLLING, before=resting).states[0]
    assert (moving.state, moving.since, moving.message) == ("Rolling", NOW, None)


def test_a_pause_does_not_forget_that_one_more_try_was_made() -> None:
    resting = plan(PAUSED, before=[known("a", "Rolling", message=TAKEN_AWAY)]).states
    assert paused(resting[0])
    moving = plan(ROLLING, before=resting).states
    assert [one.message for one in moving] == [TAKEN_AWAY]
    assert [(one.state, one.message) for one in plan(a_workload(), before=resting).states] == [("Failed", REVERTED)]


def test_the_next_wave_waits_for_one_that_is_paused() -> None:
    found = plan(PAUSED, a_workload("late", wave=1))
    assert states(found) == {"a": "Rolling", "late": "Pending"}


# many


def test_D4_a_whole_wave_starts_at_once_and_the_next_waits() -> None:
    found = plan(a_workload("a"), a_workload("b"), a_workload("late", wave=1), a_workload("early", wave=-1, annotated=NEW))
    assert started(found) == ["a", "b"]
    assert states(found) == {"early": "Ready", "a": "Rolling", "b": "Rolling", "late": "Pending"}


def test_D4_a_failure_does_not_stop_the_others_nor_the_next_wave() -> None:
    failed = known("a", "Failed")
    found = plan(replace(ROLLING, name="a"), a_workload("b", wave=1), before=[failed])
    assert started(found) == ["b"]
    assert not found.halted


@pytest.mark.parametrize(("concurrent", "room", "expected"), [(1, 10, 0), (2, 10, 1), (3, 10, 2), (None, 10, 3), (None, 1, 1), (3, 0, 0)])
def test_so_many_roll_at_once_and_no_more_than_the_release_has_room_for(concurrent: int | None, room: int, expected: int) -> None:
    rolling = known("a", "Rolling")
    terms = replace(TERMS, concurrent=concurrent, room=room)
    found = plan(ROLLING, a_workload("b"), a_workload("c"), a_workload("d"), before=[rolling], terms=terms)
    assert len(found.restart) == expected


HALT = replace(TERMS, halts=True)


def test_halt_starts_nothing_while_one_has_failed_and_says_so_where_others_wait() -> None:
    found = plan(ROLLING, a_workload("b"), before=[known("a", "Failed")], terms=HALT)
    assert started(found) == []
    assert states(found) == {"a": "Failed", "b": "Pending"}
    assert found.halted
    assert not plan(ROLLING, before=[known("a", "Failed")], terms=HALT).halted


def test_resume_forgives_the_failures_until_then() -> None:
    resumed = replace(HALT, resumed=NOW - timedelta(seconds=10))
    assert started(plan(ROLLING, a_workload("b"), before=[known("a", "Failed", ago=11)], terms=resumed)) == ["b"]
    assert started(plan(ROLLING, a_workload("b"), before=[known("a", "Failed", ago=9)], terms=resumed)) == []


def test_G2_who_rolls_for_another_secret_is_left_until_that_is_through() -> None:
    found = plan(a_workload("a", complete=False), a_workload("b"), elsewhere={"Deployment/a"})
    assert started(found) == ["b"]
    assert [(one.name, one.state, one.message) for one in found.states] == [("a", "Pending", ELSEWHERE), ("b", "Rolling", None)]


workloads = st.builds(
    a_workload,
    st.sampled_from("abcdef"),
    wave=st.integers(-1, 1),
    annotated=st.sampled_from([None, OLD, NEW]),
    complete=st.booleans(),
    skipped=st.sampled_from([None, "paused"]),
)


@given(st.lists(workloads, unique_by=lambda one: one.name), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_a_plan_never_starts_too_many_nor_out_of_turn(found: list[Workload], concurrent: int, room: int, halts: bool) -> None:
    made = plan(*found, terms=Terms(concurrent, timedelta(minutes=10), halts, None, room))
    rolling = [one for one in made.states if one.state == "Rolling"]
    before = [one for one in found if one.annotated == NEW and not one.complete]
    assert len(made.restart) <= room
    assert len(rolling) <= max(concurrent, len(before))
    waves = {one.name: one.wave for one in found}
    open_waves = [waves[one.name] for one in made.states if one.state in ("Pending", "Rolling")]
    assert all(one.wave == min(open_waves) for one in made.restart)
    assert all(one.skipped is None and one.annotated != NEW for one in made.restart)
    assert [one.name for one in made.states] == [one.name for one in ordered(found)]
