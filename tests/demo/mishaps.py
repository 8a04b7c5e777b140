"""What happens when it goes wrong: somebody writes a wrong password to AWS; the operator is killed at the worst moment."""

import json
import secrets
import time

from tests.demo.follow import counted, follow
from tests.demo.scenery import NAME, SECRET_ID, Scenery
from tests.demo.screen import MISHAP, TYPED
from tests.demo.story import agrees, fresh, is_done, quiet, rolled, rotate, running, span


def a_wrong_password(scenery: Scenery) -> None:
    """Somebody moves AWSCURRENT to a password that the database does not know."""
    screen, claims = scenery.screen, scenery.claims
    screen.heading("5  It goes wrong: somebody puts a password into AWS that the database does not know")
    before, published = scenery.secret()["metadata"]["resourceVersion"], scenery.published()
    wrong = json.dumps({**scenery.current()[1], "password": scenery.known(secrets.token_urlsafe(18))})
    begun = time.time()
    screen.say(f"aws secretsmanager put-secret-value --secret-id {SECRET_ID} --secret-string '{{…}}'", TYPED)
    scenery.person.secretsmanager().put_secret_value(SecretId=SECRET_ID, SecretString=wrong)
    seen = follow(scenery, begun, "the operator notices", lambda seen: seen.condition("CredentialVerified")["reason"] == "LoginFailed")
    message: str = seen.condition("CredentialVerified")["message"]
    claims.check(f"CredentialVerified names the version that still logs in, {published[:8]}", f"version {published[:8]} logs in" in message)
    claims.check("the Secret is untouched", scenery.secret()["metadata"]["resourceVersion"] == before)
    failures = scenery.logins().since(begun)
    claims.check("no log-in of the application failed", not failures, scenery.logins().error)
    scenery.figures.append(
        ("wrong password in AWS → held back, and said why", f"{seen.moment - begun:.1f} s, {span(failures)} failed log-ins")
    )
    screen.say("the mend: ask for a new password; the version that still logs in sets it")
    _mended(scenery)


def _mended(scenery: Scenery) -> None:
    pods = running(scenery)
    agrees(scenery, rotate(scenery, "demo-2", time.time()))
    rolled(scenery, pods)
    quiet(scenery)


def a_kill(scenery: Scenery) -> None:
    """kill -9 when the database has the new password and AWSCURRENT is still the old one: the worst moment there is."""
    screen, claims = scenery.screen, scenery.claims
    screen.heading("6  It goes wrong: kill -9 of the operator in mid-rotation, when the database is ahead of AWS")
    old, before, pods, begun = scenery.password(), scenery.versions(), running(scenery), time.time()
    killed = _killed_at(scenery, "UpdateSecretVersionStage", "demo-3")
    claims.check("AWSCURRENT and the Secret are still the old password", scenery.current()[1]["password"] == scenery.password() == old)
    claims.check("the database refuses it already: it has the new one", not scenery.logs_in(old))
    screen.say("until it is finished new log-ins fail: with SingleUser a user has one password (open sessions go on)")
    with screen.awaiting(lambda: f"a new process waits for the dead one's Lease … {counted(scenery)}"):
        scenery.operator.start().ready()
    leads = time.time()
    screen.say(f"process {scenery.pid} leads: the dead one's Lease, 15 s, has run out", seconds=leads - killed)
    done = follow(scenery, killed, "the rotation is finished", lambda seen: is_done(seen, "demo-3") and seen.is_true("Ready"))
    agrees(scenery, done)
    claims.check(
        "it finished what was begun: one new version in AWS, no second one, no AWSPENDING", fresh(scenery, before) == [done.version]
    )
    claims.check("the old password is refused", not scenery.logs_in(old))
    rolled(scenery, pods)
    scenery.figures += [
        ("operator killed → a new process leads (the Lease)", f"{leads - killed:.1f} s"),
        ("new process leads → rotation finished, pods replaced, Ready", f"{done.moment - leads:.1f} s"),
        ("log-ins that failed from the change to the end", span(quiet(scenery).since(begun))),
    ]


def _killed_at(scenery: Scenery, operation: str, request: str) -> float:
    """Ask for a rotation; kill the operator while it asks AWS for that operation, which AWS then never sees. The moment of the kill."""
    control = scenery.aws.control
    fault = control.fault("hold-before", operation, count=1)
    scenery.type("annotate", "rrs", NAME, "--overwrite", f"rotated-rds.io/rotate={request}")
    held = control.wait_held(fault)
    scenery.operator.kill()
    killed = time.time()
    control.release(fault, drop=True)
    scenery.screen.say(f"kill -9 of process {scenery.pid}", MISHAP)
    scenery.claims.check(f"it died on its way to {operation}, which AWS never saw", held is not None)
    return killed
