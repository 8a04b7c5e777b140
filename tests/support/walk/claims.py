"""What must be true after every point of the walk, seen from outside: AWS, the database, the API server."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rotated_rds.model.alternating import clone_of
from rotated_rds.model.dual import PRIMARY
from rotated_rds.model.leaving import home_cause
from rotated_rds.model.resource import read_resource
from rotated_rds.model.secret import token
from rotated_rds.model.spec import Strategy
from rotated_rds.model.status import Kind, Status
from tests.support.alternating import is_locked
from tests.support.databases import can_log_in
from tests.support.walk.lane import Lane

Json = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One moment of a resource's secret. versions: every id that AWS ever stored, labelled or not.

    previous: AWSPREVIOUS's user and password.
    """

    arn: str
    current: str
    pending: str | None
    versions: frozenset[str]
    username: str
    password: str
    history: Sequence[Json]
    previous: tuple[str, str] | None = None


def look(lane: Lane, name: str) -> Seen:
    client = lane.eye.secretsmanager()
    arn = lane.secret(name)
    described = client.describe_secret(SecretId=arn)
    labels = {label: version for version, its in described["VersionIdsToStages"].items() for label in its}
    value, before = (
        json.loads(client.get_secret_value(SecretId=arn, VersionId=labels[label])["SecretString"]) if label in labels else None
        for label in ("AWSCURRENT", "AWSPREVIOUS")
    )
    assert value is not None
    history: Sequence[Json] = lane.cluster.status(name).get("history") or []
    previous = (before["username"], before["password"]) if before else None
    return Seen(
        described["ARN"],
        labels["AWSCURRENT"],
        labels.get("AWSPENDING"),
        frozenset(_stored(lane, arn)),
        value["username"],
        value["password"],
        history,
        previous,
    )


def _stored(lane: Lane, arn: str) -> Iterator[str]:
    """Every version's id, a hundred a page; boto3 has no paginator for them."""
    client = lane.eye.secretsmanager()
    page = client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)
    yield from (version.get("VersionId", "") for version in page["Versions"])
    while more := page.get("NextToken"):
        page = client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True, NextToken=more)
        yield from (version.get("VersionId", "") for version in page["Versions"])


def at_rest(lane: Lane, name: str, request: str | None) -> bool:
    """Ready, the request answered, nothing in progress, the finalizer gone."""
    resource, status = read_resource(lane.body(name))
    ready, answer = status.condition(Kind.READY), status.requests.get("rotate")
    answered = request is None or (answer is not None and answer.text == request)
    settled = status.rotation.in_progress is None and not resource.finalizers and _is_discarded(status)
    return ready is not None and ready.true and answered and settled


def _is_discarded(status: Status) -> bool:
    """With DualPassword, and no grace, the password before is not there for long."""
    return status.rotation.retained is None


def is_rolled_back(lane: Lane, name: str, request: str) -> bool:
    """The rollback answered, the Secret on the credential before; Ready is not True after one."""
    resource, status = read_resource(lane.body(name))
    answer, newest = status.requests.get("rollback"), next(iter(status.history), None)
    if answer is None or newest is None or answer.text != request:
        return False
    return status.version_id == newest.version_id and not resource.finalizers


def is_left(lane: Lane, name: str) -> bool:
    """The strategy before is left: Ready of the spec as it is now, and SingleUser in force."""
    body = lane.body(name)
    status = read_resource(body)[1]
    ready = status.condition(Kind.READY)
    fresh = ready is not None and ready.observed_generation == body["metadata"]["generation"]
    return fresh and at_rest(lane, name, None) and status.rotation.strategy == Strategy.SINGLE_USER


def check_one_password(lane: Lane, name: str, before: Seen) -> None:
    """The one password is AWSCURRENT's, and AWS knows of no other; nothing was stored."""
    now = look(lane, name)
    assert (now.current, now.versions) == (before.current, before.versions), "a password was stored, or AWSCURRENT moved"
    assert before.previous is not None
    assert not can_log_in(lane.database, *before.previous), "the password before lives for ever (E4)"
    labels = lane.eye.secretsmanager().describe_secret(SecretId=lane.secret(name))["VersionIdsToStages"].values()
    assert all(PRIMARY not in held for held in labels), "AWS is told of a second password (D2)"
    check_rest(lane, name, now)


