"""What `make chart` writes stands in the repository as it would write it now."""

from pathlib import Path

import pytest

from tests.bed.paths import REPO
from tests.chart import readme
from tests.chart.make import FILES
from tests.support.chart import helm

CHARTS = REPO / "helm" / "rotated-rds"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_the_file_is_up_to_date(path: Path) -> None:
    assert path.read_text() == FILES[path](), "run `make chart`"


def test_every_value_has_a_meaning_and_a_place_in_the_schema() -> None:
    assert [one.path for one in readme.values() if not one.meaning] == []
    for one in readme.values():
        assert readme.schema_of(one.path)


def test_helm_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHARTS))
