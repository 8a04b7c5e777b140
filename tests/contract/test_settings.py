"""Settings and metrics are told in the docs as they stand in the code: docs/settings.md and docs/metrics.md keep up with the tables."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import cast

import pytest
from prometheus_client import Counter

from rotated_rds import metrics
from rotated_rds.settings import SETTINGS, Setting
from tests.bed.paths import REPO

PACKAGE = REPO / "operator" / "rotated_rds"
SETTINGS_PAGE = (REPO / "docs" / "settings.md").read_text()
METRICS_PAGE = (REPO / "docs" / "metrics.md").read_text()
SERIES = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
PUBLIC = {
    "rotated_rds_resources": ("condition", "status"),
    "rotated_rds_reconcile_seconds": (),
    "rotated_rds_reconcile_errors_total": ("stage", "reason"),
    "rotated_rds_rotations_total": ("method", "result"),
    "rotated_rds_rotation_seconds": (),
    "rotated_rds_propagation_seconds": (),
    "rotated_rds_restarts_total": ("kind", "result"),
    "rotated_rds_last_rotation_timestamp_seconds": ("namespace", "name"),
    "rotated_rds_next_rotation_timestamp_seconds": ("namespace", "name"),
    "rotated_rds_aws_calls_total": ("service", "operation", "code"),
    "rotated_rds_sync_lag_seconds": ("source",),
    "rotated_rds_last_sweep_timestamp_seconds": (),
    "rotated_rds_queue_depth": (),
    "rotated_rds_leader": (),
    "rotated_rds_build_info": ("version",),
}


def row(setting: Setting) -> str:
    """The setting's row in docs/settings.md. What the help says after `Default:` is what happens when nothing is told."""
    meaning, _, unset = setting.help.partition(" Default: ")
    default = f"`{setting.default}`" if setting.default else unset.removesuffix(".") or "none"
    helm = ", ".join(f"`{value}`" for value in setting.helm.split(", ")) if setting.helm else "–"  # noqa: RUF001  an empty cell
    return f"| `{setting.flag}` | `{setting.env}` | {helm} | {default} | {meaning} |"


@dataclass(frozen=True)
class Metric:
    """One metric as metrics.py makes it: its variable, the name that a scrape shows, its type, its labels."""

    variable: str
    name: str
    type: str
    help: str
    labels: tuple[str, ...]

    @property
    def queried(self) -> str:
        """How a query names it."""
        stem = self.name.removesuffix("_total")
        return rf"\b{stem}({'|'.join(SERIES[self.type])})\b"

    def row(self) -> str:
        """How its row in docs/metrics.md begins."""
        labels = ", ".join(f"`{label}`" for label in self.labels) or "–"  # noqa: RUF001  an empty cell
        return f"| `{self.name}` | {self.type.lower()} | {labels} | {self.help}"


def made() -> list[Metric]:
    tree = ast.parse((PACKAGE / "metrics.py").read_text())
    return [metric(node.targets[0], node.value) for node in tree.body if isinstance(node, ast.Assign) and is_metric(node.value)]


def is_metric(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in SERIES


def metric(target: ast.expr, value: ast.expr) -> Metric:
    assert isinstance(target, ast.Name)
    assert isinstance(value, ast.Call)
    assert isinstance(value.func, ast.Name)
    name, text, *labels = [cast("object", ast.literal_eval(argument)) for argument in value.args]
    suffix = "_total" if value.func.id == Counter.__name__ else ""
    return Metric(target.id, f"{name}{suffix}", value.func.id, str(text), tuple(cast("list[str]", labels[0])) if labels else ())


METRICS = made()


@cache
def fed() -> frozenset[str]:
    """The metrics' variables that some room writes to."""
    return frozenset(name for path in PACKAGE.rglob("*.py") for name in re.findall(r"\bmetrics\.([A-Z_]+)\b", path.read_text()))


def test_the_page_of_settings_is_the_table() -> None:
    assert [line for line in SETTINGS_PAGE.splitlines() if line.startswith("| `--")] == [row(setting) for setting in SETTINGS]


def test_a_setting_s_variable_and_flag_are_spelled_alike_and_once() -> None:
    for spelled in ("flag", "env"):
        assert len({getattr(setting, spelled) for setting in SETTINGS}) == len(SETTINGS)
    assert [one.flag for one in SETTINGS if not re.fullmatch(r"--[a-z]+(-[a-z]+)*", one.flag)] == []
    assert [one.env for one in SETTINGS if not re.fullmatch(r"ROTATED_RDS_[A-Z]+(_[A-Z]+)*", one.env)] == []


def test_the_metrics_are_the_contract_s() -> None:
    assert {one.name: one.labels for one in METRICS} == PUBLIC


def test_every_metric_is_served() -> None:
    served = {family.name + ("_total" if family.type == "counter" else "") for family in metrics.REGISTRY.collect()}
    assert served == set(PUBLIC)


@pytest.mark.parametrize("one", METRICS, ids=lambda one: one.name)
def test_some_room_feeds_the_metric(one: Metric) -> None:
    assert one.variable in fed()


@pytest.mark.parametrize("one", METRICS, ids=lambda one: one.name)
def test_the_page_of_metrics_tells_the_metric_and_a_query_for_it(one: Metric) -> None:
    (line,) = [line for line in METRICS_PAGE.splitlines() if line.startswith(f"| `{one.name}` ")]
    assert line.startswith(one.row())
    query = line.rsplit(" | ", 1)[1]
    assert re.search(one.queried, query)


def test_the_page_of_metrics_tells_no_other() -> None:
    rows = re.findall(r"^\| `(rotated_rds_\w+)`", METRICS_PAGE, re.MULTILINE)
    assert rows == [one.name for one in METRICS]
