"""No password of a whole run stands in any log, Event, status, annotation, metric or error (Shows 8)."""

import json
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.databases.server import Server
from tests.bed.databases.sql import as_root
from tests.support.aws import Aws
from tests.support.databases import logged, new_user
from tests.support.leaks import Search, spellings
from tests.support.operators import Operator, running
from tests.support.releases import HOME
from tests.support.resources import Cluster, a_resource

SETTINGS = {"ROTATED_RDS_SWEEP_INTERVAL": "1s", "ROTATED_RDS_MIN_ROTATION_INTERVAL": "100ms"}
DOCKER, POLICIES = "kubernetes.io/dockerconfigjson", "/apis/admissionregistration.k8s.io/v1"


def a_password(what: str) -> str:
    """One that no other run has, with characters that each way of writing spells differently."""
    return f"{what}+{secrets.token_hex(6)}/%é"


@dataclass
class Run:
    """One namespace with an operator of its own; `eye` is everybody else at AWS. given: passwords that no AWS secret holds."""

    cluster: Cluster
    ours: Aws
    eye: Aws
    given: list[str] = field(default_factory=list[str])
    arns: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.client: Any = self.eye.client("secretsmanager")

    def resource(self, name: str, database: Facts, /, **spec: Any) -> None:
        """A user with its first password, and its resource."""
        user, password = f"u{secrets.token_hex(5)}", a_password("First")
        self.given.append(password)
        self.cluster.given_user(database, user, password, name)
        self.cluster.given_resource(a_resource(self.cluster.namespace, name, database, user, **spec))

    def ready(self, name: str) -> None:
        self.arns.add(self.cluster.expect_ready(name, seconds=60)["secretArn"])

    def asked(self, name: str, text: str, result: str) -> None:
        self.cluster.annotate(name, rotate=text)
        assert self.cluster.expect_request(name, "rotate", text, seconds=60)["result"] == result

    def value(self, name: str) -> dict[str, Any]:
        arn = self.cluster.status(name)["secretArn"]
        return json.loads(self.client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])

    def store(self, name: str, text: str) -> None:
        self.client.put_secret_value(SecretId=self.cluster.status(name)["secretArn"], SecretString=text)


# what can print


def rotated(run: Run, name: str) -> None:
    run.ready(name)
    run.asked(name, "good", "Done")
    run.ready(name)


def aws_quoted_the_password(run: Run, name: str) -> None:
    """AWS's own sentence holds what was sent; a rotation ends with it."""
    quoted = f"Value '{run.value(name)}' at 'secretString' failed to satisfy constraint"
    run.ours.control.fault("error", "PutSecretValue", code="ValidationException", message=quoted, count=1)
    run.asked(name, "AWS refuses", "Failed")


def stored_wrong_and_malformed(run: Run, name: str) -> None:
    right = run.value(name)
    run.store(name, json.dumps({**right, "password": a_password("Wrong")}))
    run.cluster.expect_condition(name, "CredentialVerified", "False", "LoginFailed")
    run.store(name, f'{{"username": "{right["username"]}", "password": "{a_password("Broken")}"')
    run.cluster.expect_condition(name, "CredentialVerified", "False", "MalformedSecret")
    run.store(name, json.dumps(right))
    run.cluster.expect_condition(name, "CredentialVerified", "True")
    run.asked(name, "good again", "Done")
    run.ready(name)


@contextmanager
def locked_role(database: Facts, user: str) -> Generator[None]:
    """Another transaction has changed the role and does not end: ALTER ROLE fails with an error after its statement was sent."""
    with as_root(Server.of(database)) as root:
        root.run("BEGIN")
        root.run(f"ALTER ROLE {root.quote(user)} CONNECTION LIMIT 50")
        yield
        root.run("ROLLBACK")


def the_database_failed(run: Run, name: str, database: Facts) -> None:
    before = logged(database)
    with locked_role(database, run.value(name)["username"]):
        run.cluster.annotate(name, rotate="the database fails")
        run.cluster.expect("the database says why", lambda: "lock timeout" in logged(database)[len(before) :], seconds=60)
    assert run.cluster.expect_request(name, "rotate", "the database fails", seconds=90)["result"] == "Done"
    run.ready(name)


def by_an_administrator(run: Run, name: str, database: Facts) -> None:
    """The administrator's credential passes through the operator: the first password, then a rotation."""
    place = {"engine": database["engine"], "host": "localhost", "port": database["port"]}
    admin = json.dumps({**place, "username": database["admin_user"], "password": database["admin_password"]})
    arn = run.client.create_secret(Name=f"admin/{run.cluster.namespace}/{name}", SecretString=admin)["ARN"]
    run.arns.add(arn)
    user, unknown = f"u{secrets.token_hex(5)}", a_password("Unknown")
    run.given.append(unknown)
    new_user(database, user, unknown)
    spec = {"user": {"passwordSecretRef": None, "adminSecretId": arn}}
    run.cluster.given_resource(a_resource(run.cluster.namespace, name, database, user, **spec))
    rotated(run, name)


def by_a_function(run: Run, name: str, database: Facts) -> None:
    arn = run.eye.function_arn(f"{run.cluster.namespace}-{name}")
    run.eye.control.function(arn, "ours", pause=0, environment={"ROTATED_RDS_CA_FILE": str(database["ca"])})
    run.resource(name, database, rotation={"method": "Lambda", "functionArn": arn, "schedule": "rate(10 days)"})
    rotated(run, name)


