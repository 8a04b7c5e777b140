"""Somebody spoils a mirrored Secret: how long until it stands as it was."""

import base64
import time

from bench.figures import Figure, median, quantile
from bench.fleet import Member
from bench.ground import Ground
from bench.watching import SECRETS, Sight, Watching, watching

TIMES = 100
_MERGE = "application/merge-patch+json"


def repair(ground: Ground) -> list[Figure]:
    """One at a time: half of the Secrets are deleted, of half a key is overwritten."""
    ground.running(queued=True)
    members = ground.fleet.some(2 * TIMES, seed=3)
    with watching(ground.token, SECRETS) as secrets:
        deleted = [_deleted(ground, secrets, member) for member in members[:TIMES]]
        overwritten = [_overwritten(ground, secrets, member) for member in members[TIMES:]]
    return [
        Figure("Secret deleted → back, median", median(deleted), "s"),
        Figure("Secret deleted → back, p99", quantile(deleted, 0.99), "s"),
        Figure("key overwritten → repaired, median", median(overwritten), "s"),
        Figure("key overwritten → repaired, p99", quantile(overwritten, 0.99), "s"),
    ]


def _deleted(ground: Ground, secrets: Watching, member: Member) -> float:
    began = time.monotonic()
    ground.api.call("DELETE", _path(member))
    gone = secrets.first("the deletion", lambda sight: sight.kind == "DELETED" and sight.place == member.place, after=began)
    return _right(ground, secrets, member, gone.at).at - began


def _overwritten(ground: Ground, secrets: Watching, member: Member) -> float:
    began = time.monotonic()
    body = {"data": {"password": base64.b64encode(b"overwritten").decode()}}
    ground.api.call("PATCH", _path(member), body, content=_MERGE)
    wrong = secrets.first(
        "the wrong key", lambda sight: sight.place == member.place and sight.content("password") == "overwritten", after=began
    )
    return _right(ground, secrets, member, wrong.at).at - began


def _right(ground: Ground, secrets: Watching, member: Member, after: float) -> Sight:
    """The Secret as it should be: not gone, the user's own password in it."""
    password = ground.fleet.passwords[ground.fleet.current[member]]

    def fits(sight: Sight) -> bool:
        return sight.kind != "DELETED" and sight.place == member.place and sight.content("password") == password

    return secrets.first(f"Secret {member.name} as it was", fits, after=after)


def _path(member: Member) -> str:
    return f"/api/v1/namespaces/{member.namespace}/secrets/{member.name}"
