"""Alerts and dashboard: promtool reads and tries each alert, and every metric, label and word in them is one that the operator gives."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from botocore.retries.standard import ThrottledRetryableChecker
from prometheus_client import Counter, Histogram

from rotated_rds import metrics
from rotated_rds.clients import aws
from rotated_rds.model.errors import Reason
from rotated_rds.model.spec import Method
from rotated_rds.model.status import Kind
from tests.bed import prometheus
from tests.bed.paths import REPO
from tests.support.chart import CHART, HelmError, one_of, render

Json = dict[str, Any]
JOB = "rotated-rds/rotated-rds"
CASES: list[Json] = yaml.safe_load((REPO / "tests" / "chart" / "alerts.yaml").read_text())
FILE = CHART / "files" / "alerts.yaml"
RULES: list[Json] = yaml.safe_load(FILE.read_text())["groups"][0]["rules"]
DASHBOARD: Json = json.loads((CHART / "files" / "dashboard.json").read_text())
PANELS: list[Json] = DASHBOARD["panels"]
QUERIES = {
    **{f"alert {rule['alert']}": rule["expr"] for rule in RULES},
    **{f"panel {panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
}
WORDS = {  # what a label can say; those that AWS or a user names are tried elsewhere, or cannot be known
    "condition": {str(kind) for kind in Kind},
    "status": {"True", "False", "Unknown"},
    "stage": {str(kind) for kind in Kind} | {"Queue"},
    "reason": {str(reason) for reason in Reason} | {"UnknownMessage"},
    "method": {str(method) for method in Method},
    "result": {"Succeeded", "Failed", "Started", "Ready"},
}


def series() -> dict[str, set[str]]:
    """Every series' name as a scrape shows it, with its labels."""
    found: dict[str, set[str]] = {}
    for one in vars(metrics).values():
        if not hasattr(one, "_labelnames"):
            continue
        labels, name = set(cast("tuple[str, ...]", one._labelnames)), str(one._name)
        if isinstance(one, Histogram):
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[f"{name}_total" if isinstance(one, Counter) else name] = labels
    return found


SERIES = series()


def selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The metrics of a query, each with its matchers: label → text or pattern."""
    for name, inside in re.findall(r"\b(rotated_rds_\w+)(?:\{([^}]*)\})?", query):
        yield name, dict(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', inside))


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([prometheus.program("promtool"), *words], capture_output=True, text=True, check=False)


def rendered(**values: object) -> Json:
    """The chart's PrometheusRule."""
    return one_of(render({"prometheusRule": {"enabled": True, **values}}), "PrometheusRule")


def rule_file(folder: Path, **values: object) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(rendered(**values)["spec"]))
    return path


# the queries


def test_there_is_something_to_look_at() -> None:
    assert len(RULES) >= 10
    assert len(PANELS) >= 12
    assert len(SERIES) == len({name for name in SERIES if name.startswith("rotated_rds_")}) > 15


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_asks_for_series_and_labels_that_the_operator_gives(query: str) -> None:
    asked = list(selectors(query))
    assert asked
    for name, matchers in asked:
        assert name in SERIES
        assert set(matchers) <= SERIES[name] | {"job"}
        assert "job" in matchers, "two releases would be one"
    given = {label for name, _ in asked for label in SERIES[name]} | {"job"}
    assert {label for inside in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query) for label in re.findall(r"\w+", inside)} <= given


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_looks_for_words_that_the_operator_says(query: str) -> None:
    for _, matchers in selectors(query):
        for label, pattern in matchers.items():
            known = WORDS.get(label)
            assert known is None or set(pattern.split("|")) <= known


