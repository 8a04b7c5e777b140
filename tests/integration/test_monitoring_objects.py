"""The API server takes what the chart makes for the operator for Prometheus, by that operator's own CRDs; it itself does not run here."""

from typing import Any

import pytest
import yaml

from tests.bed import prometheus
from tests.bed.api import Api, ApiError
from tests.support.chart import render
from tests.support.kinds import given_kinds

GROUP = "/apis/monitoring.coreos.com/v1"
PLURALS = {"ServiceMonitor": "servicemonitors", "PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}
FULL = {"labels": {"release": "p"}, "interval": "30s", "scrapeTimeout": "10s"}
RELABELED = {
    "relabelings": [{"action": "replace", "sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}],
    "metricRelabelings": [{"action": "labeldrop", "regex": "pod"}],
}
RULES = {"enabled": True, "labels": {"release": "p"}, "alertLabels": {"team": "data"}, "disabled": ["RotatedRDSNotReady"]}
VALUES = {
    "a ServiceMonitor and the rules": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
    "a ServiceMonitor with all that it can be told": {"serviceMonitor": {"enabled": True, **FULL, **RELABELED}},
    "a PodMonitor": {"podMonitor": {"enabled": True}},
    "a PodMonitor with all that it can be told": {"podMonitor": {"enabled": True, **FULL, **RELABELED}, "prometheusRule": RULES},
}


@pytest.fixture(scope="module")
def served(api: Api) -> Api:
    """The API server with those CRDs."""
    given_kinds(api, [yaml.load(path.read_text(), yaml.CSafeLoader) for path in prometheus.operator_crds(*PLURALS.values())])
    return api


def tried(api: Api, namespace: str, one: dict[str, Any]) -> Any:
    """The API server's answer to a dry run that takes no unknown field."""
    body = {**one, "metadata": {**one["metadata"], "namespace": namespace}}
    return api.call("POST", f"{GROUP}/namespaces/{namespace}/{PLURALS[one['kind']]}?dryRun=All&fieldValidation=Strict", body)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_the_api_server_takes_what_the_chart_renders(values: dict[str, object], served: Api, namespace: str) -> None:
    objects = [one for one in render(values) if one["kind"] in PLURALS]
    assert len(objects) == len(values)
    for one in objects:
        assert tried(served, namespace, one)["spec"] == one["spec"], "nothing is dropped, nothing is filled in"


def test_the_dry_run_would_see_a_field_that_is_none(served: Api, namespace: str) -> None:
    (one,) = [one for one in render({"podMonitor": {"enabled": True}}) if one["kind"] == "PodMonitor"]
    one["spec"] |= {"endpoints": []}
    with pytest.raises(ApiError, match="unknown field"):
        tried(served, namespace, one)
