"""Every file of examples/ is taken by the real API server and by the operator; those of an RDS instance are carried out for real."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotated_rds.model.spec import parse_spec
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubectl import Kubectl
from tests.bed.paths import REPO
from tests.support import walkthrough
from tests.support.aws import Aws
from tests.support.databases import can_log_in, new_user
from tests.support.nursery import shortened
from tests.support.operators import Operator, running
from tests.support.releases import install
from tests.support.resources import Cluster, merged
from tests.support.walkthrough import Aftermath

Json = dict[str, Any]
FILES = sorted((REPO / "examples").glob("*.yaml"))
FIRST = "first-Passw0rd"
REGION = "eu-west-1"  # the examples' own RDS instance `orders` is there, out of other tests' way


def documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((REPO / "examples" / name).read_text()))


RESOURCES = {one["metadata"]["name"]: one for file in FILES for one in documents(file.name) if one["kind"] == "RotatedRDSSecret"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_taken_by_the_api_server(file: Path, kubectl: Kubectl, api: Api, namespace: str) -> None:
    install(api)
    assert "(server dry run)" in kubectl("apply", "-n", namespace, "--dry-run=server", "-f", str(file))


@pytest.mark.parametrize("name", RESOURCES)
def test_an_example_asks_for_nothing_that_this_version_does_not_carry_out(name: str) -> None:
    assert parse_spec(RESOURCES[name]["spec"])


def test_the_readme_names_every_example() -> None:
    readme = (REPO / "README.md").read_text()
    assert [file.name for file in FILES if f"(examples/{file.name})" not in readme] == []


@dataclass
class Shop:
    """A namespace with a user of its own, in the examples' RDS instance; the operator looks after it."""

    cluster: Cluster
    kubectl: Kubectl
    aws: Aws
    database: Facts
    user: str

    def apply(self, name: str, **spec: Any) -> str:
        """Apply an example for this shop's own user; spec: what else is this test's own. The resource's name."""
        applied = ""
        for one in documents(name):
            if one["kind"] == "RotatedRDSSecret":
                applied = one["metadata"]["name"]
                given = {"user": {"name": self.user}} if "user" in one["spec"] else {}
                one["spec"] = merged(merged(one["spec"], given), spec)
            self.kubectl.apply(yaml.safe_dump(one), self.cluster.namespace)
        return applied

    def rotated(self, resource: str) -> dict[str, str]:
        """The Secret's content once all is well; it logs in, and the first password does not any more."""
        self.cluster.expect_ready(resource)
        content = self.cluster.content(resource)
        assert can_log_in(self.database, self.user, content["password"])
        assert not can_log_in(self.database, self.user, FIRST)
        return content

    def stored(self, name: str, user: str, password: str) -> str:
        """An AWS secret that somebody else made."""
        place = {"engine": "postgres", "host": "localhost", "port": self.database["port"], "dbname": "app"}
        value = json.dumps({**place, "username": user, "password": password})
        self.aws.secretsmanager().create_secret(Name=name, SecretString=value)
        return name


@pytest.fixture
def shop(bed: Bed, api: Api, kubectl: Kubectl, aws: Facts, postgres: Facts, namespace: str) -> Iterator[Shop]:
    ours, user = Aws({**aws, "region": REGION}), f"u{secrets.token_hex(4)}"
    ours.control.place(instance="orders", engine="postgres", host="localhost", port=postgres["port"], region=REGION)
    new_user(postgres, user, FIRST)
    cluster = Cluster(api, namespace)
    cluster.given_secret("orders-first-password", {"password": FIRST})
    with running(Operator(bed, ours, (namespace,), environment={"ROTATED_RDS_STACK_ROLE": "stacks", **shortened(hosted__LIST_LAGS=1)})):
        yield Shop(cluster, kubectl, ours, postgres, user)


def test_the_smallest_example_replaces_the_first_password_and_the_application_s_rolls(shop: Shop) -> None:
    name = shop.apply("orders-postgres.yaml")
    before = shop.rotated(name)
    shop.apply("orders-app.yaml")
    shop.cluster.annotate(name, rotate="once more")
    assert shop.cluster.expect_request(name, "rotate", "once more")["result"] == "Done"
    assert shop.rotated(name)["password"] != before["password"]
    (workload,) = shop.cluster.expect_ready(name)["workloads"]
    assert (workload["kind"], workload["name"], workload["state"]) == ("Deployment", "orders", "Ready")


def test_with_an_administrator_no_first_password_is_needed(shop: Shop) -> None:
    admin = shop.stored(f"admin/{shop.user}", str(shop.database["admin_user"]), str(shop.database["admin_password"]))
    shop.rotated(shop.apply("with-admin.yaml", user={"adminSecretId": admin}))


