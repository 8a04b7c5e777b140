"""Each setting of the operator is reached by the value that docs/settings.md names, with the same default."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from rotated_rds.model.tenancy import parse
from rotated_rds.settings import SETTINGS, Setting, load_tenancy
from tests.support.chart import CHART, NAME, of_kind, one_of, render

TOLD: dict[str, dict[str, Any]] = {
    "watch.namespaces": {"watch": {"namespaces": ["a", "b"]}, "clusterName": "c"},
    "watch.selector": {"watch": {"selector": "team=a"}},
    "aws.events.queueUrl": {"aws": {"events": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}}},
    "aws.sweepInterval": {"aws": {"sweepInterval": "2m"}},
    "clusterName": {"clusterName": "prod-1"},
    "aws.secretPrefix": {"aws": {"secretPrefix": "prod/"}},
    "aws.stackRole": {"aws": {"stackRole": "stacks"}},
    "limits.minRotationInterval": {"limits": {"minRotationInterval": "7s"}},
    "limits.rotations": {"limits": {"rotations": 3}},
    "limits.rollouts": {"limits": {"rollouts": 4}},
    "workers": {"workers": 6},
    "metrics.port": {"metrics": {"port": 9090}},
    "metrics.perResource": {"metrics": {"perResource": False}},
    "log.format": {"log": {"format": "text"}},
    "log.level": {"log": {"level": "debug"}},
}
FILES = ("tenancy_file", "ca_file")
BY_VALUE = [one for one in SETTINGS if one.helm and one.name not in FILES]


def container(values: dict[str, Any]) -> dict[str, Any]:
    return one_of(render(values), "Deployment")["spec"]["template"]["spec"]["containers"][0]


def environment(values: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(values)["env"]}


def at(values: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values


def typed(told: object, setting: Setting) -> str:
    """A value as one types it for the flag."""
    if isinstance(told, list):
        return ",".join(cast("list[str]", told))
    return f":{told}" if setting.name == "listen" else str(told)


@pytest.mark.parametrize("setting", BY_VALUE, ids=lambda one: one.helm)
def test_a_value_reaches_the_operator_as_its_setting(setting: Setting) -> None:
    heard = setting.read(environment(TOLD[setting.helm])[setting.env])
    assert heard == setting.read(typed(at(TOLD[setting.helm], setting.helm), setting))
    assert heard != setting.read(setting.default)


@pytest.mark.parametrize("setting", BY_VALUE, ids=lambda one: one.helm)
def test_a_value_s_default_is_the_setting_s(setting: Setting) -> None:
    default = at(yaml.safe_load((CHART / "values.yaml").read_text()), setting.helm)
    assert setting.read(typed(default, setting)) == setting.read(setting.default)


def test_every_setting_with_a_value_is_tried_here() -> None:
    assert sorted(TOLD) == sorted(one.helm for one in BY_VALUE)
    files = {value.removesuffix(".*") for one in SETTINGS if one.name in FILES for value in one.helm.split(", ")}
    assert files == {"tenancy.mode", "tenancy.rules", "caBundle"}


def test_every_variable_of_the_chart_is_a_setting_of_the_operator_or_of_the_sdk() -> None:
    known = {one.env for one in SETTINGS} | {"AWS_REGION", "AWS_ENDPOINT_URL"}
    values: dict[str, Any] = {"aws": {"region": "eu-west-1", "endpointUrl": "http://aws"}, "caBundle": {"configMap": {"name": "ca"}}}
    assert {"AWS_REGION", "AWS_ENDPOINT_URL", "ROTATED_RDS_CA_FILE"} <= set(environment(values))
    for told in [{}, values, *TOLD.values()]:
        assert set(environment(told)) <= known


def test_the_tenancy_file_is_what_was_told(tmp_path: Path) -> None:
    rules = [{"namespaces": ["shop"], "secrets": ["shared/*"], "allow": ["Adoption"]}]
    objects = render({"tenancy": {"mode": "Open", "rules": rules}})
    file = tmp_path / "tenancy.yaml"
    file.write_text(one_of(objects, "ConfigMap", f"{NAME}-tenancy")["data"]["tenancy.yaml"])
    assert load_tenancy(file) == parse({"mode": "Open", "rules": rules})
    mounts = {one["mountPath"] for one in one_of(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert environment({})["ROTATED_RDS_TENANCY_FILE"].rsplit("/", 1)[0] in mounts


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("bundle", "name", "key"),
    [
        pytest.param({"pem": PEM}, f"{NAME}-ca", "ca.crt", id="as a text"),
        pytest.param({"configMap": {"name": "own", "key": "bundle.pem"}}, "own", "bundle.pem", id="by reference"),
    ],
)
def test_more_cas_are_mounted_where_the_operator_is_told(bundle: dict[str, Any], name: str, key: str) -> None:
    objects = render({"caBundle": bundle})
    pod = one_of(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [one["configMap"] for one in pod["volumes"] if one["name"] == "ca"]
    (mount,) = [one["mountPath"] for one in pod["containers"][0]["volumeMounts"] if one["name"] == "ca"]
    assert volume == {"name": name, "items": [{"key": key, "path": "ca.crt"}]}
    assert environment({"caBundle": bundle})["ROTATED_RDS_CA_FILE"] == f"{mount}/ca.crt"
    assert [one["data"] for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"] == f"{NAME}-ca"] == (
        [{"ca.crt": PEM}] if "pem" in bundle else []
    )


def test_the_release_s_name_is_the_operator_s() -> None:
    assert environment({})["ROTATED_RDS_RELEASE"] == NAME
    (deployment,) = of_kind(render({}, release="team-a"), "Deployment")
    (told,) = [
        one["value"] for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"] if one["name"] == "ROTATED_RDS_RELEASE"
    ]
    assert told == deployment["metadata"]["name"] == "team-a-rotated-rds"
