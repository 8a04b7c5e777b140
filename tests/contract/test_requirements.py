"""The pinned requirements agree with pyproject.toml, by hash, and name no index."""

import re
import tomllib
from collections.abc import Iterable

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.bed import paths

PROJECT = tomllib.loads((paths.REPO / "pyproject.toml").read_text())
ASKED: dict[str, Iterable[str]] = {
    "run": [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["cli"]],
    **PROJECT["dependency-groups"],
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


def text(name: str) -> str:
    return (paths.REPO / "requirements" / f"{name}.txt").read_text()


def pinned(name: str) -> dict[str, Version]:
    return {canonicalize_name(package): Version(version) for package, version in _PIN.findall(text(name))}


@pytest.mark.parametrize("name", ASKED)
def test_what_the_project_asks_for_is_pinned_to_a_version_that_it_accepts(name: str) -> None:
    pins = pinned(name)
    asked = [Requirement(line) for line in ASKED[name]]
    astray = [str(one) for one in asked if pins.get(canonicalize_name(one.name), Version("0")) not in one.specifier]
    assert astray == [], "run `make lock`"


@pytest.mark.parametrize("name", ASKED)
def test_each_pin_has_its_hashes(name: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text(name))
    bare = [block.splitlines()[0] for block in blocks if _PIN.match(block) and "--hash=sha256:" not in block]
    assert bare == []


@pytest.mark.parametrize("name", ASKED)
def test_no_index_is_named(name: str) -> None:
    assert "://" not in text(name)
    assert "--index" not in text(name)


def test_the_files_agree_with_each_other() -> None:
    run, test, check = (pinned(name) for name in ("run", "test", "check"))
    together = {**run, **test, **check}
    assert [name for pins in (run, test, check) for name, version in pins.items() if together[name] != version] == []