def check_one_user(lane: Lane, name: str, before: Seen) -> None:
    """One more rotation has led from the clone to the base user, and the clone is locked."""
    now = look(lane, name)
    assert (before.username, now.username) == (clone_of(lane.user(name)), lane.user(name)), "AWSCURRENT is not of the user that stays"
    assert now.current == token(now.arn, home_cause(before.current), 0), "AWSCURRENT is not the one version of the way home (A1)"
    assert now.versions - before.versions == {now.current}, "more than one password was stored (A1)"
    assert is_locked(lane.database, before.username, before.password), "the clone logs in for ever (E4)"
    check_rest(lane, name, now)


def published_logs_in(lane: Lane, name: str) -> bool:
    """Whether what applications are given right now gets in."""
    content = lane.cluster.content(name)
    return can_log_in(lane.database, content["username"], content["password"])


def check_rolled_back(lane: Lane, name: str, request: str, before: Seen) -> None:
    """AWSCURRENT is the version before, told once; both passwords log in; nothing was stored."""
    now = look(lane, name)
    answer = lane.cluster.status(name)["requests"]["rollback"]
    assert (answer["text"], answer["result"]) == (request, "Done"), answer
    assert now.versions == before.versions, "a password was stored"
    assert (now.username, now.password) == before.previous, "AWSCURRENT is not the credential before (D5)"
    assert now.previous == (before.username, before.password), "AWSPREVIOUS is not the one that was rolled back"
    assert [line["result"] for line in now.history[:2]] == ["RolledBack", "Succeeded"], f"told so often: {now.history}"
    assert now.history[0]["versionId"] == now.current
    assert can_log_in(lane.database, before.username, before.password), "the password that was rolled back may still be in use (D3)"
    check_published(lane, name, now)


def check_rotated(lane: Lane, name: str, request: str, before: Seen, *, alternates: bool = False) -> None:
    """Exactly one new password, which works everywhere; the one that it took the place of works nowhere."""
    now = look(lane, name)
    answer = lane.cluster.status(name)["requests"]["rotate"]
    assert answer["result"] == "Done", answer
    assert now.current == token(now.arn, request, 0), "AWSCURRENT is not the one version of this request (A1)"
    assert now.versions - before.versions == {now.current}, "more than one password was stored (A1)"
    lines = [line for line in now.history if line["versionId"] == now.current]
    assert [line["result"] for line in lines] == ["Succeeded"], f"history tells it so often (A1): {lines}"
    assert list(now.history[1:]) == list(before.history[: len(now.history) - 1]), "history lost or gained a line"
    if alternates:
        assert now.username != before.username, "it is the other user's turn (D1)"
        assert can_log_in(lane.database, before.username, before.password), "who runs on the version before is cut off (D3)"
    ended = before.previous if alternates else (before.username, before.password)
    assert ended is None or not can_log_in(lane.database, *ended), "the old password still works"
    check_rest(lane, name, now)


def check_created(lane: Lane, name: str, before: str) -> None:
    """One secret with one version, which works everywhere. before: the password until then; it stays where it was given."""
    now = look(lane, name)
    assert now.versions == {now.current}, "more than one password was stored (A1)"
    given = "passwordSecretRef" in lane.body(name)["spec"]["user"]
    if given:
        assert now.password == before
    else:
        assert not can_log_in(lane.database, now.username, before), "the password before still works"
    check_rest(lane, name, now)


def check_rest(lane: Lane, name: str, now: Seen) -> None:
    """As check_published; and the last rotation is not said to have failed."""
    check_published(lane, name, now)
    status = lane.cluster.status(name)
    assert "lastError" not in status["rotation"], status["rotation"]


def check_published(lane: Lane, name: str, now: Seen) -> None:
    """One working credential everywhere; AWSPENDING stuck nowhere (A2, A6)."""
    assert now.pending in (None, now.current), "AWSPENDING is stuck (A2)"
    assert can_log_in(lane.database, now.username, now.password), "AWSCURRENT does not log in"
    content = lane.cluster.content(name)
    assert (content["username"], content["password"]) == (now.username, now.password), "the Kubernetes Secret holds another credential"
    assert lane.cluster.status(name)["versionId"] == now.current
