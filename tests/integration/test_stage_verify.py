"""CredentialVerified: nothing is published that did not log in, and what did not is named (SAFETY.md B5, E3; API.md)."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from rotated_rds.model.status import Kind, Status
from tests.bed.bed import Bed
from tests.support.databases import can_log_in, execute_as_root, new_user, set_password
from tests.support.logins import endpoint
from tests.support.outages import another
from tests.support.scene import FIRST, LOOK, Scene, reason, said
from tests.support.tcp import Relay

SECOND, THIRD = "second-Passw0rd", "third-Passw0rd"


def verified(status: Status) -> str:
    return reason(status, Kind.CREDENTIAL_VERIFIED)


def external(scene: Scene, **spec: Any) -> dict[str, Any]:
    """Somebody else owns the secret and rotates it."""
    whole = {"secret": {"name": scene.secret_id}, "user": None, "rotation": {"immediately": None, "method": "External"}, **spec}
    return scene.resource(**whole)


def given_external(scene: Scene, **spec: Any) -> Status:
    scene.given_secret_in_aws(FIRST)
    scene.cluster.given_resource(external(scene, **spec))
    return scene.settled()


def pending_by_hand(scene: Scene, password: str) -> str:
    """Somebody's function has stored a new version and not moved AWSCURRENT yet."""
    text = json.dumps({**scene.current()[1], "password": password})
    client = scene.by_hand.secretsmanager()
    return str(client.put_secret_value(SecretId=scene.secret_id, SecretString=text, VersionStages=["AWSPENDING"])["VersionId"])


# what is published is tried again


def test_B5_what_is_published_is_tried_again_every_six_hours_without_reading_it_from_AWS(scene: Scene) -> None:
    before = scene.given_ready()
    scene.settled(LOOK)
    scene.aws.control.reset()
    scene.later(hours=6, minutes=31)
    after = scene.settled()
    assert before.database is not None
    assert after.database is not None
    assert before.database.last_verified is not None
    assert after.database.last_verified is not None
    assert (after.database.last_verified - before.database.last_verified).total_seconds() > 6 * 3600
    assert scene.calls("GetSecretValue") == 0


def test_B5_a_password_changed_behind_our_back_is_seen_by_that_try_and_not_before(scene: Scene) -> None:
    scene.given_ready()
    set_password(scene.database, scene.user, SECOND)
    scene.later(hours=5, minutes=59)
    scene.settled()
    scene.later(minutes=31)
    assert verified(scene.settle()) == "False LoginFailed"
    assert len(scene.events("LoginFailed")) == 1


def test_B5_the_try_reads_AWS_where_the_kubernetes_secret_does_not_hold_both(scene: Scene) -> None:
    scene.given_ready(target={"keys": ["password"]})
    scene.aws.control.reset()
    scene.later(hours=6, minutes=31)
    scene.settled()
    assert scene.calls("GetSecretValue") > 0


def test_B5_a_refusal_while_a_younger_AWSPENDING_stands_is_a_rotation_under_way(scene: Scene) -> None:
    given_external(scene)
    pending_by_hand(scene, SECOND)
    set_password(scene.database, scene.user, SECOND)
    status = scene.asked(sync="look")
    assert verified(status) == "False Reconciling"
    assert status.condition(Kind.STALLED) is None
    assert scene.events("LoginFailed") == []
    scene.later(minutes=16)
    status = scene.settle(LOOK)
    assert verified(status) == "False LoginFailed"
    assert said(status, Kind.STALLED).reason == "LoginFailed"


def test_B5_no_rotation_of_the_clock_begins_on_a_credential_that_is_refused(scene: Scene) -> None:
    """The user could not change its own password; and somebody may have locked a leaked one out on purpose (E3)."""
    scene.given_ready(rotation={"schedule": "rate(4 hours)", "window": "4h"})
    before = scene.current()
    set_password(scene.database, scene.user, SECOND)
    scene.later(hours=6, minutes=31)  # the second half of the first window, however late in its hour the resource was made
    status = scene.settle()
    assert reason(status, Kind.ROTATION_READY) == "False LoginFailed"
    assert verified(status) == "False LoginFailed"
    assert (scene.current(), scene.calls("PutSecretValue")) == (before, 0)
    assert can_log_in(scene.database, scene.user, SECOND)


