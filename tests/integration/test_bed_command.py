"""The bed's command: what it starts it ends, and a run that was killed is no trouble to the next."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Generator

import pytest

from tests.bed import paths
from tests.bed.bed import Bed, exists
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.processes import Recorded, until

PART = "postgres"


@pytest.fixture
def name() -> Generator[str]:
    name = f"command-{uuid.uuid4().hex[:6]}"
    yield name
    Bed(name).remove()
    paths.state(f".{name}.lock").unlink(missing_ok=True)


def begin(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bed", *words]
    return subprocess.Popen(command, cwd=paths.REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(*words: str) -> tuple[int, str]:
    child = begin(*words)
    said, _ = child.communicate(timeout=120)
    return child.returncode, said


def recorded(name: str) -> list[Recorded]:
    return Bed(name).processes.recorded()


def test_down_ends_every_process_and_removes_the_state(name: str) -> None:
    assert run("up", "--name", name, "--only", PART)[0] == 0
    processes = recorded(name)
    assert processes
    assert all(one.alive for one in processes)
    assert run("down", "--name", name)[0] == 0
    assert not any(one.alive for one in processes)
    assert not exists(name)


def test_up_replaces_a_bed_whose_run_was_killed_in_the_middle(name: str) -> None:
    child = begin("up", "--name", name, "--only", "kubernetes")
    until("the API server is started", lambda: any(one.name == "kube-apiserver" for one in recorded(name)), every=0.01)
    child.kill()
    child.communicate(timeout=10)
    orphans = recorded(name)
    assert any(one.alive for one in orphans)
    assert run("up", "--name", name, "--only", "kubernetes")[0] == 0
    assert not any(one.alive for one in orphans)
    assert Kubectl(admin_kubeconfig(Bed(name)))("get", "--raw", "/readyz") == "ok"


def test_an_interrupted_up_ends_what_it_started(name: str) -> None:
    child = begin("up", "--name", name, "--only", "kubernetes")
    until("the API server is started", lambda: any(one.name == "kube-apiserver" for one in recorded(name)), every=0.01)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert not any(one.alive for one in recorded(name))


def test_reuse_keeps_what_is_alive_and_replaces_what_is_not(name: str) -> None:
    assert run("up", "--name", name, "--only", f"{PART},mariadb")[0] == 0
    before = {one.part: one for one in recorded(name)}
    os.kill(before["mariadb"].pid, signal.SIGKILL)
    until("the kill is done", lambda: not before["mariadb"].alive)
    code, said = run("status", "--name", name)
    assert code == 1
    assert "broken" in said
    assert run("up", "--name", name, "--only", f"{PART},mariadb", "--reuse")[0] == 0
    after = {one.part: one for one in recorded(name) if one.alive}
    assert after[PART] == before[PART]
    assert after["mariadb"].pid != before["mariadb"].pid


def test_a_part_that_there_is_not_is_named(name: str) -> None:
    code, said = run("up", "--name", name, "--only", "kubernetes,oracle")
    assert code == 1
    assert "oracle" in said
    assert not exists(name)


def test_the_status_of_a_bed_that_is_down_says_so(name: str) -> None:
    code, said = run("status", "--name", name)
    assert code == 1
    assert "is down" in said
