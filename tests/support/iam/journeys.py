"""The operator as a process of its own, bound by the policy that the table makes for one method, through all that the method does."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rotated_rds.model.iam import Document, Need, policy
from rotated_rds.model.policies import Request, Site, by_prefix, trust_role
from rotated_rds.model.secret import ADOPT_TAG, OWNER_TAG, name_in
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws, Queue
from tests.support.databases import new_user
from tests.support.iam.report import Report, checks_of
from tests.support.masters import Managed
from tests.support.nursery import shortened
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, Json, a_resource, merged
from tests.support.stage import a_follower

READER = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [READER]})
CLUSTER, FIRST = "bed", "first-Passw0rd"  # the operator's name for its cluster, in tests


@dataclass
class Journey:
    """`ours` is the operator, whom the policy binds; `eye` is a person who may do anything."""

    name: str
    bed: Bed
    cluster: Cluster
    database: Facts
    ours: Aws
    eye: Aws
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    document: Document = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        self.prefix = f"iam-{self.tag}/"
        self.site = Site(self.ours.region, self.ours.account)
        self.client: Any = self.eye.client("secretsmanager")
        self.keys = [str(self.eye.client("kms").create_key()["KeyMetadata"]["Arn"]) for _ in range(2)]

    def bound(self, *methods: Need, **more: Any) -> None:
        """Bind the operator by exactly the policy for these methods."""
        self.document = policy(by_prefix(Request(methods, self.site, self.prefix, CLUSTER, **more)))
        self.ours.control.policy(dict(self.document))

    def operator(self, **environment: str) -> Operator:
        settings = {"ROTATED_RDS_SECRET_PREFIX": self.prefix, "ROTATED_RDS_SWEEP_INTERVAL": "1s", **environment}
        return Operator(self.bed, self.ours, (self.cluster.namespace,), environment=settings)

    def report(self) -> Report:
        counts = self.ours.control.counts()
        calls = {operation: sum(codes.values()) for operation, codes in counts.items()}
        return Report(self.name, self.document, calls, checks_of(self.ours.control.rights()))

    # what is there

    def user(self) -> str:
        user = f"u{secrets.token_hex(5)}"
        new_user(self.database, user, FIRST)
        return user

    def resource(self, name: str, user: str, /, **spec: Any) -> Json:
        return a_resource(self.cluster.namespace, name, self.database, user, **spec)

    def given(self, name: str, user: str, /, **spec: Any) -> None:
        """A resource of a user, with its first password."""
        if self.cluster.secret(f"{name}-first") is None:
            self.cluster.given_secret(f"{name}-first", {"password": FIRST})
        self.cluster.given_resource(self.resource(name, user, **spec))

    def secret_in_aws(self, name: str, user: str, password: str = FIRST, key: str | None = None, **tags: str) -> str:
        """A secret that somebody else made; its ARN."""
        place = {"engine": self.database["engine"], "host": "localhost", "port": self.database["port"], "dbname": "app"}
        text = json.dumps({**place, "username": user, "password": password})
        more = {"KmsKeyId": key} if key else {}
        named = [{"Key": {"owner": OWNER_TAG, "adopt": ADOPT_TAG}[key], "Value": value} for key, value in tags.items()]
        return str(self.client.create_secret(Name=name, SecretString=text, Tags=named, **more)["ARN"])

    def owner(self, name: str) -> str:
        return f"{CLUSTER}/{self.cluster.namespace}/{name}"

    def instance(self) -> Json:
        """`database` by RDS's own instance of the bed."""
        return {"instance": "bed-postgres", "host": None, "engine": None, "port": None}

    def rds_cluster(self) -> Json:
        """`database` by an RDS cluster that stands at the bed's database."""
        name = f"iam-{self.tag}"
        where = {"host": self.database["host"], "port": self.database["port"]}
        self.eye.control.place(cluster=name, engine=self.database["engine"], **where)
        return {"cluster": name, "host": None, "engine": None, "port": None}

    def subnets(self, function: str) -> str | None:
        """Those of a hosted function's stack, while there is one."""
        stacks = self.eye.client("cloudformation").describe_stacks()["Stacks"]
        said = [one["Parameters"] for one in stacks if one["StackName"] == f"rotated-rds-{function}"]
        return next((one["ParameterValue"] for each in said for one in each if one["ParameterKey"] == "vpcSubnetIds"), None)

    def tags(self, arn: str) -> Mapping[str, str]:
        return {one["Key"]: one["Value"] for one in self.client.describe_secret(SecretId=arn).get("Tags", [])}

    # what is done

    def rotated(self, name: str, request: str = "rotate") -> None:
        """With two users by `force-rotate`: another request waits for the grace of the credential before."""
        text = secrets.token_hex(4)
        self.cluster.annotate(name, **{request.replace("-", "_"): text})
        assert self.cluster.expect_request(name, request, text, seconds=60)["result"] == "Done"
        self.cluster.expect_ready(name)

    def repaired(self, name: str) -> None:
        """Description, tags and key of the spec are brought to AWS."""
        arn = self.cluster.status(name)["secretArn"]
        self.cluster.change(name, secret={"description": "changed", "tags": {"team": "shop"}, "kmsKeyId": self.keys[1]})

        def as_wanted() -> bool:
            shown = self.client.describe_secret(SecretId=arn)
            return (shown["Description"], shown["KmsKeyId"], self.tags(arn)["team"]) == ("changed", self.keys[1], "shop")

        self.cluster.expect("the secret is as the spec says", as_wanted)
        self.cluster.expect_ready(name)

    def deleted(self, name: str) -> None:
        self.cluster.delete(name)
        path = self.cluster.path("rotatedrdssecrets", name)
        self.cluster.expect(f"{name} is gone", lambda: self.cluster.api.get(path) is None)

    def deleted_with_its_secret(self, name: str, *, window: int, **more: Any) -> None:
        """A secret with a copy elsewhere goes with its resource."""
        life = {"replicaRegions": [{"region": "us-west-2"}], "deletionPolicy": "Delete", "recoveryWindowDays": window}
        self.given(name, self.user(), secret={**life, **more})
        arn = self.cluster.expect_ready(name)["secretArn"]
        self.deleted(name)
        listed = self.client.list_secrets(IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [name_in(arn)]}])["SecretList"]
        assert ["DeletedDate" in one for one in listed] == ([True] if window else [])

    def restored(self, name: str, user: str, **spec: Any) -> None:
        """Deleted in Kubernetes, scheduled for deletion in AWS, and made anew."""
        arn = self.cluster.status(name)["secretArn"]
        self.deleted(name)
        self.client.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
        self.given(name, user, **spec)
        assert self.cluster.expect_ready(name)["secretArn"] == arn

    def adopted(self, name: str, **spec: Any) -> None:
        """Taken over from another owner, who offered it."""
        user, aws_name = self.user(), f"{self.prefix}{name}"
        arn = self.secret_in_aws(aws_name, user, key=self.keys[0], owner="other/shop/db", adopt=self.owner(name))
        self.given(name, user, **merged({"secret": {"name": aws_name}}, spec))
        self.cluster.expect_ready(name)
        self.cluster.expect("the offer is taken off", lambda: ADOPT_TAG not in self.tags(arn))
        assert self.tags(arn)[OWNER_TAG] == self.owner(name)

    def by_administrator(self, name: str, admin: str, **spec: Any) -> None:
        """A first password that an administrator sets."""
        self.given(name, self.user(), **merged({"user": {"adminSecretId": admin, "passwordSecretRef": None}}, spec))
        self.cluster.expect_ready(name)

    def administrator(self) -> str:
        name = f"admins-{self.tag}/postgres"
        self.secret_in_aws(name, str(self.database["admin_user"]), str(self.database["admin_password"]))
        return name

    def taken_over(self, name: str) -> None:
        """From a rotation of AWS's, which somebody turned on; the operator's own begins a function's time later."""
        arn = self.cluster.status(name)["secretArn"]
        function = self.eye.control.function(self.eye.function_arn(f"theirs-{self.tag}"), "honest")
        self.client.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotateImmediately=False)
        self.eye.control.rotations(arn, seconds=30, count=1)
        self.cluster.annotate(name, take_rotation="now")
        self.cluster.expect("AWS's rotation is off", lambda: not self.client.describe_secret(SecretId=arn)["RotationEnabled"])

    def told_by_the_queue(self, name: str, queue: Queue) -> None:
        """Somebody stores the same value again: a new AWSCURRENT, an event, and its message read and deleted."""
        arn = self.cluster.status(name)["secretArn"]
        value = self.client.get_secret_value(SecretId=arn)["SecretString"]
        version = self.client.put_secret_value(SecretId=arn, SecretString=value)["VersionId"]
        self.cluster.expect(f"{name} follows", lambda: self.cluster.status(name)["versionId"] == version)

        def empty() -> bool:
            shown = self.eye.sqs().get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
            return (shown["ApproximateNumberOfMessages"], shown["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")

        until("the queue is empty", empty)


def operator(one: Journey) -> list[Report]:
    """Method Operator: created under a key, rotated, repaired, restored, adopted, by an administrator, taken over; queue and sweep."""
    queue, admin, user = one.eye.change_queue(f"iam-{one.tag}", one.prefix), one.administrator(), one.user()
    features = (Need.REPLICAS, Need.RESOURCE_POLICY, Need.DELETION)
    one.bound(Need.OPERATOR, *features, queue=queue.url, admins=(admin,), keys=tuple(one.keys))
    with running(one.operator(ROTATED_RDS_QUEUE_URL=queue.url)):
        one.given("made", user, database=one.instance(), secret={"kmsKeyId": one.keys[0]})
        one.cluster.expect_ready("made")
        one.rotated("made")
        one.repaired("made")
        one.told_by_the_queue("made", queue)
        one.restored("made", user, database=one.instance())
        one.adopted("adopted", database=one.rds_cluster())
        one.by_administrator("by-admin", admin)
        one.taken_over("by-admin")
        one.deleted_with_its_secret("gone", window=7, resourcePolicy=POLICY)
        for name in ("made", "adopted", "by-admin"):
            one.deleted(name)
    return [one.report()]


def aws_rotates(one: Journey) -> list[Report]:
    """Method Lambda, our own function under its own policy: configured, rotated, repaired, restored, adopted; two users take turns, too."""
    inside, user, admin = Aws(one.ours.facts), one.user(), one.administrator()
    function = one.eye.function_arn(f"iam-{one.tag}")
    needs = (Need.LAMBDA, Need.REPLICAS, Need.FORCE_DELETION)
    one.bound(*needs, functions=(function,), admins=(admin,), keys=tuple(one.keys))
    asked = Request((Need.FUNCTION,), one.site, one.prefix, CLUSTER, admins=(admin,), functions=(function,), keys=tuple(one.keys))
    of_function = policy(by_prefix(asked))
    inside.control.policy(dict(of_function))
    environment = {**inside.environment, "ROTATED_RDS_CA_FILE": str(one.database["ca"])}
    one.eye.control.function(function, "ours", pause=0, environment=environment)
    rotation = {"method": "Lambda", "functionArn": function}
    with running(one.operator()):
        one.given("made", user, database=one.instance(), secret={"kmsKeyId": one.keys[0]}, rotation=rotation)
        one.cluster.expect_ready("made")
        one.rotated("made")
        one.repaired("made")
        one.rotated("made")
        one.restored("made", user, database=one.instance(), rotation=rotation)
        one.adopted("adopted", database=one.rds_cluster(), rotation=rotation)
        one.by_administrator("by-admin", admin, rotation=rotation)
        # Somebody's secret, without masterarn.
        one.adopted("pair", user={"adminSecretId": admin}, rotation={"functionArn": function, "strategy": "AlternatingUsers"})
        one.rotated("pair", "force-rotate")
        one.deleted_with_its_secret("gone", window=0)
    calls = {operation: sum(codes.values()) for operation, codes in inside.control.counts().items()}
    return [one.report(), Report("Function", of_function, calls, checks_of(inside.control.rights()))]


def external(one: Journey) -> list[Report]:
    """Method External: others' secrets, under a key and outside the prefix, followed by instance and by cluster; one refused in between."""
    user, name = one.user(), f"theirs-{one.tag}/db"
    arn = one.secret_in_aws(name, user, key=one.keys[0])
    one.bound(Need.EXTERNAL, follow=(name,), keys=(one.keys[0],))
    with running(one.operator()):
        for resource, database in (("by-instance", one.instance()), ("by-cluster", one.rds_cluster())):
            follower = a_follower(one.cluster.namespace, resource, one.database, arn)
            one.cluster.given_resource(merged(follower, {"spec": {"database": database}}))
            one.cluster.expect_ready(resource)
        right = one.client.get_secret_value(SecretId=arn)["SecretString"]
        one.client.put_secret_value(SecretId=arn, SecretString=json.dumps({**json.loads(right), "password": "wrong"}))
        one.cluster.expect_condition("by-instance", "CredentialVerified", "False", "LoginFailed")
        one.client.put_secret_value(SecretId=arn, SecretString=right)
        one.cluster.expect_ready("by-instance")
    return [one.report()]


def roles(one: Journey) -> list[Report]:
    """A resource with a role of its own: the operator may assume it and nothing else, the role has method Operator's rights."""
    iam, external_id = one.eye.client("iam"), secrets.token_hex(8)
    who = f"arn:aws:iam::{one.ours.account}:user/{one.ours.caller}"
    trust = json.dumps(trust_role(who, external_id, CLUSTER))
    role = str(iam.create_role(RoleName=f"iam-{one.tag}", AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    of_role = policy(by_prefix(Request((Need.OPERATOR,), one.site, one.prefix, CLUSTER)))
    iam.put_role_policy(RoleName=f"iam-{one.tag}", PolicyName="rotated-rds", PolicyDocument=json.dumps(of_role))
    one.bound(roles=(role,))
    with running(one.operator()):
        one.given("made", one.user(), aws={"roleArn": role, "externalId": external_id})
        one.cluster.expect_ready("made")
        one.rotated("made")
    return [one.report()]


def managed(one: Journey) -> list[Report]:
    """Method RDSManaged: a master by its instance, scheduled, rotated and swept; a cluster whose master RDS does not manage."""
    master = Managed(one.eye, one.database).given().turned_on()
    one.bound(Need.RDS_MANAGED)
    rotation = {"method": "RDSManaged", "immediately": None, "schedule": "rate(30 days)"}
    with running(one.operator()):
        for name, database in (("master", {**one.instance(), "instance": master.name}), ("unmanaged", one.rds_cluster())):
            one.cluster.given_resource(one.resource(name, "", database=database, user=None, rotation=rotation))
        one.cluster.expect_ready("master")
        one.rotated("master")
        version = one.cluster.status("master")["versionId"]
        master.secretsmanager.rotate_secret(SecretId=master.arn)  # by somebody else: the sweep tells
        one.cluster.expect("the sweep sees it", lambda: one.cluster.status("master")["versionId"] != version)
        one.cluster.expect_ready("master")
        one.cluster.expect_condition("unmanaged", "SecretReady", "False", "SecretNotFound")
    return [one.report()]


def hosted(one: Journey) -> list[Report]:
    """Method HostedLambda: a stack fails, is made anew, changes; rotated, repaired, restored, adopted; a pair; the last takes it away."""
    user, admin, role, name = one.user(), one.administrator(), f"stacks-{one.tag}", f"hosted-{one.tag}"
    one.bound(Need.HOSTED, admins=(admin,), keys=tuple(one.keys), stack_role=role)

    def rotation(subnet: str) -> Json:
        return {"hostedLambda": {"functionName": name, "vpcSubnetIds": [subnet], "vpcSecurityGroupIds": ["sg-1"]}}

    with running(one.operator(ROTATED_RDS_STACK_ROLE=role, **shortened(hosted__LIST_LAGS=1))):
        one.given("made", user, database=one.instance(), secret={"kmsKeyId": one.keys[0]}, rotation=rotation("subnet-bad"))
        one.cluster.expect_condition("made", "RotationReady", "False", "StackFailed", seconds=60)
        for subnet in ("subnet-1", "subnet-2", "subnet-1"):  # the third change set has the name of the first
            one.cluster.change("made", rotation=rotation(subnet))
            one.cluster.expect("the stack follows", lambda subnet=subnet: one.subnets(name) == subnet)
            one.cluster.expect_ready("made")
        one.rotated("made")
        one.repaired("made")
        one.restored("made", user, database=one.instance(), rotation=rotation("subnet-1"))
        one.adopted("adopted", database=one.rds_cluster(), rotation=rotation("subnet-1"))
        pair = {"hostedLambda": {"functionName": f"{name}-pair"}, "strategy": "AlternatingUsers"}
        one.by_administrator("by-admin", admin, rotation=rotation("subnet-1"))
        one.adopted("pair", user={"adminSecretId": admin}, rotation=pair)
        one.rotated("pair", "force-rotate")
        for each in ("made", "adopted", "by-admin", "pair"):
            one.deleted(each)
    return [one.report()]


JOURNEYS: Mapping[str, Callable[[Journey], list[Report]]] = {
    "Operator": operator,
    "Lambda": aws_rotates,
    "RDSManaged": managed,
    "HostedLambda": hosted,
    "External": external,
    "Roles": roles,
}


def travel(name: str, bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts) -> list[Report]:
    """One journey in a namespace of its own."""
    return JOURNEYS[name](Journey(name, bed, Cluster(api, namespace), database, Aws(aws), Aws(aws)))