def test_sync_tries_the_login_again_at_once(scene: Scene) -> None:
    scene.given_ready()
    set_password(scene.database, scene.user, SECOND)
    status = scene.asked(sync="1")
    assert verified(status) == "False LoginFailed"
    assert status.requests["sync"].result == "Done"
    set_password(scene.database, scene.user, FIRST)
    assert verified(scene.settle()) == "False LoginFailed", "a refused version is left alone for five minutes"
    assert verified(scene.asked(sync="2")) == "True"


def test_B4_a_refused_version_is_tried_again_after_five_minutes_and_no_sooner(scene: Scene) -> None:
    scene.given_ready()
    set_password(scene.database, scene.user, SECOND)
    scene.asked(sync="1")
    set_password(scene.database, scene.user, FIRST)
    scene.later(minutes=4)
    assert verified(scene.settle()) == "False LoginFailed"
    scene.later(minutes=2)
    scene.settled()


# what moves is followed once it logs in


def test_a_move_by_somebody_else_is_followed_once_it_logs_in(scene: Scene) -> None:
    given_external(scene)
    version = scene.moved_by_hand(SECOND)
    status = scene.settled(LOOK)
    assert status.version_id == version
    assert scene.password == SECOND


def test_a_move_that_does_not_log_in_is_not_forgotten_and_the_last_good_secret_stays(scene: Scene) -> None:
    published = given_external(scene).version_id
    version = scene.put_keys(password=SECOND)
    for _ in range(2):
        status = scene.settle(LOOK)
        assert verified(status) == "False LoginFailed"
        assert f"AWSCURRENT {version[:8]}" in said(status, Kind.CREDENTIAL_VERIFIED).message
        assert status.version_id == published
        assert scene.password == FIRST
        scene.restarted()
    assert verified(scene.settle()) == "False LoginFailed", "without any hint it is still known that AWSCURRENT is another"
    set_password(scene.database, scene.user, SECOND)
    scene.later(minutes=6)
    assert scene.settled().version_id == version


def test_E3_a_refused_AWSCURRENT_says_which_version_logs_in(scene: Scene) -> None:
    first = scene.given_ready().version_id or ""
    scene.rotated()
    set_password(scene.database, scene.user, FIRST)
    status = scene.asked(sync="look")
    assert verified(status) == "False LoginFailed"
    assert f"version {first[:8]} logs in" in said(status, Kind.CREDENTIAL_VERIFIED).message


def test_E3_repair_puts_AWSCURRENT_s_own_password_back_without_a_version_or_a_restart(scene: Scene) -> None:
    scene.cluster.given_deployment("app", scene.name)
    scene.given(user={"onRefused": "Repair"})
    scene.comes_ready()
    rotated = scene.rotated()
    scene.comes_ready()
    generation, password = scene.cluster.deployment("app")["metadata"]["generation"], scene.password
    set_password(scene.database, scene.user, FIRST)
    status = scene.asked(sync="look")
    assert verified(status) == "True"
    assert can_log_in(scene.database, scene.user, password)
    assert status.version_id == rotated.version_id == scene.current()[0]
    assert scene.cluster.deployment("app")["metadata"]["generation"] == generation


def test_E3_report_is_the_default_and_changes_nothing(scene: Scene) -> None:
    scene.given_ready()
    scene.rotated()
    password = scene.password
    set_password(scene.database, scene.user, FIRST)
    scene.asked(sync="look")
    assert not can_log_in(scene.database, scene.user, password)


def test_E3_a_rotate_request_makes_a_new_version_through_the_one_that_works(scene: Scene) -> None:
    scene.given_ready()
    before = scene.rotated().version_id
    set_password(scene.database, scene.user, FIRST)
    scene.asked(sync="look")
    status = scene.rotated()
    assert status.version_id not in (None, before)
    assert can_log_in(scene.database, scene.user, scene.password)
    assert not can_log_in(scene.database, scene.user, FIRST)


# broken JSON


