"""The main job, scene by scene: one resource, an application, a rotation on request; each scene checks what it claims."""

import secrets
import time
from datetime import datetime

from tests.bed import kubelet
from tests.bed.application import Tally, tallies
from tests.bed.processes import until
from tests.demo.follow import follow
from tests.demo.scenery import DEPLOYMENT, NAME, NAMESPACE, REPLICAS, USER, Scenery
from tests.demo.watched import Json, Seen
from tests.support.databases import new_user
from tests.support.releases import HOME, install


def the_operator(scenery: Scenery) -> None:
    """CRD, rights, a queue for AWS's events, and the operator as a process of its own."""
    scenery.screen.heading("1  The operator, as a process of its own")
    install(scenery.api)
    queue = scenery.person.change_queue("demo", f"{NAMESPACE}/")
    settings = {"QUEUE_URL": queue.url, "MIN_ROTATION_INTERVAL": "1s", "STACK_ROLE": "stacks"}
    scenery.operator.environment = {f"ROTATED_RDS_{name}": text for name, text in settings.items()}
    begun = time.monotonic()
    with scenery.screen.awaiting(lambda: "the operator starts"):
        scenery.operator.start().ready()
    scenery.screen.say(
        f"CRD and RBAC applied; process {scenery.pid} leads, as ServiceAccount {HOME}/{HOME}",
        seconds=time.monotonic() - begun,
    )
    account = f"--as=system:serviceaccount:{HOME}:{HOME}"
    answer = scenery.kubectl("auth", "can-i", "--list", account)
    scenery.claims.check(
        "its ServiceAccount is no administrator: it may delete nothing", "*.*" not in answer and "delete" not in answer, answer
    )


def one_resource(scenery: Scenery) -> None:
    """From a user with a password that a person knows to one that nobody knows."""
    screen, claims, cluster = scenery.screen, scenery.claims, scenery.cluster
    screen.heading("2  One resource")
    first = scenery.known(secrets.token_urlsafe(18))
    scenery.type("create", "namespace", NAMESPACE)
    scenery.kubectl("config", "set-context", "--current", f"--namespace={NAMESPACE}")
    new_user(scenery.database, USER, first)
    cluster.given_secret("orders-first-password", {"password": first})
    scenery.person.control.place(instance="orders", engine="postgres", host="localhost", port=scenery.database["port"])
    screen.say(f"given: PostgreSQL user {USER}, its first password in the Secret orders-first-password, RDS instance orders")
    scenery.watch()
    begun = time.time()
    scenery.type("apply", "-f", "examples/orders-postgres.yaml")
    ready = follow(scenery, begun, "the six stages", lambda seen: seen.is_true("Ready"))
    scenery.figures.append(("resource applied → Ready, first password replaced", f"{ready.moment - begun:.1f} s"))
    agrees(scenery, ready)
    claims.check("the first password, which a person knew, is refused", not scenery.logs_in(first))


def an_application(scenery: Scenery) -> None:
    """Three pods; beside each a process that logs in ten times a second."""
    scenery.screen.heading("3  An application that reads the Secret")
    scenery.type("apply", "-f", "examples/orders-app.yaml")
    begun = time.monotonic()
    kubelet.start(scenery.bed, NAMESPACE, f"app={DEPLOYMENT}")
    with scenery.screen.awaiting(lambda: "three pods run"):
        until("every pod logs in", lambda: [one.logins > 0 for one in tallies(scenery.place).values()] == [True] * REPLICAS)
    scenery.screen.say(
        f"{REPLICAS} pods; beside each a real process logs in every 100 ms (simulated application: kwok runs no containers)",
        seconds=time.monotonic() - begun,
    )
    scenery.claims.check("no log-in of the application fails", scenery.logins().failed == 0, scenery.logins().error)


