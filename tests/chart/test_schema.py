"""The chart refuses wrong values before anything is sent, and names the key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.chart import readme
from tests.support.chart import CHART, HelmError, helm, render

NAMESPACED = {"watch": {"namespaces": ["shop"]}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"replicas": 2}, ["'replicas' not allowed"], id="an unknown key"),
        pytest.param({"watch": {"namespace": "a"}}, ["/watch", "'namespace' not allowed"], id="an unknown key inside a map"),
        pytest.param({"aws": {"events": {"queueURL": "x"}}}, ["/aws/events", "'queueURL' not allowed"], id="a key in other letters"),
        pytest.param({"installCRDs": True}, ["'installCRDs' not allowed"], id="another chart's key"),
        pytest.param({"securityContext": {"readonlyRootFilesystem": True}}, ["/securityContext"], id="a typo that would lower the guard"),
        pytest.param({"replicaCount": "2"}, ["/replicaCount", "want integer"], id="a text for a number"),
        pytest.param({"workers": 1}, ["/workers", "minimum"], id="fewer workers than the operator takes"),
        pytest.param({"limits": {"rotations": 0}}, ["/limits/rotations", "minimum"], id="no rotation at all"),
        pytest.param({"limits": {"minRotationInterval": "5"}}, ["/limits/minRotationInterval", "pattern"], id="a duration without unit"),
        pytest.param({"aws": {"sweepInterval": "1d"}}, ["/aws/sweepInterval", "pattern"], id="a unit that Go lacks"),
        pytest.param({"aws": {"events": {"queueUrl": "arn:aws:sqs:eu-west-1:1:q"}}}, ["/aws/events/queueUrl"], id="an ARN for a URL"),
        pytest.param({"aws": {"secretPrefix": "a b"}}, ["/aws/secretPrefix", "pattern"], id="a letter that no AWS secret has"),
        pytest.param({"clusterName": "x" * 64}, ["/clusterName", "pattern"], id="a cluster's name that is too long"),
        pytest.param({"clusterName": "a/b"}, ["/clusterName", "pattern"], id="a slash in a cluster's name"),
        pytest.param({"log": {"level": "trace"}}, ["/log/level", "'debug', 'info', 'warning', 'error'"], id="a level that is none"),
        pytest.param({"log": {"format": "yaml"}}, ["/log/format"], id="a format that is none"),
        pytest.param({"metrics": {"port": 70000}}, ["/metrics/port", "maximum"], id="a port that is none"),
        pytest.param({"metrics": {"perResource": "no"}}, ["/metrics/perResource", "want boolean"], id="a text for a switch"),
        pytest.param({"tenancy": {"mode": "open"}}, ["/tenancy/mode"], id="a mode in small letters"),
        pytest.param({"tenancy": {"rules": [{"secrets": ["*"]}]}}, ["/tenancy/rules/0", "namespaces"], id="a rule for nobody"),
        pytest.param(
            {"tenancy": {"rules": [{"namespaces": ["a"], "secret": ["x"]}]}}, ["/tenancy/rules/0", "'secret'"], id="a rule's typo"
        ),
        pytest.param({"tenancy": {"rules": [{"namespaces": ["a"], "allow": ["Delete"]}]}}, ["/tenancy/rules/0/allow/0"], id="a wrong word"),
        pytest.param({"image": {"digest": "abc"}}, ["/image/digest", "pattern"], id="a digest that is none"),
        pytest.param({"image": {"repository": "a:1"}}, ["/image/repository", "pattern"], id="a tag in the repository"),
        pytest.param({"image": {"pullPolicy": "always"}}, ["/image/pullPolicy"], id="a pull policy in small letters"),
        pytest.param({"watch": {"namespaces": "shop"}}, ["/watch/namespaces", "want array"], id="one namespace as a text"),
        pytest.param({"watch": {"namespaces": ["Shop"]}}, ["/watch/namespaces/0", "pattern"], id="a namespace that cannot be"),
        pytest.param({"extraEnv": {"A": "b"}}, ["/extraEnv", "want array"], id="variables as a map"),
        pytest.param({"extraEnv": [{"value": "b"}]}, ["/extraEnv/0", "name"], id="a variable without a name"),
        pytest.param({"extraArgs": ["workers=3"]}, ["/extraArgs/0", "pattern"], id="a flag without its dashes"),
        pytest.param({"tolerations": [{"keys": "a"}]}, ["/tolerations/0", "'keys'"], id="a toleration's typo"),
        pytest.param({"resources": {"request": {}}}, ["/resources", "'request'"], id="the resources' typo"),
        pytest.param({"caBundle": {"pem": "no certificate"}}, ["/caBundle/pem", "pattern"], id="a CA that is none"),
        pytest.param({"terminationGracePeriodSeconds": 5}, ["/terminationGracePeriodSeconds"], id="less time than passes get to end"),
        pytest.param({"commonLabels": {"team": "a b"}}, ["/commonLabels/team", "pattern"], id="a label that Kubernetes refuses"),
        pytest.param(NAMESPACED, ["clusterName: required with watch.namespaces"], id="namespaces without the cluster's name"),
        pytest.param(
            {"caBundle": {"pem": "-----BEGIN CERTIFICATE-----", "configMap": {"name": "ca"}}},
            ["caBundle: set pem or"],
            id="two sources of CAs",
        ),
        pytest.param({"podDisruptionBudget": {"minAvailable": 1}}, ["podDisruptionBudget: set minAvailable or"], id="two budgets"),
        pytest.param({"podDisruptionBudget": {"maxUnavailable": ""}}, ["podDisruptionBudget: set minAvailable or"], id="no budget"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, object], said: list[str]) -> None:
    with pytest.raises(HelmError) as refusal:
        render(values)
    for words in said:
        assert words in str(refusal.value)


def nodes(node: object, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        node = cast("dict[str, Any]", node)
        yield path, node
        for key, child in node.items():
            yield from nodes(child, f"{path}/{key}")
    elif isinstance(node, list):
        for place, child in enumerate(cast("list[object]", node)):
            yield from nodes(child, f"{path}/{place}")


def test_every_map_of_the_schema_is_closed_but_for_kubernetes_own_shapes() -> None:
    is_open = [
        path
        for path, node in nodes(readme.schema(), "")
        if node.get("type") == "object" and "additionalProperties" not in node and not path.endswith("/properties")
    ]
    assert is_open == [
        "/properties/global",
        "/properties/extraVolumes/items",
        "/properties/extraObjects/items/oneOf/0",
        "/definitions/kubernetes",
    ]


def test_every_key_of_the_schema_stands_in_values() -> None:
    def missing(node: dict[str, Any], values: object, path: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            if not isinstance(values, dict) or key not in values:
                yield f"{path}{key}"
            elif child.get("properties"):
                yield from missing(child, cast("dict[str, object]", values)[key], f"{path}{key}.")

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    shapes = ("global", "podSecurityContext.", "securityContext.", "resources.", "affinity.")
    assert [path for path in missing(readme.schema(), values, "") if not path.startswith(shapes)] == []


def test_a_parent_chart_may_switch_it_and_hand_down_its_globals(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    (parent / "charts" / "rotated-rds").symlink_to(CHART)
    dependency = {"name": "rotated-rds", "version": "0.1.0", "condition": "rotated-rds.enabled"}
    (parent / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}))
    (parent / "values.yaml").write_text(json.dumps({"global": {"team": "a"}, "rotated-rds": {"enabled": True, "replicaCount": 1}}))
    assert "kind: Deployment" in helm("template", "one", str(parent))
    assert "kind: Deployment" not in helm("template", "one", str(parent), "--set", "rotated-rds.enabled=false")
