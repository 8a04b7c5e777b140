"""One right taken away: the operator says AccessDenied and names it, what is published stays, and it mends when the right returns."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rotated_rds.model.iam import FEATURES, METHODS, RIGHTS, Document, Need, policy
from rotated_rds.model.policies import Request, Site, by_prefix, trust_role
from rotated_rds.model.secret import ADOPT_TAG, OWNER_TAG
from rotated_rds.model.status import Kind, Status
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.databases import can_log_in
from tests.support.iam.report import without
from tests.support.masters import Managed
from tests.support.scene import FIRST, LOOK, Scene

INSTANCE = {"instance": "bed-postgres", "host": None, "engine": None, "port": None}
MET_BY_THE_WATCH = {"secretsmanager:ListSecrets", "sqs:ReceiveMessage", "sqs:DeleteMessage"}  # tests/e2e/test_aws_denied_watch.py
NEVER_REFUSED = {"kms:Encrypt"}  # AWS goes on without it, and does less
ONLY_SAID = {"lambda:GetFunctionConfiguration", "lambda:GetPolicy"}  # tests/integration/test_function_preflight.py
OF_OTHERS = (frozenset({Need.FUNCTION}), frozenset({Need.HOSTED}))  # tests/integration/test_hosted.py
MET_BY_A_CHANGE = {"secretsmanager:CancelRotateSecret"}  # tests/integration/test_method_change.py
WITH_THE_RESOURCE = {"Delete", "ForceDelete"}
KMS = "the secret's KMS key"
READER = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [READER]})


@dataclass
class Case:
    """`scene` is the operator, whom the policy binds; before and then: what leads to the call that needs the right."""

    scene: Scene
    document: Document
    key: str
    function: str

    def bind(self, *gone: tuple[str, str]) -> None:
        document = self.document
        for sid, action in gone:
            document = without(document, sid, action)
        self.scene.aws.control.policy(dict(document))

    # what leads there

    def nothing(self) -> None:
        """The right is needed from the first look on."""
        self.scene.cluster.given_user(self.scene.database, self.scene.user, FIRST, self.scene.name)

    def ready(self, **spec: Any) -> None:
        self.bind()
        self.scene.given_ready(**spec)

    def applied(self, **spec: Any) -> None:
        self.scene.cluster.given_resource(self.scene.resource(**spec))

    def of_another(self, **tags: str) -> None:
        """An AWS secret of another owner."""
        offered = {OWNER_TAG: "other/shop/db", ADOPT_TAG: f"bed/{self.scene.cluster.namespace}/{self.scene.name}", **tags}
        self.scene.given_secret_in_aws(FIRST, tags=offered)
        self.scene.cluster.given_secret(f"{self.scene.name}-first", {"password": FIRST})

    def rotate(self) -> None:
        self.scene.later(minutes=2)
        self.scene.cluster.annotate(self.scene.name, rotate=secrets.token_hex(4))

    def scheduled_for_deletion(self) -> None:
        self.ready()
        self.scene.cluster.delete(self.scene.name)
        self.scene.by_hand.secretsmanager().delete_secret(SecretId=self.scene.secret_id, RecoveryWindowInDays=7)

    def an_administrator(self) -> None:
        value = {"engine": "postgres", "host": "localhost", "username": self.scene.database["admin_user"]}
        text = json.dumps({**value, "password": self.scene.database["admin_password"]})
        self.scene.by_hand.secretsmanager().create_secret(Name=self.admin, SecretString=text)
        self.nothing()

    @property
    def admin(self) -> str:
        return f"admins/{self.scene.user}"

    def a_role(self) -> None:
        iam, who = self.scene.by_hand.client("iam"), f"arn:aws:iam::{self.scene.aws.account}:user/{self.scene.aws.caller}"
        trust = json.dumps(trust_role(who, None, "bed"))
        iam.create_role(RoleName=self.scene.user, AssumeRolePolicyDocument=trust)
        whole = policy(by_prefix(request(self.scene, self.key, self.function)))
        iam.put_role_policy(RoleName=self.scene.user, PolicyName="one", PolicyDocument=json.dumps(whole))
        self.nothing()

    @property
    def role(self) -> str:
        return f"arn:aws:iam::{self.scene.aws.account}:role/{self.scene.user}"

    def a_cluster(self) -> None:
        where = {"host": self.scene.database["host"], "port": self.scene.database["port"]}
        self.scene.by_hand.control.place(cluster=self.scene.user.replace("_", "-"), engine="postgres", **where)
        self.nothing()

    def a_managed_master(self) -> None:
        self.master = Managed(self.scene.by_hand, self.scene.database).given().turned_on()

    def managed(self) -> None:
        rotation = {"method": "RDSManaged", "immediately": None, "schedule": "rate(30 days)"}
        self.applied(database={**INSTANCE, "instance": self.master.name}, user=None, rotation=rotation)

    @property
    def by_cluster(self) -> dict[str, Any]:
        return {**INSTANCE, "instance": None, "cluster": self.scene.user.replace("_", "-")}

    @property
    def by_lambda(self) -> dict[str, Any]:
        return {"method": "Lambda", "functionArn": self.function, "schedule": "rate(30 days)"}


def request(scene: Scene, key: str, function: str) -> Request:
    site = Site(scene.aws.region, scene.aws.account)
    role, admin = f"arn:aws:iam::{site.account}:role/{scene.user}", f"admins/{scene.user}"
    prefix = f"{scene.cluster.namespace}/"
    needs = (*METHODS, Need.RDS_MANAGED, *FEATURES)
    return Request(needs, site, prefix, "bed", admins=(admin,), functions=(function,), keys=(key,), roles=(role,))


Step = Callable[[Case], Any]
# Statement and action → (what is there, with every right), (what then needs the right).
TABLE: dict[tuple[str, str], tuple[Step, Step]] = {
    ("Read", "secretsmanager:DescribeSecret"): (Case.nothing, Case.applied),
    ("Read", "secretsmanager:GetSecretValue"): (Case.nothing, Case.applied),
    ("Read", "secretsmanager:ListSecretVersionIds"): (Case.ready, Case.rotate),
    ("ReadAdmins", "secretsmanager:DescribeSecret"): (
        Case.an_administrator,
        lambda case: case.applied(user={"passwordSecretRef": None, "adminSecretId": case.admin}),
    ),
    ("ReadAdmins", "secretsmanager:GetSecretValue"): (
        Case.an_administrator,
        lambda case: case.applied(user={"passwordSecretRef": None, "adminSecretId": case.admin}),
    ),
    ("Create", "secretsmanager:CreateSecret"): (Case.nothing, Case.applied),
    ("Claim", "secretsmanager:TagResource"): (Case.nothing, Case.applied),
    ("Adopt", "secretsmanager:TagResource"): (Case.of_another, Case.applied),
    ("Change", "secretsmanager:TagResource"): (Case.ready, lambda case: case.scene.cluster.change("db", secret={"tags": {"team": "shop"}})),
    ("Change", "secretsmanager:UntagResource"): (Case.of_another, Case.applied),
    ("Change", "secretsmanager:UpdateSecret"): (Case.ready, lambda case: case.scene.cluster.change("db", secret={"description": "new"})),
    ("Change", "secretsmanager:RestoreSecret"): (Case.scheduled_for_deletion, Case.applied),
    ("Change", "secretsmanager:PutSecretValue"): (Case.ready, Case.rotate),
    ("Change", "secretsmanager:UpdateSecretVersionStage"): (Case.ready, Case.rotate),
    ("Rotate", "secretsmanager:RotateSecret"): (Case.nothing, lambda case: case.applied(rotation=case.by_lambda)),
    ("RotateManaged", "secretsmanager:RotateSecret"): (Case.a_managed_master, Case.managed),
    ("Change", "secretsmanager:ReplicateSecretToRegions"): (
        Case.ready,
        lambda case: case.scene.cluster.change("db", secret={"replicaRegions": [{"region": "us-west-2"}]}),
    ),
    ("Change", "secretsmanager:RemoveRegionsFromReplication"): (
        lambda case: case.ready(secret={"replicaRegions": [{"region": "us-west-2"}]}),
        lambda case: case.scene.cluster.change("db", secret={"replicaRegions": []}),
    ),
    ("Change", "secretsmanager:GetResourcePolicy"): (
        Case.ready,
        lambda case: case.scene.cluster.change("db", secret={"resourcePolicy": POLICY}),
    ),
    ("Change", "secretsmanager:PutResourcePolicy"): (
        Case.ready,
        lambda case: case.scene.cluster.change("db", secret={"resourcePolicy": POLICY}),
    ),
    ("Invoke", "lambda:InvokeFunction"): (Case.nothing, lambda case: case.applied(rotation=case.by_lambda)),
    ("Instances", "rds:DescribeDBInstances"): (Case.nothing, lambda case: case.applied(database=INSTANCE)),
    ("Clusters", "rds:DescribeDBClusters"): (Case.a_cluster, lambda case: case.applied(database=case.by_cluster)),
    ("Keys", "kms:Decrypt"): (Case.nothing, lambda case: case.applied(secret={"kmsKeyId": case.key})),
    ("Keys", "kms:GenerateDataKey"): (Case.nothing, lambda case: case.applied(secret={"kmsKeyId": case.key})),
    ("Assume", "sts:AssumeRole"): (Case.a_role, lambda case: case.applied(aws={"roleArn": case.role})),
    ("Assume", "sts:TagSession"): (Case.a_role, lambda case: case.applied(aws={"roleArn": case.role})),
}


def test_the_table_holds_every_right_whose_lack_a_resource_can_show() -> None:
    rows = {(right.statement, right.action) for right in RIGHTS if right.needed_by not in OF_OTHERS}
    elsewhere = MET_BY_THE_WATCH | NEVER_REFUSED | ONLY_SAID | MET_BY_A_CHANGE
    assert set(TABLE) == {row for row in rows if row[1] not in elsewhere and row[0] not in WITH_THE_RESOURCE}


def denials(status: Status) -> list[str]:
    return [one.message for one in status.conditions if one.status == "False" and one.reason == "AccessDenied" and one.type != "Ready"]


@pytest.fixture
def case(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(aws["endpoint"]))  # where the session of a role finds AWS
    scene = Scene.on(bed, api, namespace, postgres, aws)
    key = str(scene.by_hand.client("kms").create_key()["KeyMetadata"]["Arn"])
    function = scene.by_hand.function_arn(scene.user)
    environment = {"ROTATED_RDS_CA_FILE": str(postgres["ca"])}
    scene.by_hand.control.function(function, "ours", pause=0, environment=environment)
    return Case(scene, policy(by_prefix(request(scene, key, function))), key, function)


@pytest.mark.parametrize(("statement", "action"), TABLE, ids=[f"{action} in {statement}" for statement, action in TABLE])
def test_a_right_that_is_taken_away_is_named_and_missed_no_more_when_it_returns(statement: str, action: str, case: Case) -> None:
    before, then = TABLE[statement, action]
    before(case)
    published = case.scene.content
    case.bind((statement, action))
    then(case)
    said = denials(case.scene.settle(LOOK))
    assert said, case.scene.cluster.status("db")
    assert all((KMS if action.startswith("kms:") else action) in message for message in said)
    if published:
        assert case.scene.content == published, "what was published stays"
        assert can_log_in(case.scene.database, published["username"], published["password"])
    case.bind()
    case.scene.later(minutes=10)
    if then is Case.rotate:  # a request that failed is done with
        case.rotate()
    status = case.scene.settled(LOOK)
    assert denials(status) == []
    assert status.condition(Kind.READY)
    assert can_log_in(case.scene.database, case.scene.content["username"], case.scene.content["password"])


@pytest.mark.parametrize(("window", "gone"), [(7, ("Delete", "ForceDelete")), (0, ("ForceDelete",))])
def test_without_the_right_to_delete_the_resource_stays_and_says_so(window: int, gone: tuple[str, ...], case: Case) -> None:
    action = "secretsmanager:DeleteSecret"
    case.ready(secret={"deletionPolicy": "Delete", "recoveryWindowDays": window})
    case.bind(*((statement, action) for statement in gone))
    case.scene.cluster.delete("db")
    (said,) = denials(case.scene.settle())
    assert action in said
    case.bind()
    case.scene.passes.passes.run(case.scene.cluster.resource("db"), LOOK)
    case.scene.waits_for("it is gone", lambda: case.scene.cluster.api.get(case.scene.cluster.path("rotatedrdssecrets", "db")) is None)