def test_promtool_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    told = {"$__rate_interval": "5m", "$job": JOB}
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    for variable, text in told.items():
        queries = [query.replace(variable, text) for query in queries]
    rules = [{"record": f"dashboard:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "dashboard.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def test_throttling_is_every_code_that_the_sdk_takes_for_it() -> None:
    codes = set(cast("list[str]", vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"])) - {"LimitExceededException"}  # a quota here
    assert matched("RotatedRDSAWSThrottled", codes) == codes
    assert not matched("RotatedRDSAWSThrottled", {"OK", "AccessDenied", "LimitExceededException", "InternalServiceError"})


def test_denial_is_every_code_that_the_operator_takes_for_it() -> None:
    codes = cast("frozenset[str]", vars(aws)["_DENIED"]) | {"NoCredentials"}
    assert matched("RotatedRDSAWSDenied", codes) == codes
    assert not matched("RotatedRDSAWSDenied", {"OK", "ResourceNotFoundException", "ThrottlingException"})


def matched(alert: str, codes: set[str] | frozenset[str]) -> set[str]:
    (_, matchers), *_ = selectors(rule(alert)["expr"])
    return {code for code in codes if re.fullmatch(matchers["code"], code)}


# alerts


def rule(alert: str) -> Json:
    return next(one for one in RULES if one["alert"] == alert)


@pytest.mark.parametrize("alert", [one["alert"] for one in RULES])
def test_an_alert_says_how_long_how_bad_what_and_where_to_read_on(alert: str) -> None:
    one = rule(alert)
    assert re.fullmatch(r"RotatedRDS[A-Z]\w+", alert)
    assert re.fullmatch(r"\d+[mh]", one["for"])
    assert one["labels"]["severity"] in ("critical", "warning")
    assert set(one["annotations"]) == {"summary", "description", "runbook_url"}
    assert one["annotations"]["summary"].endswith(".")
    assert one["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("alert", [one["alert"] for one in RULES])
def test_an_alert_is_tried_firing_and_not_firing(alert: str) -> None:
    outcomes = [bool(case["fires"]) for case in CASES if case["alert"] == alert]
    assert set(outcomes) == {True, False}


def test_no_claim_is_about_an_alert_that_is_none() -> None:
    assert {case["alert"] for case in CASES} == {one["alert"] for one in RULES}


def test_promtool_finds_no_fault_in_the_rules_as_written_and_as_rendered(tmp_path: Path) -> None:
    for path in (FILE, rule_file(tmp_path)):
        done = promtool("check", "rules", path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(RULES)} rules found" in done.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['alert']}: {case['claim']}")
def test_an_alert_fires_when_it_should_and_not_otherwise(case: Json, tmp_path: Path) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rule_file(tmp_path))], "tests": [attempt(case)]}))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr


def attempt(case: Json) -> Json:
    """A case as promtool's own test."""
    annotations = rule(case["alert"])["annotations"]
    firing = [{"exp_labels": one["labels"], "exp_annotations": {**annotations, "summary": one["summary"]}} for one in case["fires"]]
    told = [{"series": name, "values": str(values)} for name, values in case["series"].items()]
    return {
        "interval": "1m",
        "input_series": told,
        "alert_rule_test": [{"eval_time": case["at"], "alertname": case["alert"], "exp_alerts": firing}],
    }


def test_a_claim_s_series_are_the_operator_s_own() -> None:
    for case in CASES:
        for text in case["series"]:
            ((name, labels),) = selectors(text)
            assert set(labels) == SERIES[name] | {"job", "pod"}, f"{case['claim']}: {text}"


def test_the_page_tells_every_alert_as_it_is() -> None:
    page = (REPO / "docs" / "monitoring.md").read_text()
    rows = re.findall(r"^\| `(RotatedRDS\w+)` \| (\w+) \| (\w+) \| .+ \|$", page, re.MULTILINE)
    assert rows == [(one["alert"], one["labels"]["severity"], one["for"]) for one in RULES]


# what the chart makes of them


def test_the_values_reach_the_rules() -> None:
    told = rendered(
        labels={"release": "prometheus"},
        alertLabels={"team": "data"},
        runbookUrl="https://wiki.example.com/runbooks",
        job="databases",
        disabled=["RotatedRDSAWSDenied"],
        sweepStaleSeconds=7200,
    )
    rules = {one["alert"]: one for one in told["spec"]["groups"][0]["rules"]}
    assert set(rules) == {one["alert"] for one in RULES} - {"RotatedRDSAWSDenied"}
    assert told["metadata"]["labels"]["release"] == "prometheus"
    for one in rules.values():
        assert one["labels"]["team"] == "data"
        assert {matchers["job"] for _, matchers in selectors(one["expr"])} == {"databases"}
        assert one["annotations"]["runbook_url"].startswith("https://wiki.example.com/runbooks#")
    assert "> 7200" in rules["RotatedRDSSweepStale"]["expr"]
    assert rules["RotatedRDSNoLeader"]["labels"]["severity"] == "critical"


