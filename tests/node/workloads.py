"""Real containers: one that logs in by a real driver, its replacement at a rotation, and one that crashes at a wrong password."""

from rotated_rds.model.document import entries
from tests.bed.processes import until
from tests.node import application, two_users
from tests.node.ground import DEPLOYMENT, NAME, NAMESPACE, PATIENCE, Ground, Json, is_ready


def an_application(ground: Ground) -> None:
    """The example's Deployment, with psycopg from the operator's own image; beside it a second one, whose two users take turns."""
    ground.screen.heading("5  An application that reads the Secret")
    two_users.given(ground)
    with ground.timed("application applied → 3 of 3 Pods have logged in"):
        ground.kubectl.apply(application.deployment(ground.image), NAMESPACE)
        ground.type("rollout", "status", "-n", NAMESPACE, f"deploy/{DEPLOYMENT}", "--timeout=180s")
        pods = ground.settled()
    ground.claims.check("every Pod has logged in by a real driver, over verified TLS", _logged_in(ground, pods))
    tasks = ground.containers.ctr("tasks", "ls", "-q").split()
    ground.claims.check("they are containers of containerd, not a simulation", _containers(pods) <= set(tasks))


def a_rotation(ground: Ground) -> None:
    """On request: a new password, a new Secret, new containers; with two users without one failed log-in."""
    ground.screen.heading("6  A rotation, on request")
    claims, old, before = ground.claims, ground.password(), ground.applications()
    ground.settled(two_users.NAME, two_users.DEPLOYMENT, two_users.REPLICAS)
    versions, followed = ground.versions(), two_users.follow(ground)
    with ground.timed("rotate requested → every Pod replaced and logged in"):
        ground.type("annotate", "rrs", "-n", NAMESPACE, NAME, two_users.NAME, "rotated-rds.io/rotate=first")
        answer = ground.cluster.expect_request(NAME, "rotate", "first", PATIENCE)
        pods = ground.settled()
    claims.check("the request is Done", answer["result"] == "Done", str(answer))
    new = ground.password()
    claims.check("the old password is refused, the new one logs in", not ground.logs_in(old) and ground.logs_in(new))
    claims.check("one new version in AWS", len(ground.versions().keys() - versions.keys()) == 1)
    claims.check("three Pods are new, and each has logged in", not before.keys() & pods.keys() and _logged_in(ground, pods))
    assert ground.cluster.expect_request(two_users.NAME, "rotate", "first", PATIENCE)["result"] == "Done"
    two_users.check(ground, followed)


def a_refused_pod(ground: Ground) -> None:
    """Why it matters: what a Pod with a wrong password comes to."""
    ground.screen.heading("7  A Pod with a wrong password")
    host, port = str(ground.database["host"]), int(str(ground.database["port"]))
    ground.kubectl.apply(application.astray(ground.image, host, port), NAMESPACE)
    until("the kubelet waits before it starts it again", lambda: _waits(ground) == "CrashLoopBackOff", seconds=PATIENCE)
    pod = _astray(ground)
    refused = "password authentication failed" in ground.log(pod, "--previous")
    ground.claims.check("it is CrashLoopBackOff: PostgreSQL refused its log-in, as its log tells", refused)
    ground.kubectl("delete", "pod", "-n", NAMESPACE, "astray", "--wait=false")


def _astray(ground: Ground) -> Json:
    return ground.api.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/astray")


def _waits(ground: Ground) -> str:
    states: list[Json] = [one["state"] for one in entries(_astray(ground), "status", "containerStatuses")]
    return next((one["waiting"]["reason"] for one in states if "waiting" in one), "")


def _logged_in(ground: Ground, pods: dict[str, Json]) -> bool:
    return bool(pods) and all(is_ready(pod) and "logged in as app" in ground.log(pod) for pod in pods.values())


def _containers(pods: dict[str, Json]) -> set[str]:
    return {status["containerID"].rpartition("/")[2] for pod in pods.values() for status in pod["status"]["containerStatuses"]}
