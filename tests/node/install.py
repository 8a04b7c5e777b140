"""Helm brings the operator; an example becomes a credential."""

import secrets

from tests.bed.processes import BedError
from tests.node.ground import HOME, NAME, NAMESPACE, RELEASE, USER, Ground, is_ready
from tests.node.helm import PATIENCE
from tests.support.databases import new_user


def an_installation(ground: Ground) -> None:
    """`helm install --wait` and `helm test`; what runs then has no privilege and cannot write to its own file system."""
    ground.screen.heading("3  helm install")
    claims = ground.claims
    values = str(ground.values())
    with ground.timed("helm install --wait"):
        ground.type_helm("install", RELEASE, "helm/rotated-rds", "-n", HOME, "--wait", "--timeout", PATIENCE, "-f", values)
    pods = list(ground.operators().values())
    claims.check("two replicas are Ready on the real node, in a namespace where Pod Security is restricted", _run(pods))
    claims.check("one of them leads", _leaders(ground) == 1)
    first = pods[0]["metadata"]["name"]
    claims.check("it runs as user and group 65532", _inside(ground, first, "id") == "uid=65532 gid=65532 groups=65532")
    claims.check("its root file system is read-only", "Read-only file system" in _inside(ground, first, "touch", "/opt/rotated-rds/x"))
    source = _inside(ground, first, "cat", "/etc/rotated-rds/rds-ca-bundle.source")
    claims.check("the CA bundle inside tells its source and checksum", "source: image/bundle.pem" in source and "sha256: " in source)
    said = ground.type_helm("test", RELEASE, "-n", HOME, "--timeout", PATIENCE)
    claims.check("helm test succeeds", "Succeeded" in said, said)


def _run(pods: list[dict[str, object]]) -> bool:
    return len(pods) == 2 and all(is_ready(pod) for pod in pods)


def _leaders(ground: Ground) -> int:
    return sum("this replica leads" in ground.log(pod) for pod in ground.operators().values())


def _inside(ground: Ground, pod: str, *words: str) -> str:
    """What a command says in the operator's container, also when it fails."""
    try:
        return ground.kubectl("exec", "-n", HOME, pod, "--", *words).strip()
    except BedError as error:
        return str(error)


def an_example(ground: Ground) -> None:
    """The smallest resource, as README shows it."""
    ground.screen.heading("4  kubectl apply of an example")
    database, claims = ground.database, ground.claims
    first = secrets.token_urlsafe(18)
    ground.passwords.append(first)
    new_user(database, USER, first)
    ground.cluster.given_secret("orders-first-password", {"password": first})
    ground.person.control.place(instance="orders", engine="postgres", host=database["host"], port=database["port"], database="app")
    with ground.timed("example applied → Ready"):
        ground.type("apply", "-n", NAMESPACE, "-f", "examples/orders-postgres.yaml")
        ground.type("wait", "-n", NAMESPACE, f"rrs/{NAME}", "--for=condition=Ready", "--timeout=180s")
    claims.check("AWS secret and Kubernetes Secret hold the same version", ground.current() == ground.secret_version())
    claims.check("PostgreSQL takes what the Secret holds", ground.logs_in(ground.password()))
    claims.check("the first password, which a person knew, is refused", not ground.logs_in(first))
