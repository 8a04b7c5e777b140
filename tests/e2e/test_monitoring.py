"""A real Prometheus scrapes the operator: the dashboard's queries have answers, the alerts load, and those are up that should be."""

import json
import secrets
from pathlib import Path
from typing import Any

import yaml

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.chart import CHART, one_of, render
from tests.support.databases import set_password
from tests.support.operators import Operator, running
from tests.support.prometheus import Prometheus, scraping
from tests.support.resources import Cluster, a_resource

JOB = "rotated-rds/rotated-rds"
PANELS = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
QUERIES = {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}

WRONG = {name for name, query in QUERIES.items() if "> 0" in query}  # what shows something only when something is wrong


def rules(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(one_of(render({"prometheusRule": {"enabled": True}}), "PrometheusRule")["spec"]))
    return path


def asked(query: str) -> str:
    """As Grafana sends it."""
    return query.replace("$job", JOB).replace("$__rate_interval", "1m")


def shown(prometheus: Prometheus, panel: str, label: str) -> set[str]:
    """What a panel's series say by one label."""
    return {labels[label] for labels, _ in prometheus.values(asked(QUERIES[panel]))}


def changed_elsewhere(aws: Aws, secret: str, database: Facts, user: str) -> str:
    """Somebody's script rotates, and the sweep is what tells the operator; the new version."""
    client: Any = aws.secretsmanager()
    value = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    set_password(database, user, "elsewhere-Passw0rd")
    return client.put_secret_value(SecretId=secret, SecretString=json.dumps({**value, "password": "elsewhere-Passw0rd"}))["VersionId"]


def runs_on(cluster: Cluster, version: str) -> bool:
    (known,) = cluster.status("db")["workloads"]
    return (known["state"], known["versionId"]) == ("Ready", version)


def test_prometheus_has_answers_and_the_right_alerts(
    bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str, tmp_path: Path
) -> None:
    cluster, user, ours = Cluster(api, namespace), f"u{secrets.token_hex(4)}", Aws(aws)
    operator = Operator(bed, ours, (namespace,), environment={"ROTATED_RDS_SWEEP_INTERVAL": "1s"})
    with running(operator):
        assert operator.port is not None
        with scraping(bed, tmp_path, JOB, [operator.port], rules(tmp_path)) as prometheus:
            until("a first scrape", lambda: prometheus.values(f'up{{job="{JOB}"}} == 1') != [])
            cluster.given_user(postgres, user, "first-Passw0rd")
            cluster.given_deployment("orders", "db")
            cluster.given_resource(a_resource(namespace, "db", postgres, user, rotation={"schedule": "rate(30 days)"}))
            cluster.expect_ready("db")
            cluster.annotate("db", rotate="now")
            cluster.expect_request("db", "rotate", "now")
            cluster.expect_ready("db")
            version = changed_elsewhere(Aws(aws), cluster.status("db")["secretArn"], postgres, user)
            cluster.expect("its workload runs on it", lambda: runs_on(cluster, version))
            cluster.expect_ready("db")

            until(
                "every panel has data", lambda: not [name for name in QUERIES.keys() - WRONG if not prometheus.values(asked(QUERIES[name]))]
            )
            groups = prometheus.ask("rules")["groups"]
            assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
            until("no alert is up", lambda: prometheus.alerts() == set())

            set_password(postgres, user, "somebody-changed-it")
            cluster.annotate("db", sync="look")
            cluster.expect_condition("db", "CredentialVerified", "False", "LoginFailed")
            expected = {"RotatedRDSLoginFailed", "RotatedRDSStalled", "RotatedRDSNotReady"}
            until(f"{expected} are up", lambda: prometheus.alerts() == expected)
            until("its condition is in its panel", lambda: shown(prometheus, "What does not hold A", "condition") == {"CredentialVerified"})
            until("the problem is in its panel", lambda: "LoginFailed" in shown(prometheus, "Problems A", "reason"))
