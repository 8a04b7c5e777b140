"""docs/migrate.md from External Secrets and Reloader, command by command: the Secret is never missing, and no Pod restarts for the move.

In every run the Secret begins as External Secrets 2.9.0 was seen to leave it (tests/support/moving.py). With EXTERNAL_SECRETS,
EXTERNAL_SECRETS_CRDS and RELOADER naming their programs and CRDs, the same steps run with those controllers themselves.
"""

import json
import re
import secrets
import shlex
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.bed import kubelet
from tests.bed.api import Api
from tests.bed.application import total
from tests.bed.bed import Bed, Facts
from tests.bed.paths import REPO
from tests.bed.processes import until
from tests.support import moving
from tests.support.applications import beside_pods
from tests.support.aws import Aws
from tests.support.databases import can_log_in, new_user, set_password
from tests.support.moving import AS_LEFT, RELOADED, SECRET, Real, Recorded, Watched, shape
from tests.support.operators import Operator, running
from tests.support.resources import Cluster, a_resource

Json = dict[str, Any]
PAGE = (REPO / "docs" / "migrate.md").read_text().partition("\n## From External Secrets")[2].partition("\n### ")[0]
STEPS: dict[str, str] = dict(re.findall(r"\n\*\*(\d)\. (.*?)(?=\n\*\*|\Z)", PAGE, re.DOTALL))
FIRST = "first-Passw0rd"
KEYS = {"username", "password", "host", "port", "dbname", "engine"}
REAL = pytest.mark.skipif(not (moving.EXTERNAL_SECRETS and moving.CRDS and moving.RELOADER), reason="EXTERNAL_SECRETS, … name no programs")


@dataclass
class Move:
    """One namespace that moves in. eye: somebody with rights in AWS."""

    bed: Bed
    cluster: Cluster
    database: Facts
    eye: Aws
    user: str

    @property
    def secret_id(self) -> str:
        return f"{self.cluster.namespace}/orders"

    def types(self, step: str) -> None:
        """The kubectl commands of one step of the page."""
        commands = [line for block in re.findall(r"```sh\n(.*?)```", STEPS[step], re.DOTALL) for line in block.splitlines()]
        assert commands
        for line in commands:
            program, flag, namespace, *words = shlex.split(line)
            assert (program, flag, namespace) == ("kubectl", "-n", "shop")
            moving.kubectl(self.bed, self.cluster.namespace, *words)

    def pods(self) -> set[str]:
        found: list[Json] = self.cluster.api.call("GET", self.cluster.path("pods", group="v1"))["items"]
        return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def failed(self) -> int:
        return total(kubelet.folder(self.bed, self.cluster.namespace)).failed

    def logins(self) -> int:
        return total(kubelet.folder(self.bed, self.cluster.namespace)).logins


@pytest.fixture
def move(bed: Bed, api: Api, aws: Facts, postgres: Facts, namespace: str) -> Generator[Move]:
    """An AWS secret with a user whose password it is, and a namespace whose Pods have processes that log in."""
    one = Move(bed, Cluster(api, namespace), postgres, Aws(aws), f"u{secrets.token_hex(4)}")
    new_user(postgres, one.user, FIRST)
    value = {"engine": "postgres", "host": "localhost", "port": postgres["port"], "username": one.user, "password": FIRST, "dbname": "app"}
    one.eye.secretsmanager().create_secret(Name=one.secret_id, SecretString=json.dumps(value))
    with beside_pods(bed, namespace, "app=orders"):
        yield one


def a_second_later(one: Move) -> bool:
    """Kubernetes tells times in whole seconds: a Pod of the Secret's own second may be older than it."""
    made = one.cluster.secret(SECRET)
    return made is not None and datetime.now(UTC) >= datetime.fromisoformat(made["metadata"]["creationTimestamp"]) + timedelta(seconds=1)


def given_old_world(one: Move, old: Recorded, **annotations: str) -> None:
    """The Secret, and a Deployment whose Pods started after it and log in."""
    old.given(one.secret_id)
    until("the clock moves on", lambda: a_second_later(one))
    one.cluster.given_deployment("orders", SECRET, replicas=2, annotations=annotations)
    until("the application logs in", lambda: rolled_out(one))