def test_two_users_take_turns_and_the_one_before_still_logs_in(shop: Shop) -> None:
    admin = shop.stored(f"admin/{shop.user}", str(shop.database["admin_user"]), str(shop.database["admin_password"]))
    name = shop.apply("alternating.yaml", user={"adminSecretId": admin})
    shop.cluster.expect_ready(name)
    content = shop.cluster.content(name)
    assert content["username"] == f"{shop.user}_clone"
    assert can_log_in(shop.database, content["username"], content["password"])
    assert can_log_in(shop.database, shop.user, FIRST)


def test_aws_rotates_with_the_function_and_schedule_of_the_example(shop: Shop) -> None:
    function = shop.aws.function_arn(shop.user)
    shop.aws.control.function(function, "ours", environment={**shop.aws.environment, "ROTATED_RDS_CA_FILE": str(shop.database["ca"])})
    name = shop.apply("lambda.yaml", rotation={"functionArn": function})
    shop.rotated(name)
    told = shop.aws.secretsmanager().describe_secret(SecretId=shop.cluster.status(name)["secretArn"])
    assert told.get("RotationLambdaARN") == function
    rules = told.get("RotationRules", {})
    assert (rules.get("ScheduleExpression"), rules.get("Duration")) == ("rate(30 days)", "3h")


def test_the_walk_through_s_thirteen_steps_are_one_file_and_its_stack_goes_with_it(shop: Shop) -> None:
    keys, own = shop.aws.client("kms"), {"name": f"shop/{shop.user}"}
    keys.create_alias(AliasName="alias/orders", TargetKeyId=keys.create_key()["KeyMetadata"]["KeyId"])
    name = shop.apply("walk-through.yaml", secret=own)
    shop.rotated(name)
    spec = shop.cluster.resource(name)["spec"]
    after = Aftermath(Aws(shop.aws.facts), spec, shop.aws.control.calls())
    assert len(walkthrough.STEPS) == 13
    for step in walkthrough.STEPS:
        assert after.complete(step), step.console
        assert step.seen(after) == step.wanted(after), step.console
    shop.cluster.delete(name)
    shop.cluster.expect("it is gone", lambda: shop.cluster.api.get(shop.cluster.path("rotatedrdssecrets", name)) is None)
    stacks = shop.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert after.stack["StackId"] not in {one["StackId"] for one in stacks}


def test_another_s_secret_is_followed_and_never_written(shop: Shop) -> None:
    followed = shop.stored(f"platform/{shop.user}", shop.user, FIRST)
    name = shop.apply("external.yaml", secret={"name": followed})
    shop.cluster.expect_ready(name)
    assert shop.cluster.content(name)["password"] == FIRST
    told = shop.aws.secretsmanager().describe_secret(SecretId=followed)
    assert (told.get("Tags", []), len(told.get("VersionIdsToStages", {}))) == ([], 1)


def test_templates_and_ready_made_keys_stand_in_the_secret(shop: Shop) -> None:
    content = shop.rotated(shop.apply("template-and-keys.yaml"))
    assert content["uri"] == f"postgresql://{shop.user}:{content['password']}@localhost:{shop.database['port']}/app"
    assert json.loads(content["config.json"])["password"] == content["password"]
    assert f"spring.datasource.password={content['password']}\n" in content["application.properties"]
    assert (content["type"], content["database"]) == ("postgresql", "app")


def test_waves_roll_who_reads_the_secret_or_is_named_and_nobody_who_opted_out(shop: Shop) -> None:
    name = shop.apply("waves.yaml")
    shop.rotated(name)
    shop.cluster.annotate(name, rotate="in waves")
    assert shop.cluster.expect_request(name, "rotate", "in waves")["result"] == "Done"
    states = {one["name"]: one["state"] for one in shop.cluster.expect_ready(name)["workloads"]}
    assert states == {"worker": "Ready", "web": "Ready", "legacy": "Ready", "reloads-by-itself": "Skipped"}


def test_a_secret_is_taken_over_when_it_is_tagged_and_keeps_its_value(shop: Shop) -> None:
    old = shop.stored(f"old/{shop.user}", shop.user, FIRST)
    name = shop.apply("adopt.yaml", secret={"name": old})
    refused = shop.cluster.expect_condition(name, "SecretReady", "False", "NotAdopted")
    owner = f"bed/{shop.cluster.namespace}/{name}"
    assert owner in refused["message"]
    shop.aws.secretsmanager().tag_resource(SecretId=old, Tags=[{"Key": "rotated-rds.io/adopt", "Value": owner}])
    shop.cluster.annotate(name, sync="tagged")
    shop.cluster.expect_ready(name)
    assert shop.cluster.content(name)["password"] == FIRST