def test_a_label_of_one_s_own_does_not_change_a_severity() -> None:
    rules = rendered(alertLabels={"severity": "page"})["spec"]["groups"][0]["rules"]
    assert {one["labels"]["severity"] for one in rules} == {"critical", "warning"}


@pytest.mark.parametrize("monitor", ["serviceMonitor", "podMonitor"])
def test_the_job_of_the_rules_is_the_one_that_a_monitor_sets(monitor: str) -> None:
    values: Json = {monitor: {"enabled": True, "labels": {"release": "p"}, "interval": "30s"}, "prometheusRule": {"enabled": True}}
    objects = render(values, release="blue", namespace="databases")
    (found,) = [one for one in objects if one["kind"].endswith("Monitor")]
    (end,) = found["spec"].get("endpoints") or found["spec"]["podMetricsEndpoints"]
    (job,) = [one["replacement"] for one in end["relabelings"] if one["targetLabel"] == "job"]
    (rules,) = [one["spec"]["groups"][0]["rules"] for one in objects if one["kind"] == "PrometheusRule"]
    asked = {matchers["job"] for one in rules for _, matchers in selectors(one["expr"])}
    assert asked == {job} == {"databases/blue-rotated-rds"}
    assert end["interval"] == "30s"
    assert end["honorLabels"] is True
    assert found["metadata"]["labels"]["release"] == "p"


@pytest.mark.parametrize(("monitor", "kind"), [("serviceMonitor", "Service"), ("podMonitor", "Deployment")])
def test_a_monitor_chooses_this_release_and_a_port_that_it_has(monitor: str, kind: str) -> None:
    objects = render({monitor: {"enabled": True}})
    (found,) = [one for one in objects if one["kind"].endswith("Monitor")]
    (end,) = found["spec"].get("endpoints") or found["spec"]["podMetricsEndpoints"]
    target = one_of(objects, kind)
    template = target["spec"]["template"] if kind == "Deployment" else target
    labels = template["metadata"]["labels"]
    assert found["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ports = [port for box in template["spec"]["containers"] for port in box["ports"]] if kind == "Deployment" else target["spec"]["ports"]
    assert end["port"] in [port["name"] for port in ports]


def test_the_dashboard_reaches_grafana_s_sidecar_unchanged() -> None:
    annotations = {"grafana_folder": "Databases"}
    values = {"grafanaDashboard": {"enabled": True, "namespace": "grafana", "annotations": annotations}}
    found = one_of(render(values), "ConfigMap", "rotated-rds-dashboard")
    assert json.loads(found["data"]["rotated-rds.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["namespace"] == "grafana"
    assert found["metadata"]["annotations"] == annotations


def test_nothing_of_it_is_made_unasked() -> None:
    objects = render({})
    assert not [one for one in objects if one["apiVersion"].startswith("monitoring.coreos.com") or "dashboard" in one["metadata"]["name"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "set one", id="both monitors"),
        pytest.param(
            {"serviceMonitor": {"enabled": True}, "metrics": {"service": {"enabled": False}}}, "metrics.service.enabled", id="no Service"
        ),
        pytest.param({"prometheusRule": {"disabled": ["RotatedRDSNothing"]}}, "no alert RotatedRDSNothing", id="an alert that is none"),
        pytest.param({"prometheusRule": {"runbookURL": "x"}}, "'runbookURL' not allowed", id="a key in other letters"),
        pytest.param({"prometheusRule": {"runbookUrl": "https://a/b#c"}}, "/prometheusRule/runbookUrl", id="an anchor of its own"),
        pytest.param({"prometheusRule": {"sweepStaleSeconds": "30m"}}, "/prometheusRule/sweepStaleSeconds", id="a duration for seconds"),
        pytest.param({"serviceMonitor": {"interval": "30"}}, "/serviceMonitor/interval", id="an interval without unit"),
        pytest.param({"podMonitor": {"path": "/m"}}, "'path' not allowed", id="a key that is none"),
        pytest.param({"grafanaDashboard": {"labelValue": 1}}, "/grafanaDashboard/labelValue", id="a number for a label"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(values: Json, said: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(values)
    assert said in str(refused.value)


# the dashboard


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_a_description_and_the_chosen_data_source(panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all('job=~"$job"' in target["expr"] for target in panel["targets"])


def test_panels_are_told_apart_and_lie_side_by_side() -> None:
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in PANELS):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
