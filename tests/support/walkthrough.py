"""AWS's console walk-through beside examples/walk-through.yaml: each step, the fields, the operator's calls for it, and what AWS says then.

The console's words are those of AWS's user guide, "Create a Secrets Manager secret" and "Automatic rotation for database secrets".
`python -m tests.support.walkthrough --write` puts the table into docs/walk-through.md.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from rotated_rds.model.resource_policy import same
from tests.bed.paths import REPO
from tests.support.aws import Aws
from tests.support.tables import print_or_write

Json = dict[str, Any]

FILE = REPO / "examples" / "walk-through.yaml"
PAGE = REPO / "docs" / "walk-through.md"
HEAD = "| | in the console | under `spec` | the operator's calls | where AWS says so afterwards |\n| --- | --- | --- | --- | --- |\n"


def documents() -> list[Json]:
    return list(yaml.safe_load_all(FILE.read_text()))


@dataclass
class Aftermath:
    """AWS when all is done, read by somebody else than the operator. spec: as applied; calls: the operator's, in order.

    Of the secret's value only what is no credential is looked at.
    """

    eye: Aws
    spec: Json
    calls: list[Json] = field(repr=False)

    @cached_property
    def secret(self) -> Any:
        return self.eye.secretsmanager().describe_secret(SecretId=self.spec["secret"]["name"])

    @cached_property
    def place(self) -> Json:
        """AWSCURRENT's value without its password."""
        value = self.eye.secretsmanager().get_secret_value(SecretId=self.spec["secret"]["name"])["SecretString"]
        return {name: said for name, said in json.loads(value).items() if name != "password"}

    @cached_property
    def instance(self) -> Any:
        return self.eye.rds().describe_db_instances(DBInstanceIdentifier=self.spec["database"]["instance"])["DBInstances"][0]

    @cached_property
    def policy(self) -> Json:
        return json.loads(self.eye.secretsmanager().get_resource_policy(SecretId=self.spec["secret"]["name"]).get("ResourcePolicy", "{}"))

    @cached_property
    def stack(self) -> Json:
        return self.eye.client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"][0]

    @cached_property
    def application(self) -> str:
        """Which of AWS's functions the stack holds."""
        whole: Json = self.eye.client("cloudformation").get_template(StackName=self._stack)["TemplateBody"]  # boto3 reads its JSON
        return str(whole["Resources"]["Function"]["Properties"]["Location"]["ApplicationId"]).rpartition("/")[2]

    @property
    def _stack(self) -> str:
        return f"rotated-rds-{self.spec['rotation']['hostedLambda']['functionName']}"

    def labels(self) -> dict[str, str]:
        """Which version carries a label."""
        return {label: version for version, labels in self.secret["VersionIdsToStages"].items() for label in labels}

    def asked(self, operation: str, parameter: str) -> Any:
        """What the operator said last for this parameter."""
        return [one["asked"][parameter] for one in self.calls if named(one) == operation and parameter in one["asked"]][-1]

    def of(self, step: "Step") -> list[Json]:
        """The operator's calls for a step, of those that AWS carried out."""
        wanted = dict(step.calls)
        told = [one for one in self.calls if one["code"] == "OK" and wanted.get(named(one)) in one["asked"]]
        return [one for one in told if one["asked"].get("RotateImmediately") or not step.now]

    def complete(self, step: "Step") -> bool:
        """Whether each of the step's calls was made."""
        return {named(one) for one in self.of(step)} == {operation for operation, _ in step.calls}


def named(call: Json) -> str:
    return f"{call['service']}.{call['operation']}"


@dataclass(frozen=True)
class Step:
    """calls: operation → the parameter that makes it this step's; now: of RotateSecret's those that rotate. read: what tells it."""

    console: str
    fields: str
    calls: tuple[tuple[str, str], ...]
    read: str
    seen: Callable[[Aftermath], object]
    wanted: Callable[[Aftermath], object]
    now: bool = False


_CREATE, _ROTATE, _CHANGE = "secretsmanager.CreateSecret", "secretsmanager.RotateSecret", "cloudformation.CreateChangeSet"
_INSTANCE = ("rds.DescribeDBInstances", "DBInstanceIdentifier")

