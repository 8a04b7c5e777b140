"""docs/install.md says what the chart does: its rights, its values."""

import re
from typing import Any

import pytest

from tests.bed.paths import REPO
from tests.chart import readme
from tests.support.audit import granted
from tests.support.chart import render

PAGE = (REPO / "docs" / "install.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.partition("| API group |")[2].partition("\n\n")[0].splitlines()[2:]]


def told(row: list[str]) -> set[tuple[str, str, str]]:
    group, resources, verbs = row[0].strip("`"), re.findall(r"`([a-z/]+)`", row[1].partition(",  only")[0]), re.findall(r"[a-z]+", row[2])
    known = {"get", "list", "watch", "create", "patch", "update"}
    return {("" if group == "core" else group, resource, verb) for resource in resources for verb in verbs if verb in known}


def test_the_page_lists_the_rights_that_the_chart_grants() -> None:
    said = {right for row in ROWS for right in told(row)} - {("", "kube-system", "get")}
    assert said == {(one.group, one.resource, one.verb) for one in granted()}


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`([a-zA-Z]+(?:\.[a-zA-Z]+)+)(?::[^`]*)?`", PAGE + (REPO / "README.md").read_text())))
)
def test_a_value_that_the_page_names_exists(path: str) -> None:
    groups = {one.path.partition(".")[0] for one in readme.values()}
    if path.partition(".")[0] in groups and not path.endswith((".yaml", ".md")):
        assert readme.schema_of(path)


def test_the_page_s_helm_command_renders() -> None:
    command = PAGE.partition("helm install ")[2].partition("\nhelm test")[0]
    values: dict[str, Any] = {}
    for path, value in re.findall(r"--set (\S+?)=(\S+)", command):
        place = values
        *groups, name = [part.replace("\0", ".") for part in path.replace("\\\\.", "\0").split(".")]
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    assert len(values) == 3
    assert "REGISTRY/rotated-rds:" in str(render(values))
