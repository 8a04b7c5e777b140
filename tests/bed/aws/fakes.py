"""Rotation functions that are good or bad in one known way, run inside the bed."""

import json
import secrets as random_source
import string
import threading
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tests.bed.aws import databases, labels, values
from tests.bed.aws.functions import Event, Failed
from tests.bed.aws.region import Region

Kind = Literal["honest", "alternating", "liar", "hang", "half", "fail"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass
class Fake:
    """honest: does all four steps. alternating: the same with a second user, `<user>_clone`, whom the administrator of `masterarn` makes.
    liar: reports success and moves the label, but never touches the database. hang: setSecret waits
    until released, then goes on honestly. half: sets the password, then fails in testSecret. fail: raises in `step`, `times` times."""

    kind: Kind
    step: str = "createSecret"
    times: int | None = None
    _failed: int = 0
    _released: threading.Event = field(default_factory=threading.Event)

    def invoke(self, region: Region, event: Event) -> None:
        step = event["Step"]
        if self.kind == "fail" and step == self.step and (self.times is None or self._failed < self.times):
            self._failed += 1
            raise Failed(f"told to fail in {step}")
        if step == "createSecret":
            _create(region, event, other=self.kind == "alternating")
        elif step == "setSecret":
            self._set(region, event)
        elif step == "testSecret":
            self._test(region, event)
        else:
            _finish(region, event)

    def _set(self, region: Region, event: Event) -> None:
        if self.kind == "hang":
            self._released.wait()
        if self.kind == "liar":
            return
        pending = _read(region, event, labels.PENDING, version_id=event["ClientRequestToken"])
        try:
            if not databases.logs_in(pending) and self.kind == "alternating":
                databases.make_equal(_master(region, pending), _read(region, event, labels.CURRENT), pending)
            elif not databases.logs_in(pending):
                databases.set_password(_read(region, event, labels.CURRENT), pending["password"])
        except databases.DatabaseError as error:
            raise Failed(str(error)) from None

    def _test(self, region: Region, event: Event) -> None:
        if self.kind == "half":
            raise Failed("told to fail in testSecret")
        if self.kind != "liar" and not databases.logs_in(_read(region, event, labels.PENDING)):
            raise Failed("the pending credential does not log in")

    def release(self) -> None:
        self._released.set()

    def close(self) -> None:
        self._released.set()


def _read(region: Region, event: Event, label: str, version_id: str | None = None) -> dict[str, Any]:
    asked = {"SecretId": event["SecretId"], "VersionStage": label} | ({"VersionId": version_id} if version_id else {})
    with region.world.lock:
        return json.loads(values.get(region, asked)["SecretString"])


def _other(user: str) -> str:
    return user.removesuffix("_clone") if user.endswith("_clone") else f"{user}_clone"


def _master(region: Region, pending: dict[str, Any]) -> dict[str, Any]:
    """The administrator, as AWS's alternating functions find it."""
    with region.world.lock:
        return json.loads(values.get(region, {"SecretId": pending["masterarn"], "VersionStage": labels.CURRENT})["SecretString"])


def _create(region: Region, event: Event, *, other: bool) -> None:
    """Put a new password under AWSPENDING, unless it is there already. other: of the other user of the two."""
    token = event["ClientRequestToken"]
    with region.world.lock:
        if labels.has_value(region.primary(event["SecretId"]).versions.get(token, {})):
            return
        password = "".join(random_source.choice(string.ascii_letters + string.digits) for _ in range(32))
        current = _read(region, event, labels.CURRENT)
        named = {"username": _other(current["username"])} if other else {}
        value = json.dumps({**current, **named, "password": password})
        asked = {"SecretId": event["SecretId"], "ClientRequestToken": token, "SecretString": value, "VersionStages": [labels.PENDING]}
        values.put(region, asked)


def _finish(region: Region, event: Event) -> None:
    with region.world.lock:
        secret = region.primary(event["SecretId"])
        if (held := labels.holder(secret.versions, labels.CURRENT)) != event["ClientRequestToken"]:
            move = {"RemoveFromVersionId": held, "MoveToVersionId": event["ClientRequestToken"]}
            values.update_stage(region, {"SecretId": secret.arn, "VersionStage": labels.CURRENT, **move})