STEPS = (
    Step(
        "Choose secret type: *Credentials for Amazon RDS database*",
        "`database`",
        (_INSTANCE, (_CREATE, "ClientRequestToken")),
        "`GetSecretValue`: the keys of AWS's own JSON structure",
        lambda after: {"engine", "host", "port", "username"} <= set(after.place) and after.place["engine"],
        lambda after: after.instance["Engine"],
    ),
    Step(
        "Credentials: *User name*, *Password*",
        "`user.name`, `user.passwordSecretRef`",
        ((_CREATE, "ClientRequestToken"),),
        "`GetSecretValue`: `username`; `DescribeSecret`: the first version is AWSPREVIOUS by now",
        lambda after: (after.place["username"], after.labels()["AWSPREVIOUS"]),
        lambda after: (after.spec["user"]["name"], after.asked(_CREATE, "ClientRequestToken")),
    ),
    Step(
        "*Encryption key*",
        "`secret.kmsKeyId`",
        ((_CREATE, "KmsKeyId"),),
        "`DescribeSecret`: `KmsKeyId`",
        lambda after: after.secret["KmsKeyId"],
        lambda after: after.spec["secret"]["kmsKeyId"],
    ),
    Step(
        "*Database*: choose the instance",
        "`database.instance`, `database.name`",
        (_INSTANCE,),
        "`GetSecretValue`: `host`, `port` as `DescribeDBInstances` tells them",
        lambda after: (after.place["host"], after.place["port"], after.place["dbname"]),
        lambda after: (after.instance["Endpoint"]["Address"], after.instance["Endpoint"]["Port"], after.spec["database"]["name"]),
    ),
    Step(
        "Configure secret: *Secret name*, *Description*",
        "`secret.name`, `secret.description`",
        ((_CREATE, "Description"),),
        "`DescribeSecret`: `Name`, `Description`",
        lambda after: (after.secret["Name"], after.secret["Description"]),
        lambda after: (after.spec["secret"]["name"], after.spec["secret"]["description"]),
    ),
    Step(
        "*Tags*",
        "`secret.tags`",
        ((_CREATE, "Tags"),),
        "`DescribeSecret`: `Tags`, beside the operator's own",
        lambda after: {one["Key"]: one["Value"] for one in after.secret["Tags"] if one["Key"] in after.spec["secret"]["tags"]},
        lambda after: after.spec["secret"]["tags"],
    ),
    Step(
        "*Resource permissions*",
        "`secret.resourcePolicy`",
        (("secretsmanager.PutResourcePolicy", "ResourcePolicy"),),
        "`GetResourcePolicy`: the same policy",
        lambda after: same(after.spec["secret"]["resourcePolicy"], json.dumps(after.policy)),
        lambda _: True,
    ),
    Step(
        "*Replicate secret*",
        "`secret.replicaRegions`",
        (("secretsmanager.ReplicateSecretToRegions", "AddReplicaRegions"),),
        "`DescribeSecret`: `ReplicationStatus`",
        lambda after: {one["Region"]: one["Status"] for one in after.secret["ReplicationStatus"]},
        lambda after: {one["region"]: "InSync" for one in after.spec["secret"]["replicaRegions"]},
    ),
    Step(
        "Configure rotation: *Automatic rotation*, *Rotation schedule*",
        "`rotation.schedule`",
        ((_ROTATE, "RotationRules"),),
        "`DescribeSecret`: `RotationEnabled`, `RotationRules`",
        lambda after: (after.secret["RotationEnabled"], after.secret["RotationRules"]["ScheduleExpression"]),
        lambda after: (True, after.spec["rotation"]["schedule"]),
    ),
    Step(
        "*Window duration*",
        "`rotation.window`",
        ((_ROTATE, "RotationRules"),),
        "`DescribeSecret`: `RotationRules.Duration`",
        lambda after: after.secret["RotationRules"]["Duration"],
        lambda after: after.spec["rotation"]["window"],
    ),
    Step(
        "*Rotate immediately when the secret is stored*",
        "`rotation.immediately`",
        ((_ROTATE, "RotateImmediately"),),
        "`DescribeSecret`: AWSCURRENT is the version that this call began, and `LastRotatedDate` is there",
        lambda after: (after.labels()["AWSCURRENT"], "LastRotatedDate" in after.secret),
        lambda after: (after.of(_now())[-1]["asked"]["ClientRequestToken"], True),
        now=True,
    ),
    Step(
        "*Rotation function*: *Create a new Lambda function*",
        "`rotation.hostedLambda`",
        ((_CHANGE, "StackName"), ("cloudformation.ExecuteChangeSet", "StackName")),
        "`DescribeStacks`; `DescribeSecret`: `RotationLambdaARN`",
        lambda after: (after.stack["StackStatus"], after.secret["RotationLambdaARN"].rpartition(":")[2]),
        lambda after: ("CREATE_COMPLETE", after.spec["rotation"]["hostedLambda"]["functionName"]),
    ),
    Step(
        "*Use separate credentials to rotate this secret*: *No*",
        "`rotation.strategy`",
        ((_CHANGE, "StackName"),),
        "`GetTemplate`: AWS's application for a single user; no `masterarn` in the secret",
        lambda after: (after.application, "masterarn" in after.place),
        lambda _: ("SecretsManagerRDSPostgreSQLRotationSingleUser", False),
    ),
)


def _now() -> Step:
    return next(step for step in STEPS if step.now)


def table() -> str:
    """Markdown: a row a step."""
    return HEAD + "".join(f"| {number} | {_row(step)} |\n" for number, step in enumerate(STEPS, 1))


def _row(step: Step) -> str:
    calls = ", ".join(f"`{operation.partition('.')[2]}` ({parameter})" for operation, parameter in step.calls)
    return f"{step.console} | {step.fields} | {calls} | {step.read}"


def written(page: str) -> str:
    """The page with the table as it is now: between its head and the next empty line."""
    before, _, rest = page.partition(HEAD)
    return before + table() + "\n" + rest.partition("\n\n")[2]


def main(words: Sequence[str]) -> int:
    return print_or_write(words, PAGE, table, written)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
