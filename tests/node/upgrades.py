"""`helm upgrade`: it restarts no workload and rotates nothing, and a rotation that it meets half-done is finished (SAFETY.md G5)."""

from tests.bed.processes import until
from tests.node import helm
from tests.node.ground import HOME, NAME, NAMESPACE, PATIENCE, RELEASE, Ground, Json

_MOVE = "UpdateSecretVersionStage"


def an_upgrade(ground: Ground) -> None:
    """Other values: new operator Pods, nothing else."""
    ground.screen.heading("8  helm upgrade")
    claims, versions, pods = ground.claims, ground.versions(), ground.applications()
    template, old = _template(ground), ground.operators()
    with ground.timed("helm upgrade --wait"):
        upgrade(ground, "log.level=debug")
    new = ground.operators()
    claims.check("every replica is a new Pod", len(new) == 2 and not old.keys() & new.keys())
    until("the new leader has looked at the resource", lambda: looked(ground), seconds=PATIENCE)
    claims.check("no workload was restarted: the same Pods, the same template", ground.applications().keys() == pods.keys())
    claims.check("the Deployment was not touched", _template(ground) == template)
    claims.check("nothing was rotated: the same versions with the same labels", ground.versions() == versions)
    ground.cluster.expect_ready(NAME, PATIENCE)


def a_half_done_rotation(ground: Ground) -> None:
    """AWS gives no answer when the label is to be moved: the database has the new password, AWSCURRENT is the old one."""
    ground.screen.heading("9  helm upgrade in the middle of a rotation")
    claims, before, pods = ground.claims, ground.versions(), ground.applications()
    stuck = ground.aws.control.fault("hold-before", _MOVE, count=None)
    ground.type("annotate", "rrs", "-n", NAMESPACE, NAME, "--overwrite", "rotated-rds.io/rotate=second")
    assert ground.aws.control.wait_held(stuck), "the operator never moved the label"
    old = ground.operators()
    upgrade(ground, "log.level=info")
    claims.check("the replicas that began it are gone", not old.keys() & ground.operators().keys())
    half = ground.current() in before and any("AWSPENDING" in labels for labels in ground.versions().values())
    claims.check("it is half done: AWSPENDING is a new version, AWSCURRENT the old one", half, str(ground.versions()))
    listed = ground.kubectl(*finalizers_command(ground))
    claims.check("the command that NOTES.txt gives shows who must not be left alone", _is_listed(listed), listed)
    ground.aws.control.release(stuck, drop=True)
    with ground.timed("half-done rotation met by a new replica → finished, every Pod replaced"):
        answer = ground.cluster.expect_request(NAME, "rotate", "second", PATIENCE)
        fresh = ground.settled()
    claims.check("the new replica finished it", answer["result"] == "Done" and not pods.keys() & fresh.keys(), str(answer))
    claims.check("with the password that was begun: one new version in all", len(ground.versions().keys() - before.keys()) == 1)
    claims.check("PostgreSQL takes what the Secret holds", ground.logs_in(ground.password()))


def upgrade(ground: Ground, *values: str) -> None:
    told = [word for value in values for word in ("--set", value)]
    chosen = ("upgrade", RELEASE, "helm/rotated-rds", "-n", HOME, "--reuse-values", *told)
    ground.type_helm(*chosen, "--wait", "--timeout", helm.PATIENCE)


def looked(ground: Ground) -> bool:
    """Some replica leads and has ended a pass."""
    return any("this replica leads" in ground.log(pod) and passes(ground, pod) > 0 for pod in ground.operators().values())


def passes(ground: Ground, pod: Json) -> float:
    """How many passes a replica has ended, by its own metrics, asked for through the API server."""
    path = f"/api/v1/namespaces/{HOME}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    lines = str(ground.api.call("GET", path)).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("rotated_rds_reconcile_seconds_count"))


def finalizers_command(ground: Ground) -> list[str]:
    """The words after kubectl of the line in the chart's notes that lists finalizers."""
    notes = ground.helm("get", "notes", RELEASE, "-n", HOME)
    line = next(line for line in notes.splitlines() if "FINALIZERS" in line)
    return line.strip().removeprefix("kubectl ").split()


def _is_listed(listed: str) -> bool:
    return any(NAME in line and "rotated-rds.io/cleanup" in line for line in listed.splitlines())


def _template(ground: Ground) -> Json:
    return ground.cluster.deployment("orders")["spec"]["template"]