def not_published(run: Run, database: Facts) -> None:
    """The API server refuses a Secret and quotes it; a template fails over a password; no door, no trust, no first password."""
    run.resource("refused", database)
    run.resource("docker", database, target={"type": DOCKER, "template": {".dockerconfigjson": "{{ password }}"}})
    run.resource("template", database, target={"template": {"x": "{{ password.nothing.there }}", "y": "{{ password | b64encode }}"}})
    run.resource("closed", database, database={"port": 1})
    run.resource("untrusted", database, database={"tls": {"serverName": "elsewhere.example"}})
    wrong = a_password("Mistyped")
    run.given.append(wrong)
    run.resource("first", database, user={"passwordSecretRef": {"name": "mistyped", "key": "password"}})
    run.cluster.given_secret("mistyped", {"password": wrong})
    for name, kind, reason in (
        ("refused", "Mirrored", "Rejected"),
        ("docker", "Mirrored", "Rejected"),
        ("template", "Mirrored", "TemplateFailed"),
        ("closed", "SecretReady", None),
        ("untrusted", "SecretReady", None),
        ("first", "SecretReady", "InitialPasswordMissing"),
    ):
        run.cluster.expect_condition(name, kind, "False" if reason else "Unknown", reason)
    for name in ("refused", "docker", "template"):
        run.arns.add(run.cluster.status(name)["secretArn"])


@contextmanager
def quoting_policy(api: Api, namespace: str) -> Generator[None]:
    """An admission policy that refuses one Secret, and whose message is its password in base64; for the block."""
    name = f"quotes-{namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    check = {"expression": "object.metadata.name != 'refused'", "messageExpression": "'not this: ' + string(object.data.password)"}
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [check]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": where}
    for kind, plural, body in (
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies", spec),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", bound),
    ):
        document = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": body}
        api.call("POST", f"{POLICIES}/{plural}", document)
    Cluster(api, namespace).expect("the policy quotes", lambda: "not this: cGxhbnRlZA==" in _refusal(api, namespace))
    try:
        yield
    finally:
        for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            api.call("DELETE", f"{POLICIES}/{plural}/{name}")


def _refusal(api: Api, namespace: str) -> str:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "refused"}, "stringData": {"password": "planted"}}
    try:
        api.call("POST", f"/api/v1/namespaces/{namespace}/secrets?dryRun=All", body)
    except ApiError as error:
        return str(error)
    return ""


# the run, and the search


def journey(run: Run, databases: Mapping[str, Facts]) -> None:
    """One namespace's whole story."""
    for engine, database in databases.items():
        run.resource(engine, database, target={"keys": ["username", "password", "uri", "jdbc_url"]})
        run.cluster.given_deployment(f"app-{engine}", engine)
    for engine, database in databases.items():
        rotated(run, engine)
        aws_quoted_the_password(run, engine)
        stored_wrong_and_malformed(run, engine)
        by_an_administrator(run, f"{engine}-admin", database)
    postgres = databases["postgres"]
    the_database_failed(run, "postgres", postgres)
    by_a_function(run, "lambda", postgres)
    with quoting_policy(run.cluster.api, run.cluster.namespace):
        not_published(run, postgres)
    for engine in databases:
        run.cluster.annotate(engine, rotate="cut short by SIGTERM")


def collected(bed: Bed, run: Run, databases: Mapping[str, Facts]) -> Search:
    """Every password of the run, and everything that was printed meanwhile."""
    search = Search(dict.fromkeys(run.given, "a given password"))
    search.passwords |= {str(one["admin_password"]): "the administrator's" for one in databases.values()}
    search.add_versions(run.eye, run.arns)
    search.add_logs(bed, [log for one in databases.values() for log in Server.of(one).logs])
    search.add_objects(run.cluster.api, run.cluster.namespace)
    search.add_objects(run.cluster.api, HOME)
    return search


def expect_the_search_to_find(search: Search, run: Run) -> None:
    """What stands where it should, and what is planted, in every spelling."""
    assert Search(search.passwords, {"the Secret itself": json.dumps(run.cluster.secret("postgres"))}).found()
    password = run.given[0]
    for how, text in spellings(password).items():
        assert f"planted in a log, {how}" in Search({password: "planted"}, {"a log": f"before {text} after"}).found()


@pytest.fixture
def run(api: Api, namespace: str, aws: Facts) -> Run:
    return Run(Cluster(api, namespace), Aws(aws), Aws(aws))


@pytest.mark.parametrize(("level", "other"), [("info", "mysql"), ("debug", "mariadb")])
def test_no_password_of_a_run_is_printed_anywhere(
    level: str, other: str, bed: Bed, run: Run, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    databases: dict[str, Facts] = {engine: request.getfixturevalue(engine) for engine in ("postgres", other)}
    namespace = run.cluster.namespace
    with running(Operator(bed, run.ours, (namespace,), environment={**SETTINGS, "ROTATED_RDS_LOG_LEVEL": level})) as operator:
        journey(run, databases)
        metrics = "\n".join(operator.metrics())
    search = collected(bed, run, databases)
    search.sources["metrics"] = metrics
    record_property(
        "searched",
        f"{len(search.passwords)} passwords in {len(search.sources)} places, {sum(map(len, search.sources.values()))} characters",
    )
    assert search.found() == []
    expect_the_search_to_find(search, run)
    assert len(search.passwords) >= 25
    assert {"log aws.log", "log kube-apiserver.log", f"log {operator.name}.log"} <= set(search.sources)
    assert all(any(name.startswith(kind) for name in search.sources) for kind in ("secrets/", "events/", "rotatedrdssecrets/", "leases/"))
    assert level == "debug" or "Traceback" not in operator.log
