"""One resource of a test's own with its user, its AWS and its passes by hand: the parts are real, the clock is the test's."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from rotated_rds.model.status import Condition, Kind, Status
from rotated_rds.model.tenancy import Tenancy
from rotated_rds.passes import Hint
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import new_user, set_password
from tests.support.passes import ByHand
from tests.support.releases import install
from tests.support.resources import Cluster, a_resource, merged

Json = dict[str, Any]
FIRST = "first-Passw0rd"
LOOK = Hint(look=True)


@dataclass
class Scene:
    """`aws` is the operator's caller, whose calls are counted and made to fail; `by_hand` is somebody else."""

    bed: Bed
    cluster: Cluster
    database: Facts
    aws: Aws
    by_hand: Aws
    passes: ByHand
    name: str = "db"
    user: str = field(default_factory=lambda: f"u_{secrets.token_hex(5)}")

    @classmethod
    def on(cls, bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts, tenancy: Tenancy | None = None) -> "Scene":
        install(api)
        ours = Aws(aws)
        return cls(bed, Cluster(api, namespace), database, ours, Aws(aws), ByHand.on(bed, ours, tenancy=tenancy))

    # given

    def resource(self, **spec: Any) -> Json:
        smallest = a_resource(self.cluster.namespace, self.name, self.database, self.user)
        return {**smallest, "spec": merged(smallest["spec"], spec)}

    def given(self, **spec: Any) -> None:
        """The user, its first password and the resource; nobody has looked at it yet."""
        self.cluster.given_user(self.database, self.user, FIRST, self.name)
        self.cluster.given_resource(self.resource(**spec))

    def given_ready(self, **spec: Any) -> Status:
        self.given(**spec)
        return self.settled()

    def another(self, name: str, user: str | None = None) -> "Scene":
        """A second resource in the same world."""
        return Scene(self.bed, self.cluster, self.database, self.aws, self.by_hand, self.passes, name, user or f"u_{secrets.token_hex(5)}")

    def restarted(self) -> None:
        """An operator that has just started: what only its memory held is gone."""
        ahead = self.passes.clock.ahead
        self.passes = ByHand.on(self.bed, self.aws, tenancy=self.passes.world.house.tenancy)
        self.passes.clock.advance(ahead)

    def crowded(self, **busy: int) -> None:
        """So many other resources of the release rotate (`rotations`) or roll (`rollouts`) right now."""

        def count(what: str) -> int:
            return busy.get(f"{what}s", 0)

        world = replace(self.passes.world, busy=count)
        self.passes.world, self.passes.passes = world, replace(self.passes.passes, world=world)

    def later(self, **span: float) -> None:
        self.passes.clock.advance(timedelta(**span))

    # passes

    def turn(self, hint: Hint | None = None) -> Status:
        return self.passes.turn(self.cluster.namespace, self.name, hint)

    def settle(self, hint: Hint | None = None) -> Status:
        return self.passes.settle(self.cluster.namespace, self.name, hint)

    def settled(self, hint: Hint | None = None) -> Status:
        """Settle, and it is Ready."""
        status = self.settle(hint)
        ready = status.condition(Kind.READY)
        assert ready is not None
        assert ready.true, f"{ready.reason}: {ready.message}"
        return status

    def comes_ready(self) -> Status:
        """Passes until it is Ready: the cluster's workloads roll at their own pace."""
        self.waits_for("Ready", lambda: said(self.settle(), Kind.READY).true)
        return self.settled()

    def asked(self, **request: str) -> Status:
        """A request by annotation, and the passes that carry it out."""
        self.cluster.annotate(self.name, **request)
        return self.settle()

    def changed(self, **spec: Any) -> Status:
        self.cluster.change(self.name, **spec)
        return self.settle()

    def rotated(self) -> Status:
        """One rotation, on request."""
        text = secrets.token_hex(4)
        self.later(minutes=2)
        status = self.asked(rotate=text)
        assert status.requests["rotate"].result == "Done", status.requests["rotate"].message
        return status

    def waits_for(self, what: str, check: Callable[[], bool]) -> None:
        """The cluster's own parts work at their own pace."""

        def holds() -> bool:
            try:
                return check()
            except (ApiError, KeyError):
                return False

        until(what, holds)

    # seen

    @property
    def secret_id(self) -> str:
        return f"{self.cluster.namespace}/{self.name}"

    @property
    def content(self) -> dict[str, str]:
        return self.cluster.content(self.name)

    @property
    def password(self) -> str:
        return self.content["password"]

    @property
    def wake(self) -> float | None:
        """Seconds until the last pass wants another."""
        end = self.passes.ends[-1]
        return None if end.wake is None else (end.wake - self.passes.clock()).total_seconds()

    def events(self, reason: str) -> list[str]:
        return [one["note"] for one in self.cluster.events(self.name) if one["reason"] == reason]

    def calls(self, operation: str) -> int:
        """How often the operator's caller made a call that was carried out."""
        return self.aws.control.counts().get(f"secretsmanager.{operation}", {}).get("OK", 0)

    def current(self) -> tuple[str, Json]:
        """AWSCURRENT as AWS has it: version id and JSON."""
        answer = self.by_hand.secretsmanager().get_secret_value(SecretId=self.secret_id)
        return answer["VersionId"], json.loads(answer["SecretString"])

    # somebody else

    def put(self, text: str, secret: str | None = None) -> str:
        """A new AWSCURRENT by hand, whatever its text; its version id."""
        return str(self.by_hand.secretsmanager().put_secret_value(SecretId=secret or self.secret_id, SecretString=text)["VersionId"])

    def put_keys(self, **keys: Any) -> str:
        """A new AWSCURRENT that differs in some keys; None removes one."""
        return self.put(json.dumps(merged(self.current()[1], keys)))

    def moved_by_hand(self, password: str) -> str:
        """Somebody changes the password in the database and in AWS."""
        set_password(self.database, self.user, password)
        return self.put_keys(password=password)

    def moved_by_hand_to(self, password: str) -> str:
        """A whole new AWSCURRENT by hand, with what AWS's own JSON needs."""
        value = {"engine": self.database["engine"], "host": "localhost", "port": self.database["port"], "username": self.user}
        return self.put(json.dumps({**value, "password": password, "dbname": "app"}))

    def given_secret_in_aws(self, password: str, *, name: str | None = None, tags: dict[str, str] | None = None, **keys: Any) -> str:
        """An AWS secret of somebody's, with a user whose password it is; its ARN."""
        new_user(self.database, self.user, password)
        value = {"engine": self.database["engine"], "host": "localhost", "port": self.database["port"], "username": self.user}
        created = self.by_hand.secretsmanager().create_secret(
            Name=name or self.secret_id,
            SecretString=json.dumps({**value, "password": password, "dbname": "app", **keys}),
            Tags=[{"Key": key, "Value": text} for key, text in (tags or {}).items()],
        )
        return str(created["ARN"])


def said(status: Status, kind: Kind) -> Condition:
    """A condition that is there."""
    found = status.condition(kind)
    assert found is not None, f"no {kind}: {status.body()}"
    return found


def reason(status: Status, kind: Kind) -> str:
    """`True`, or the status and reason of a condition that is not."""
    found = said(status, kind)
    return "True" if found.true else f"{found.status} {found.reason}"