BROKEN: dict[str, Callable[[dict[str, Any]], str]] = {
    "no JSON": lambda _: "hunter2",
    "a list": lambda _: '["user", "password"]',
    "a text": lambda _: '"password"',
    "cut off": lambda value: json.dumps(value)[:-3],
    "a thousand brackets": lambda _: "[" * 60000,
    "a huge number": lambda value: json.dumps(value)[:-1] + ', "port": ' + "9" * 5000 + "}",
    "no username": lambda value: json.dumps({**value, "username": None}),
    "no password": lambda value: json.dumps({key: held for key, held in value.items() if key != "password"}),
    "an empty password": lambda value: json.dumps({**value, "password": ""}),
    "a number for a password": lambda value: json.dumps({**value, "password": 12345678}),
    "a list for a username": lambda value: json.dumps({**value, "username": ["app"]}),
    "NUL in the password": lambda value: json.dumps({**value, "password": "a\0b"}),
    "half a surrogate pair": lambda value: json.dumps({**value, "password": "a\ud800b"}),
    "an unknown engine": lambda value: json.dumps({**value, "engine": "oracle"}),
    "a list for a host": lambda value: json.dumps({**value, "host": ["db"]}),
    "no port number": lambda value: json.dumps({**value, "port": "five"}),
    "a port of many digits": lambda value: json.dumps({**value, "port": "9" * 5000}),
    "a port out of range": lambda value: json.dumps({**value, "port": 70000}),
    "true for a port": lambda value: json.dumps({**value, "port": True}),
    "a map for a dbname": lambda value: json.dumps({**value, "dbname": {}}),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("method", ["Operator", "External"])
def test_broken_JSON_is_a_malformed_secret_and_the_last_good_one_stays(scene: Scene, kind: str, method: str) -> None:
    published = scene.given_ready() if method == "Operator" else given_external(scene)
    good = scene.content
    scene.put(BROKEN[kind](scene.current()[1]))
    status = scene.settle(LOOK)
    assert verified(status) == "False MalformedSecret"
    assert said(status, Kind.STALLED).reason == "MalformedSecret"
    assert reason(status, Kind.ROTATION_READY) == "True"
    assert status.version_id == published.version_id
    assert scene.content == good
    assert "hunter2" not in str(status.body())
    scene.moved_by_hand_to(FIRST)
    scene.settled()


def test_a_binary_secret_is_a_malformed_secret(scene: Scene) -> None:
    given_external(scene)
    scene.by_hand.secretsmanager().put_secret_value(SecretId=scene.secret_id, SecretBinary=b'{"username": "a", "password": "b"}')
    assert verified(scene.settle(LOOK)) == "False MalformedSecret"
    assert scene.password == FIRST


# other verdicts


@pytest.mark.parametrize("change", ["NOLOGIN", "CONNECTION LIMIT 0"])
def test_B1_an_account_that_may_not_be_used_is_restricted_and_publishes_nothing(scene: Scene, change: str) -> None:
    given_external(scene)
    scene.moved_by_hand(SECOND)
    execute_as_root(scene.database, f"ALTER ROLE {scene.user} {change}")
    status = scene.settle(LOOK)
    assert verified(status) == "False LoginRestricted"
    assert scene.password == FIRST


def test_an_unreachable_database_holds_back_by_default(scene: Scene) -> None:
    with Relay(int(str(scene.database["port"]))) as relay:
        scene.database = {**scene.database, "port": relay.port}
        given_external(scene)
        scene.moved_by_hand(SECOND)
    status = scene.settle(LOOK)
    assert verified(status) == "False Unreachable"
    assert scene.password == FIRST
    assert said(status, Kind.RECONCILING).reason == "Unreachable"


def test_unreachable_policy_publish_publishes_untried_and_stays_ready(scene: Scene) -> None:
    with Relay(int(str(scene.database["port"]))) as relay:
        scene.database = {**scene.database, "port": relay.port}
        given_external(scene, database={"unreachablePolicy": "Publish"})
        version = scene.moved_by_hand(SECOND)
    status = scene.settled(LOOK)
    assert verified(status) == "Unknown Unreachable"
    assert status.version_id == version
    assert scene.password == SECOND


def test_C2_unreachable_policy_publish_never_applies_to_a_version_of_our_own_rotation(scene: Scene) -> None:
    with Relay(int(str(scene.database["port"]))) as relay:
        scene.database = {**scene.database, "port": relay.port}
        scene.given_ready(database={"unreachablePolicy": "Publish"})
        scene.cluster.annotate(scene.name, rotate="1")
        scene.turn()
        assert scene.turn().version_id
        published = scene.password
    scene.cluster.annotate(scene.name, sync="1")
    status = scene.settle(LOOK)
    assert verified(status) != "Unknown Unreachable"
    assert scene.password == published


def test_a_login_that_waits_for_its_turn_keeps_the_condition_and_looks_again_in_a_second(scene: Scene) -> None:
    with Relay(int(str(scene.database["port"]))) as relay:
        scene.database = {**scene.database, "port": relay.port}
        before = scene.given_ready()
        relay.black_hole()
        where, logins = endpoint(scene.database), scene.passes.world.logins
        stuck = threading.Thread(target=logins.try_version, args=(where, "other", "other", SecretStr("other")))
        stuck.start()
        scene.waits_for("a login hangs", lambda: relay.connections > 1)
        scene.cluster.annotate(scene.name, sync="1")
        status = scene.turn()
        assert said(status, Kind.CREDENTIAL_VERIFIED) == said(before, Kind.CREDENTIAL_VERIFIED)
        assert not scene.passes.ends[-1].troubled
        stuck.join()


# what applications connect to


def test_a_target_endpoint_that_takes_the_credential_is_written(scene: Scene) -> None:
    with Relay(int(str(scene.database["port"]))) as relay:
        status = scene.given_ready(target={"endpoint": {"host": "localhost", "port": relay.port}})
        assert scene.content["port"] == str(relay.port)
        assert f"localhost:{relay.port}" in said(status, Kind.CREDENTIAL_VERIFIED).message
        assert scene.current()[1]["port"] == scene.database["port"], "rotation always talks to the database"


def test_B1_a_target_endpoint_that_refuses_is_behind_and_after_two_minutes_published_all_the_same(scene: Scene, bed: Bed) -> None:
    with another(bed) as front:
        new_user(front, scene.user, FIRST)
        scene.given_ready(target={"endpoint": {"host": "localhost", "port": front["port"]}})
        version = scene.moved_by_hand(SECOND)
        status = scene.settle(LOOK)
        assert verified(status) == "False EndpointBehind"
        assert scene.password == FIRST
        assert status.condition(Kind.STALLED) is None
        scene.later(seconds=119)
        assert verified(scene.settle()) == "False EndpointBehind"
        assert scene.password == FIRST
        scene.later(seconds=2)
        status = scene.settle()
        assert verified(status) == "False EndpointBehind"
        assert status.version_id == version
        assert scene.password == SECOND
        assert verified(scene.settle()) == "False EndpointBehind", "it is said until the endpoint takes it"
        set_password(front, scene.user, SECOND)
        scene.later(minutes=12)
        scene.settled()


def test_a_target_endpoint_that_follows_in_time_is_waited_for(scene: Scene, bed: Bed) -> None:
    with another(bed) as front:
        new_user(front, scene.user, FIRST)
        scene.given_ready(target={"endpoint": {"host": "localhost", "port": front["port"]}})
        scene.moved_by_hand(SECOND)
        assert verified(scene.settle(LOOK)) == "False EndpointBehind"
        set_password(front, scene.user, SECOND)
        scene.later(seconds=61)
        scene.settled()
        assert scene.password == SECOND


def test_a_new_target_endpoint_is_not_written_before_it_takes_the_credential(scene: Scene, bed: Bed) -> None:
    scene.given_ready()
    port = scene.content["port"]
    with another(bed) as front:
        new_user(front, scene.user, "stale-Passw0rd")
        status = scene.changed(target={"endpoint": {"host": "localhost", "port": front["port"]}})
        assert verified(status) == "False EndpointBehind"
        scene.later(minutes=5)
        scene.settle()
        assert scene.content["port"] == port
        set_password(front, scene.user, FIRST)
        scene.later(minutes=10)
        scene.settled()
        assert scene.content["port"] == str(front["port"])
