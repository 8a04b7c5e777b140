"""The pages hold together: links lead somewhere, the architecture names the rooms as they are, nothing names a machine."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.bed.paths import REPO

PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


@cache
def anchors(page: Path) -> set[str]:
    """What a forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken: list[str] = []
    for target in LINK.findall(page.read_text()):
        place, _, anchor = target.partition("#")
        if "://" in place:
            continue
        there = (page.parent / place).resolve() if place else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_the_architecture_names_the_rooms_in_the_order_that_the_linter_holds() -> None:
    config = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in config["contracts"] if contract["type"] == "layers")
    page = (REPO / "docs" / "architecture.md").read_text().partition("| room | what it is for |\n| --- | --- |\n")[2].partition("\n\n")[0]
    rooms = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines()]
    assert rooms == [layer.split(" | ") for layer in layers]


def test_the_architecture_names_every_stage_s_file() -> None:
    page = (REPO / "docs" / "architecture.md").read_text()
    stages = {path.name for path in (REPO / "operator/rotated_rds/stages").glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`stages/(\w+\.py)`", page)) == stages


def test_the_readme_shows_the_smallest_example_as_it_is() -> None:
    example = [line for line in (REPO / "examples/orders-postgres.yaml").read_text().splitlines() if not line.startswith("#")]
    assert "\n".join(["```yaml", *example, "```"]) in (REPO / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_machine_s_own_folder(page: Path) -> None:
    assert re.findall(r"(?<![\w.~])/(?:root|work|home)/\w*", page.read_text()) == []