def rolled_out(one: Move) -> bool:
    status = one.cluster.deployment("orders").get("status", {})
    return status.get("availableReplicas") == 2 and one.logins() > 0


def applied(one: Move) -> None:
    """Step 2: the resource, its refusal, the tag that the refusal names, and all that holds by then."""
    namespace = one.cluster.namespace
    whole = a_resource(namespace, SECRET, one.database, one.user, secret={"name": one.secret_id})
    del whole["spec"]["user"]["passwordSecretRef"]
    one.cluster.given_resource(whole)
    message = one.cluster.expect_condition(SECRET, "SecretReady", "False", "NotAdopted")["message"]
    tag = re.search(r"rotated-rds\.io/adopt\s*=\s*(\S+?)[,;:.]?(\s|$)", message)
    assert tag, message
    one.eye.secretsmanager().tag_resource(SecretId=one.secret_id, Tags=[{"Key": "rotated-rds.io/adopt", "Value": tag[1]}])
    one.types("2")
    assert one.cluster.expect_condition(SECRET, "Mirrored", "False", "TargetConflict")


def back(one: Move) -> None:
    """The page's way back, as far as the resource goes."""
    (command,) = re.findall(r"`kubectl -n shop (delete rrs [^`]+)`", PAGE)
    moving.kubectl(one.bed, one.cluster.namespace, *shlex.split(command))


def moved(one: Move, old: Recorded) -> Watched:
    """The page from its beginning to its end."""
    cluster = one.cluster
    given_old_world(one, old, **RELOADED)
    watched = Watched(cluster).start()
    before, pods, template = cluster.secret(SECRET), one.pods(), cluster.deployment("orders")["spec"]["template"]
    assert before is not None
    assert cluster.content(SECRET).keys() == KEYS
    assert shape(before) == AS_LEFT
    with running(Operator(one.bed, Aws(one.bed.facts()["aws"]), (cluster.namespace,))):
        one.types("1")
        applied(one)
        assert cluster.secret(SECRET) == before, "not touched yet"
        for step in ("3", "4", "5"):
            one.types(step)
        assert not old.still_there()
        after = cluster.secret(SECRET)
        assert after is not None
        assert (after["metadata"]["uid"], after["data"]) == (before["metadata"]["uid"], before["data"])
        logins = one.logins()
        until("the application still logs in", lambda: one.logins() >= logins + 20)
        assert (one.pods(), cluster.deployment("orders")["spec"]["template"]) == (pods, template), "nothing restarted"
        assert one.failed() == 0
        one.types("6")
        cluster.annotate(SECRET, rotate="first")
        assert cluster.expect_request(SECRET, "rotate", "first")["result"] == "Done"
        cluster.expect_ready(SECRET)
        password = cluster.content(SECRET)["password"]
        assert can_log_in(one.database, one.user, password)
        until("both Pods are new", lambda: len(one.pods()) == 2 and not one.pods() & pods)
        revision = cluster.deployment("orders")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        assert revision == "2", "one restart, for the new credential"
    shown = watched.up_to_now()
    assert "DELETED" not in [kind for kind, _ in shown]
    assert [set(secret["data"]) for _, secret in shown] == [KEYS] * len(shown)
    passwords = [secret["data"]["password"] for _, secret in shown]
    assert len({*passwords}) == 2
    assert passwords == sorted(passwords, key=passwords.index), "never back"
    return watched


def test_the_move_from_the_secret_as_external_secrets_leaves_it(move: Move) -> None:
    moved(move, Recorded(move.cluster, move.eye))


