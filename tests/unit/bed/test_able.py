"""A machine that cannot run a real node says what it lacks, in words that a person can act on."""

import os
from pathlib import Path

import pytest

from tests.bed.node import able

ALL = (1 << 41) - 1


def test_whoever_is_not_root_hears_of_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert able.lacking() == ["root: mounts, network namespaces and cgroups are made"]


def test_a_capability_that_is_not_held_is_named() -> None:
    assert able.missing_capabilities(ALL & ~(1 << 12)) == ["the capability CAP_NET_ADMIN"]
    assert able.missing_capabilities(ALL) == []


def test_root_without_the_right_over_resources_is_enough() -> None:
    assert able.missing_capabilities(ALL & ~(1 << 24)) == []


def test_a_program_that_is_not_there_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in able.PROGRAMS.keys() - {"runc"}:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(able, "PLUGINS", tmp_path)
    (tmp_path / "bridge").touch()
    assert able.missing_programs(str(tmp_path)) == ["runc (Debian: runc)"]
