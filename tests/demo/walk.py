"""AWS's console walk-through by one `kubectl apply`: its thirteen steps, each with the operator's calls and what AWS says afterwards."""

import json
import time

from tests.demo.ending import nothing_leaked
from tests.demo.follow import follow
from tests.demo.scenery import NAMESPACE, USER, Scenery
from tests.demo.screen import SEEN
from tests.demo.story import agrees
from tests.demo.watched import Json
from tests.support import walkthrough
from tests.support.databases import new_user
from tests.support.walkthrough import Aftermath, Step

KEY, REGION = "alias/orders", "eu-west-1"


def one_apply(scenery: Scenery) -> None:
    """What stands before it, the file, and the way to Ready."""
    screen, (first, resource) = scenery.screen, walkthrough.documents()
    screen.heading("2  The walk-through: one file, one kubectl apply")
    scenery.name, scenery.secret_id = resource["metadata"]["name"], resource["spec"]["secret"]["name"]
    scenery.type("create", "namespace", NAMESPACE)
    scenery.kubectl("config", "set-context", "--current", f"--namespace={NAMESPACE}")
    new_user(scenery.database, USER, scenery.known(first["stringData"]["password"]))
    scenery.person.control.place(instance="orders", engine="postgres", host="localhost", port=scenery.database["port"], region=REGION)
    keys = scenery.person.client("kms")
    keys.create_alias(AliasName=KEY, TargetKeyId=keys.create_key()["KeyMetadata"]["KeyId"])
    screen.say(f"given: PostgreSQL user {USER}, RDS instance orders, KMS key {KEY}")
    scenery.watch()
    begun = time.time()
    scenery.type("apply", "-f", walkthrough.FILE.relative_to(walkthrough.REPO).as_posix())
    ready = follow(scenery, begun, "the walk-through", lambda seen: seen.is_true("Ready"), seconds=120)
    screen.say("Ready", SEEN, ready.moment - begun)
    agrees(scenery, ready)
    scenery.claims.check("the password of the file, which a person knew, is refused", not scenery.logs_in(scenery.passwords[0]))


def thirteen_steps(scenery: Scenery) -> None:
    """Each step of the console, checked."""
    scenery.screen.heading("3  Step by step: the console, the field, the operator's calls, AWS")
    after = Aftermath(scenery.person, walkthrough.documents()[1]["spec"], scenery.aws.control.calls())
    for number, step in enumerate(walkthrough.STEPS, 1):
        _step(scenery, number, step, after)


def _step(scenery: Scenery, number: int, step: Step, after: Aftermath) -> None:
    screen, told = scenery.screen, after.of(step)
    screen.say(f"{number:>2}  {plain(step.console)}  —  spec: {plain(step.fields)}")
    for one in told:
        screen.say(f"      {call(one, dict(step.calls)[walkthrough.named(one)])}", SEEN)
    scenery.claims.check(f"    it was asked for by {', '.join(dict.fromkeys(one['operation'] for one in told))}", after.complete(step))
    seen, wanted = step.seen(after), step.wanted(after)
    scenery.claims.check(f"    {plain(step.read)}: {short(seen)}", seen == wanted, f"{short(wanted)} was wanted")


def every_call(scenery: Scenery) -> None:
    """The operator's calls from the apply to Ready, in order."""
    scenery.screen.heading("4  Every call of the operator to AWS, in order (values are never logged)")
    for one in scenery.aws.control.calls():
        if one["operation"] != "ReceiveMessage":
            scenery.screen.say(call(one), SEEN)


def what_is_left(scenery: Scenery) -> None:
    scenery.screen.heading("5  What is left behind")
    nothing_leaked(scenery, of_the_database=False)
    scenery.screen.say("PostgreSQL's log has it: AWS's functions send it in clear, and so does their stand-in (docs/weaknesses.md)")


# how things are shown


def call(one: Json, *named: str) -> str:
    """A call with its parameters, or with those named."""
    shown = {name: value for name, value in one["asked"].items() if not named or name in named}
    said = " ".join(f"{name}={short(value)}" for name, value in shown.items())
    refused = "" if one["code"] == "OK" else f"  {one['code']}"
    return f"#{one['number']:<4} {walkthrough.named(one)} {said}{refused}"


def short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    whole = " ".join(text.split())
    return whole if len(whole) <= 160 else f"{whole[:157]}..."


def plain(markdown: str) -> str:
    return markdown.replace("`", "").replace("*", "")