@REAL
def test_what_is_moved_from_works_itself(move: Move) -> None:
    """External Secrets fetches a new password, Reloader restarts: the controllers that the move is tried with do their work."""
    with moving.real_controllers(move.bed, move.eye, move.cluster.namespace):
        given_old_world(move, Real(move.cluster, move.eye, move.bed), **RELOADED)
        pods, client = move.pods(), move.eye.secretsmanager()
        value = json.loads(client.get_secret_value(SecretId=move.secret_id)["SecretString"])
        set_password(move.database, move.user, "second-Passw0rd")
        client.put_secret_value(SecretId=move.secret_id, SecretString=json.dumps({**value, "password": "second-Passw0rd"}))
        move.cluster.expect("External Secrets follows", lambda: move.cluster.content(SECRET)["password"] == "second-Passw0rd")
        until("Reloader restarts", lambda: len(move.pods()) == 2 and not move.pods() & pods)


@REAL
def test_the_move_with_external_secrets_and_reloader_themselves(move: Move) -> None:
    old = Real(move.cluster, move.eye, move.bed)
    with moving.real_controllers(move.bed, move.eye, move.cluster.namespace):
        watched = moved(move, old)
        back(move)
        old.comes_back(move.secret_id)
        assert "DELETED" not in [kind for kind, _ in watched.up_to_now()]


@REAL
def test_a_secret_that_external_secrets_orphans_is_handed_over_without_a_restart(move: Move) -> None:
    """The way for who has the ExternalSecret in Git: its owner reference goes, and the time of its last write stays."""
    cluster = move.cluster
    with moving.real_controllers(move.bed, move.eye, cluster.namespace):
        given_old_world(move, Real(cluster, move.eye, move.bed))
        watched, pods = Watched(cluster).start(), move.pods()
        with running(Operator(move.bed, Aws(move.bed.facts()["aws"]), (cluster.namespace,))):
            applied(move)
            orphan = {"spec": {"target": {"creationPolicy": "Orphan"}}}
            cluster.merge(cluster.path("externalsecrets", SECRET, moving.GROUP), orphan)
            cluster.expect("its owner lets go", lambda: not (cluster.secret(SECRET) or {})["metadata"].get("ownerReferences"))
            moving.kubectl(move.bed, cluster.namespace, "delete", "externalsecret", SECRET)
            move.types("5")
            assert (move.pods(), move.failed()) == (pods, 0)
        assert "DELETED" not in [kind for kind, _ in watched.up_to_now()]


def test_a_pod_that_may_run_on_the_password_before_is_restarted(move: Move) -> None:
    """External Secrets rewrote its Secret after the Pods started, and nobody restarted them."""
    cluster, old = move.cluster, Recorded(move.cluster, move.eye)
    given_old_world(move, old)
    pods = move.pods()
    written = {"metadata": {"annotations": {"reconcile.external-secrets.io/data-hash": "another"}}}
    manager = f"externalsecrets.external-secrets.io/{SECRET}"
    path = cluster.path("secrets", SECRET, "v1")
    with running(Operator(move.bed, Aws(move.bed.facts()["aws"]), (cluster.namespace,))):
        applied(move)
        cluster.api.call("PATCH", f"{path}?fieldManager={manager}", written, content="application/merge-patch+json")
        for step in ("4", "5"):
            move.types(step)
        until("both Pods are new", lambda: len(move.pods()) == 2 and not move.pods() & pods)


def test_the_way_back_leaves_the_secret(move: Move) -> None:
    cluster, old = move.cluster, Recorded(move.cluster, move.eye)
    old.given(move.secret_id)
    with running(Operator(move.bed, Aws(move.bed.facts()["aws"]), (cluster.namespace,))):
        applied(move)
        for step in ("4", "5"):
            move.types(step)
        before = cluster.secret(SECRET)
        back(move)
        after = cluster.secret(SECRET)
        assert before is not None
        assert after is not None
        assert (after["data"], "ownerReferences" in after["metadata"]) == (before["data"], False)


def test_without_orphan_the_secret_goes_with_its_owner(move: Move) -> None:
    """The page's warning."""
    Recorded(move.cluster, move.eye).given(move.secret_id)
    moving.kubectl(move.bed, move.cluster.namespace, "delete", "externalsecret", SECRET)
    move.cluster.expect_collected(SECRET)
