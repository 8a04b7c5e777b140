"""`helm uninstall`: the operator goes, every credential stays; and what is written down nowhere."""

import json
import re
from collections.abc import Iterator

from tests.bed.processes import until
from tests.node import helm
from tests.node.ground import HOME, NAME, NAMESPACE, PATIENCE, RELEASE, Ground
from tests.node.upgrades import looked
from tests.support.databases import logged
from tests.support.resources import a_resource

_CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rotatedrdssecrets.rotated-rds.io"


def an_uninstall(ground: Ground) -> None:
    """Who must not be left alone is listed first; then nothing that anybody uses is gone."""
    ground.screen.heading("10  helm uninstall")
    claims, content, versions, pods = ground.claims, ground.cluster.content(NAME), ground.versions(), ground.applications()
    _given_a_held_resource(ground)
    with ground.timed("helm uninstall --wait, with its list"):
        said = ground.type_helm("uninstall", RELEASE, "-n", HOME, "--wait", "--timeout", helm.PATIENCE)
    claims.check("it lists first who has a finalizer, and nobody else", _listed(said) == [f"{NAMESPACE}/held"], said)
    until("the operator's Pods are gone", lambda: not ground.operators(), seconds=PATIENCE)
    claims.check("the Kubernetes Secret stays as it was", ground.cluster.content(NAME) == content)
    claims.check("the AWS secret stays, with its versions and labels", ground.versions() == versions and not _scheduled(ground))
    there = [ground.api.get(path) is not None for path in (_CRD, ground.cluster.path("rotatedrdssecrets", NAME))]
    claims.check("CRD and resource stay", all(there))
    claims.check("the application's Pods are the same, and Ready", ground.settled().keys() == pods.keys())
    claims.check("its password still logs in", ground.logs_in(content["password"]))


def _given_a_held_resource(ground: Ground) -> None:
    """One that somebody's finalizer holds."""
    resource = a_resource(NAMESPACE, "held", ground.database, "nobody", suspend=True)
    resource["metadata"]["finalizers"] = ["tests.example/held"]
    ground.cluster.given_resource(resource)


def _listed(said: str) -> list[str]:
    """The resources that the uninstall names; Helm writes a Job's lines into one of its own log."""
    return re.findall(rf"{NAMESPACE}/[a-z-]+(?=: )", said)


def installed_again(ground: Ground) -> None:
    """The operator goes on where it was."""
    ground.screen.heading("11  helm install, again")
    claims, versions, pods = ground.claims, ground.versions(), ground.applications()
    values = str(ground.bed.folder / "values.yaml")
    ground.type_helm("install", RELEASE, "helm/rotated-rds", "-n", HOME, "--wait", "--timeout", helm.PATIENCE, "-f", values)
    until("a leader has looked at the resource", lambda: looked(ground), seconds=PATIENCE)
    ground.cluster.expect_ready(NAME, PATIENCE)
    same = ground.versions() == versions and ground.settled().keys() == pods.keys()
    claims.check("it rotates nothing and restarts nobody: the same versions, the same Pods", same)


def _scheduled(ground: Ground) -> bool:
    """Whether the AWS secret is scheduled for deletion."""
    return "DeletedDate" in ground.person.secretsmanager().describe_secret(SecretId=f"{NAMESPACE}/{NAME}")


def the_end(ground: Ground) -> None:
    """No password of this run stands where it does not belong."""
    ground.screen.heading("12  What is written down")
    passwords = set(ground.passwords)
    found = sorted({place for place, text in _written(ground) for password in passwords if password in text})
    ground.claims.check(f"none of this run's {len(passwords)} passwords stands in a log, an Event, a status or here", not found, str(found))
    ground.screen.heading("Figures of this run")
    ground.screen.table(ground.figures)


def _written(ground: Ground) -> Iterator[tuple[str, str]]:
    """Every place that a password could have leaked to, and its text."""
    for log in (ground.bed.folder / "log").iterdir():
        yield f"log {log.name}", log.read_text(errors="replace")
    for log in (ground.bed.folder / "node" / "pods").rglob("*.log"):
        yield f"log of {log.parent.parent.name}", log.read_text(errors="replace")
    yield "PostgreSQL's log", logged(ground.database)
    yield "Events", json.dumps(ground.api.call("GET", "/apis/events.k8s.io/v1/events"))
    yield "the resource", json.dumps(ground.cluster.resource(NAME))
    yield "the screen", "\n".join(ground.screen.lines)