def a_rotation(scenery: Scenery) -> None:
    """On request, while the application logs in."""
    screen, claims = scenery.screen, scenery.claims
    screen.heading("4  A rotation, on request")
    old, before, pods = scenery.password(), scenery.versions(), running(scenery)
    begun = time.time()
    done = rotate(scenery, "demo-1", begun)
    new = scenery.password()
    agrees(scenery, done)
    claims.check(
        "the old password is refused, the new one is another and logs in", new != old and not scenery.logs_in(old) and scenery.logs_in(new)
    )
    claims.check("one new version in AWS, and no AWSPENDING is left", fresh(scenery, before) == [done.version])
    rolled(scenery, pods)
    tally = quiet(scenery)
    published = datetime.fromisoformat(done.status["publishedAt"]).timestamp()
    scenery.figures += [
        ("rotate requested → AWSCURRENT moved and verified", f"{done.status['history'][0]['seconds']} s"),
        ("rotate requested → new Secret", f"{published - begun:.1f} s"),
        (f"rotate requested → {REPLICAS} of {REPLICAS} pods replaced, Ready", f"{done.moment - begun:.1f} s"),
        ("log-ins that failed meanwhile (SingleUser has one password)", span(tally.since(begun))),
    ]


# what several scenes do and check


def rotate(scenery: Scenery, text: str, begun: float) -> Seen:
    """Ask for a rotation and follow it until everything runs on it."""
    scenery.type("annotate", "rrs", NAME, "--overwrite", f"rotated-rds.io/rotate={text}")
    return follow(scenery, begun, "the rotation", lambda seen: is_done(seen, text) and seen.is_true("Ready"))


def is_done(seen: Seen, text: str) -> bool:
    answer: Json = seen.answer("rotate")
    return answer.get("text") == text and answer.get("result") == "Done"


def agrees(scenery: Scenery, seen: Seen) -> None:
    """One credential everywhere."""
    version, value = scenery.current()
    content = scenery.cluster.content(scenery.name)
    same = version == seen.version == scenery.published() and value["password"] == content["password"]
    scenery.claims.check(f"AWS secret {scenery.secret_id} and Secret {scenery.name} hold the same version, {version[:8]}", same)
    scenery.claims.check(f"PostgreSQL takes what Secret {scenery.name} holds", scenery.logs_in(scenery.password()))


def fresh(scenery: Scenery, before: dict[str, list[str]]) -> list[str]:
    """Versions that have come since. AWSPENDING on one of them spoils the answer, so that a claim about it fails."""
    now = scenery.versions()
    pending = [f"{version} is AWSPENDING" for version, labels in now.items() if "AWSPENDING" in labels]
    return [version for version in now if version not in before] + pending


def running(scenery: Scenery) -> set[str]:
    """The Deployment's pods by name."""
    found = scenery.api.call("GET", f"{scenery.cluster.path('pods', group='v1')}?labelSelector=app%3D{DEPLOYMENT}")
    return {pod["metadata"]["name"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]}


def rolled(scenery: Scenery, before: set[str]) -> None:
    """All pods are new, and their template names the Secret's version."""
    until("the old pods are gone", lambda: len(running(scenery)) == REPLICAS)
    template: Json = scenery.cluster.deployment(DEPLOYMENT)["spec"]["template"]["metadata"]["annotations"]
    version = scenery.published()
    holds = not running(scenery) & before and template.get(f"rotated-rds.io/version.{NAME}") == version
    scenery.claims.check(f"Deployment {DEPLOYMENT} rolled to version {version[:8]}: {REPLICAS} new pods", holds)


def quiet(scenery: Scenery) -> Tally:
    """Wait until every pod that runs logs in; what was counted until then."""
    names = running(scenery)

    def all_log_in() -> bool:
        seen = tallies(scenery.place)
        return all(name in seen and seen[name].logins > 0 for name in names)

    until("the new pods log in", all_log_in)
    return scenery.logins()


def span(failures: list[float]) -> str:
    return f"{len(failures)}, in {failures[-1] - failures[0]:.1f} s" if failures else "0"
