"""Beside the example: an application whose two users take turns, replaced by a real kubelet without a failed log-in (SAFETY.md D1)."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bed.processes import Recorded, until
from tests.node import application
from tests.node.ground import ADMIN, NAMESPACE, PATIENCE, Ground
from tests.support.databases import logged, new_user
from tests.support.resources import a_resource

NAME, DEPLOYMENT, REPLICAS = "reports-db", "reports", 2
BASE, CLONE = "reports", "reports_clone"


@dataclass(frozen=True)
class Followed:
    """kubectl's own word of what Pods print, up to their end."""

    ground: Ground
    processes: Sequence[Recorded]

    def ended(self) -> list[str]:
        """Every line of Pods that are gone by now."""
        until("the Pods before are gone", lambda: not any(one.alive for one in self.processes), seconds=PATIENCE)
        return [line for one in self.processes for line in self.ground.bed.processes.log(one.name).read_text().splitlines()]


def given(ground: Ground) -> None:
    """The user, an administrator that may make its equal, and the resource."""
    database, first = ground.database, secrets.token_urlsafe(18)
    admin = {"engine": "postgres", "host": database["host"], "port": database["port"], "username": database["admin_user"]}
    text = json.dumps({**admin, "password": database["admin_password"]})
    ground.person.secretsmanager().create_secret(Name=ADMIN, SecretString=text)
    ground.passwords += [first, str(database["admin_password"])]
    new_user(database, BASE, first)
    ground.cluster.given_secret(f"{NAME}-first", {"password": first})
    place = {"host": None, "engine": None, "port": None, "instance": "orders"}  # the example's
    spec = {"database": place, "user": {"adminSecretId": ADMIN}, "rotation": {"strategy": "AlternatingUsers"}}
    ground.cluster.given_resource(a_resource(NAMESPACE, NAME, database, BASE, **spec))
    ground.cluster.expect_ready(NAME, PATIENCE)
    ground.kubectl.apply(application.reader(ground.image, DEPLOYMENT, NAME, REPLICAS), NAMESPACE)


def follow(ground: Ground) -> Followed:
    """From now on, what each Pod prints and has printed."""
    words = [ground.kubectl.program, "--kubeconfig", ground.kubectl.kubeconfig, "logs", "-n", NAMESPACE, "-f"]
    pods = [pod["metadata"]["name"] for pod in ground.pods(NAMESPACE, f"app={DEPLOYMENT}").values()]
    return Followed(ground, [ground.bed.processes.start(f"kubectl-logs-{pod}", [*words, pod]) for pod in pods])


def check(ground: Ground, before: Followed) -> None:
    """After a rotation: what the Pods before and those now have printed, and what PostgreSQL says of it."""
    old, pods = before.ended(), ground.settled(NAME, DEPLOYMENT, REPLICAS)
    new = [line for pod in pods.values() for line in ground.log(pod).splitlines()]
    users = [{line.rpartition(" ")[2] for line in lines if line.startswith("logged in as")} for lines in (old, new)]
    ground.claims.check("with two users the Pods before log in as the one, those now as the other", users == [{BASE}, {CLONE}], str(users))
    failed = [line for line in (*old, *new) if not line.startswith("logged in as")]
    count = len(old) + len(new)
    ground.claims.check(f"none of the {count} log-ins of their lives failed, from first to last", not failed, "\n".join(failed[-5:]))
    restarts = [one["restartCount"] for pod in pods.values() for one in pod["status"]["containerStatuses"]]
    refused = f'password authentication failed for user "{BASE}' in logged(ground.database)
    ground.claims.check("PostgreSQL refused neither user, and no container was started twice", not refused and set(restarts) == {0})
    ground.figures.append(("log-ins with two users, failed", f"{count}, {len(failed)}"))
    ground.passwords.append(ground.cluster.content(NAME)["password"])
    ground.kubectl("delete", "-n", NAMESPACE, f"deploy/{DEPLOYMENT}", f"rrs/{NAME}", "--wait=false")
