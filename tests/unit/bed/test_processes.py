"""Processes of the bed are known by pid and start time, and ended with all that they started."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed.processes import BedError, Processes, started_at, until


def test_a_pid_that_was_given_to_another_process_is_not_alive_and_not_ended(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    one = processes.start("sleeper", ["sleep", "60"])
    stranger = replace(one, started=one.started - 1)
    assert not stranger.alive
    processes.end(stranger)
    assert one.alive
    processes.end_all()
    assert not one.alive


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    told = tmp_path / "child"
    processes.start("parent", ["sh", "-c", f"sleep 60 & echo $! > {told}; wait"])
    until("the child is started", lambda: told.exists() and told.read_text().endswith("\n"))
    processes.end_all()
    until("the child is ended", lambda: started_at(int(told.read_text())) is None)


def test_who_ignores_a_polite_end_is_killed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    one = processes.start("deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 60; done"])
    until("it is deaf", lambda: "deaf" in processes.tail("deaf"))
    processes.end(one, patience=0.1)
    assert not one.alive


def test_a_process_started_anew_takes_the_place_of_the_first(tmp_path: Path) -> None:
    processes = Processes(tmp_path, part="part")
    first = processes.start("sleeper", ["sleep", "60"])
    os.kill(first.pid, signal.SIGKILL)
    second = processes.start("sleeper", ["sleep", "60"])
    assert processes.of_part("part") == [second]
    assert processes.named("sleeper") == second
    processes.end_all()


def test_a_condition_that_does_not_come_true_is_named() -> None:
    with pytest.raises(BedError, match="the sea is dry"):
        until("the sea is dry", lambda: False, seconds=0.01, every=0.01)
