"""One resource whose secret AWS, or somebody else, rotates; driven pass by pass, with eyes of the test's own on AWS."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rotated_rds.clients.aws import AwsIdentity
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.status import Kind, Status
from rotated_rds.passes import Hint
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.passes import ByHand, sessions
from tests.support.releases import install
from tests.support.resources import Cluster, Json, a_resource

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

FIRST = "first-Passw0rd"
CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
READS = {"DescribeSecret", "GetSecretValue", "ListSecretVersionIds", "ListSecrets", "GetCallerIdentity"} | {
    "GetFunctionConfiguration",
    "GetPolicy",
}


def a_follower(namespace: str, name: str, database: Facts, secret: str) -> Json:
    """A resource of method External. secret: a name or an ARN."""
    whole = a_resource(namespace, name, database, "", rotation={"method": "External", "immediately": None}, secret={"name": secret})
    del whole["spec"]["user"]
    return whole


@dataclass
class Stage:
    """`aws` is the caller whom the operator's passes are; what the test itself asks goes by `eye`, another caller."""

    cluster: Cluster
    database: Facts
    aws: Aws
    hand: ByHand
    name: str = "db"
    user: str = field(default_factory=lambda: f"u{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.eye = Aws(self.aws.facts)
        self.secretsmanager: SecretsManagerClient = self.eye.secretsmanager()
        self.function = self.eye.function_arn(self.user)

    @classmethod
    def at(cls, bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts, **world: Any) -> "Stage":
        """An empty stage; world: as ByHand.on takes it."""
        install(api)
        ours = Aws(aws)
        return cls(Cluster(api, namespace), database, ours, ByHand.on(bed, ours, **world))

    # what is there

    def given_function(self, kind: str = "ours", **more: object) -> str:
        """A rotation function behind this stage's ARN; ours trusts the bed's CA. Without pauses between AWS's attempts."""
        environment = {"environment": {"ROTATED_RDS_CA_FILE": str(self.database["ca"])}} if kind == "ours" else {}
        return self.eye.control.function(self.function, kind, **{"pause": 0, **environment, **more})

    def given_resource(self, **rotation: Any) -> Status:
        """A user and its resource, as far as passes bring it."""
        self.cluster.given_user(self.database, self.user, FIRST, self.name)
        self.cluster.given_resource(a_resource(self.cluster.namespace, self.name, self.database, self.user, rotation=rotation))
        return self.settle()

    def given_lambda(self, kind: str = "ours", *, spec: Json | None = None, **function: object) -> Status:
        """A resource of method Lambda, mirrored, and its function."""
        self.given_function(kind, **function)
        return self.given_resource(method="Lambda", functionArn=self.function, **(spec or {}))

    def given_aws_secret(self, name: str, password: str, **keys: object) -> str:
        """A secret that somebody else made; its ARN."""
        database = self.database
        place = {"engine": database["engine"], "host": "localhost", "port": database["port"], "dbname": "app"}
        text = json.dumps({**place, "username": self.user, "password": password, **keys})
        return self.secretsmanager.create_secret(Name=name, SecretString=text)["ARN"]

    # what is done

    def turn(self, *, look: bool = False) -> Status:
        return self.hand.turn(self.cluster.namespace, self.name, Hint(look=look))

    def settle(self) -> Status:
        return self.hand.settle(self.cluster.namespace, self.name)

    def look(self) -> Status:
        """Passes that read AWS, as after an event."""
        return self.hand.settle(self.cluster.namespace, self.name, Hint(look=True))

    def swept(self) -> Status:
        """Passes that have only what ListSecrets shows."""
        listed = next(one for one in SecretsManager(sessions(self.eye, lambda _: None).of(AwsIdentity())).sweep([]) if one.arn == self.arn)
        return self.hand.settle(self.cluster.namespace, self.name, Hint(listed=listed))

    def ask(self, request: str, text: str) -> Status:
        self.cluster.annotate(self.name, **{request: text})
        return self.settle()

    def later(self, **span: float) -> Status:
        """Passes after some time."""
        self.hand.clock.advance(timedelta(**span))
        return self.look()

    def aws_has_rotated(self, count: int = 1) -> Json:
        """Wait until AWS ran so many rotations and none runs; the last one."""
        return self.eye.control.rotations(self.arn, seconds=60, count=count)[-1]

    def follow(self) -> Status:
        """Passes until another version is under AWSCURRENT; then one that reads it."""
        seen = self.status().version_id
        until("AWSCURRENT moves", lambda: self._moved_from(seen), every=0.5)
        return self.look()

    def _moved_from(self, version: str | None) -> bool:
        self.settle()
        return self.labels()[CURRENT] != version

    def put(self, password: str, *labels: str) -> str:
        """Somebody stores a version."""
        text = json.dumps({**self.value(self.labels()[CURRENT]), "password": password})
        return self.secretsmanager.put_secret_value(SecretId=self.arn, SecretString=text, VersionStages=labels or [CURRENT])["VersionId"]

    def take_off_pending(self) -> None:
        held = self.labels()[PENDING]
        self.secretsmanager.update_secret_version_stage(SecretId=self.arn, VersionStage=PENDING, RemoveFromVersionId=held)

    # what is seen

    @property
    def arn(self) -> str:
        return str(self.status().secret_arn)

    def status(self) -> Status:
        return Status.model_validate(self.cluster.status(self.name))

    def said(self, kind: Kind) -> tuple[str, str]:
        """A condition's status and reason."""
        found = self.status().condition(kind)
        assert found is not None
        return found.status, found.reason

    def message(self, kind: Kind) -> str:
        found = self.status().condition(kind)
        assert found is not None
        return found.message

    def answer(self, request: str) -> tuple[str, str]:
        """What became of a request, and why."""
        found = self.status().requests[request]
        return found.result, found.message

    def events(self, reason: str) -> list[str]:
        return [str(one["note"]) for one in self.cluster.events(self.name) if one["reason"] == reason]

    def described(self) -> dict[str, Any]:
        shown = {**self.secretsmanager.describe_secret(SecretId=self.arn)}
        return {key: shown[key] for key in shown if key != "ResponseMetadata"}

    def labels(self) -> dict[str, str]:
        """Label → version, as AWS has it."""
        return {label: version for version, labels in self.described()["VersionIdsToStages"].items() for label in labels}

    def value(self, version: str) -> dict[str, Any]:
        return json.loads(self.secretsmanager.get_secret_value(SecretId=self.arn, VersionId=version)["SecretString"])

    def logs_in(self, password: str) -> bool:
        return can_log_in(self.database, self.user, password)

    @property
    def password(self) -> str:
        """What applications read."""
        return self.cluster.content(self.name)["password"]

    def calls(self, since: int = 0) -> list[str]:
        """What the operator's passes asked of AWS, in order."""
        return [str(one["operation"]) for one in self.aws.control.calls(since)]

    def last_call(self) -> int:
        calls = self.aws.control.calls()
        return int(calls[-1]["number"]) if calls else 0

    def writes(self, since: int = 0) -> list[str]:
        """Those that change something in AWS."""
        return [one for one in self.calls(since) if one not in READS]

    def expect_one_credential(self) -> None:
        """At rest: AWSCURRENT logs in, the Secret holds it, the one before is refused, AWSPENDING is gone."""
        labels = self.labels()
        assert PENDING not in labels
        password = self.value(labels[CURRENT])["password"]
        assert (self.status().version_id, self.password) == (labels[CURRENT], password)
        assert self.logs_in(password)
        assert self.status().rotation.in_progress is None
        if PREVIOUS in labels:
            assert not self.logs_in(self.value(labels[PREVIOUS])["password"])
