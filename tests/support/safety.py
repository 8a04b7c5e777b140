"""One resource with a real user, a real secret and a real Secret, driven pass by pass: what the tests of the safety rules act on."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotated_rds.model.schedule import parse
from rotated_rds.model.secret import CURRENT, PENDING, PREVIOUS, token
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import Kind, Status
from rotated_rds.passes import Hint
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.passes import ByHand
from tests.support.releases import install
from tests.support.resources import Cluster, a_resource, merged

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

FIRST = "first-Passw0rd"
EVERY_4_HOURS = {"schedule": "rate(4 hours)", "window": "2h"}


@dataclass
class Scene:
    """`aws` is the caller whom the operator's passes are; what the test itself asks AWS goes by `secretsmanager`, another caller."""

    bed: Bed
    cluster: Cluster
    database: Facts
    aws: Aws
    hand: ByHand
    name: str = "db"
    user: str = field(default_factory=lambda: f"u{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.secretsmanager: SecretsManagerClient = Aws(self.aws.facts).secretsmanager()

    @classmethod
    def at(cls, bed: Bed, api: Api, namespace: str, database: Facts, aws: Facts, **world: Any) -> "Scene":
        """A namespace's stage, still empty; world: as ByHand.on takes it."""
        install(api)
        ours = Aws(aws)
        return cls(bed, Cluster(api, namespace), database, ours, ByHand.on(bed, ours, **world))

    def begin(self, **spec: Any) -> "Scene":
        """A user and its resource, mirrored."""
        self.cluster.given_user(self.database, self.user, FIRST, self.name)
        plain = a_resource(self.cluster.namespace, self.name, self.database, self.user)
        self.cluster.given_resource(merged(plain, {"spec": spec}))
        status = self.settle()
        assert status.version_id is not None, status.body()
        return self

    # what is done

    def turn(self, hint: Hint | None = None) -> Status:
        return self.hand.turn(self.cluster.namespace, self.name, hint)

    def settle(self, hint: Hint | None = None) -> Status:
        return self.hand.settle(self.cluster.namespace, self.name, hint)

    def look(self) -> Status:
        """Passes that read AWS, as after an event."""
        return self.settle(Hint(look=True))

    def rotate(self, text: str) -> Status:
        self.cluster.annotate(self.name, rotate=text)
        return self.settle()

    @contextmanager
    def held(self, kind: str, operation: str, after: int = 0) -> Generator[None]:
        """One pass, stopped at a call of AWS's while the block runs; it is over when the block is left."""
        fault = self.aws.control.fault(kind, operation, after=after)
        passing = threading.Thread(target=lambda: within(30, self.turn), name="a held pass")
        passing.start()
        try:
            assert self.aws.control.wait_held(fault), f"no call of {operation} came"
            yield
        finally:
            self.aws.control.release(fault)
            passing.join()

    def rotate_again(self, text: str) -> Status:
        """The same, when the last rotation has only just ended."""
        self.hand.clock.advance(timedelta(minutes=1))
        return self.rotate(text)

    def begin_rotation(self, text: str) -> str:
        """The pass that writes down what is to happen, and no more; the version that it is to make."""
        self.cluster.annotate(self.name, rotate=text)
        began = self.turn().rotation.in_progress
        assert began is not None
        return began.version_id

    def until_due(self) -> datetime:
        """Put the clock to the resource's own moment in its first window of EVERY_4_HOURS; when that window opens."""
        created = datetime.fromisoformat(self.cluster.resource(self.name)["metadata"]["creationTimestamp"])
        window = parse(EVERY_4_HOURS["schedule"], EVERY_4_HOURS["window"]).next_window(None, created, self.hand.clock())
        moment = window.moment_for(f"{self.cluster.namespace}/{self.name}")
        self.hand.clock.advance(moment - self.hand.clock() + timedelta(seconds=1))
        return window.start

    def forget_status(self) -> None:
        self.cluster.forget_status(self.name)

    def put(self, password: str, labels: list[str], **changed: Any) -> str:
        """Somebody else stores a version."""
        text = json.dumps({**self.value(self.label(CURRENT)), "password": password, **changed})
        return self.secretsmanager.put_secret_value(SecretId=self.arn, SecretString=text, VersionStages=labels)["VersionId"]

    def move(self, label: str, to: str) -> None:
        """Somebody else moves a label."""
        held = self.labels().get(label)
        given = {"RemoveFromVersionId": held} if held else {}
        self.secretsmanager.update_secret_version_stage(SecretId=self.arn, VersionStage=label, MoveToVersionId=to, **given)

    # what is seen

    @property
    def arn(self) -> str:
        return str(self.status().secret_arn)

    def spec(self) -> Spec:
        return parse_spec(self.cluster.resource(self.name)["spec"])

    def ready(self) -> bool:
        found = self.status().condition(Kind.READY)
        return found is not None and found.true

    def status(self) -> Status:
        return Status.model_validate(self.cluster.status(self.name))

    def reason(self, kind: Kind) -> str | None:
        found = self.status().condition(kind)
        return found.reason if found else None

    def token(self, cause: str, attempt: int = 0) -> str:
        return token(self.arn, cause, attempt)

    def labels(self) -> dict[str, str]:
        """Label → version, as AWS has it."""
        stages = self.secretsmanager.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return {label: version for version, labels in stages.items() for label in labels}

    def label(self, label: str) -> str:
        return self.labels()[label]

    def versions(self) -> set[str]:
        """All versions that hold a value, labelled or not."""
        found = self.secretsmanager.list_secret_version_ids(SecretId=self.arn, IncludeDeprecated=True)["Versions"]
        return {str(one.get("VersionId")) for one in found}

    def value(self, version: str) -> dict[str, Any]:
        return json.loads(self.secretsmanager.get_secret_value(SecretId=self.arn, VersionId=version)["SecretString"])

    def password(self, version: str) -> str:
        return str(self.value(version)["password"])

    def logs_in(self, password: str) -> bool:
        return can_log_in(self.database, self.user, password)

    def operations(self, since: int = 0) -> list[str]:
        """What the operator's passes asked of AWS, in order."""
        return [str(one["operation"]) for one in self.aws.control.calls(since)]

    def last_call(self) -> int:
        """The number of the newest call so far."""
        calls = self.aws.control.calls()
        return int(calls[-1]["number"]) if calls else 0

    def expect_one_credential(self) -> str:
        """At rest: AWSCURRENT logs in, the Secret holds it, status says it, AWSPENDING is gone; the version."""
        labels = self.labels()
        current = labels[CURRENT]
        assert PENDING not in labels or labels[PENDING] == current, labels
        password = self.password(current)
        assert self.logs_in(password)
        assert self.cluster.content(self.name)["password"] == password
        assert self.status().version_id == current
        assert self.status().rotation.in_progress is None
        if PREVIOUS in labels and (old := self.password(labels[PREVIOUS])) != password:
            assert not self.logs_in(old)
        return current


def within(seconds: float, call: Callable[[], Any]) -> tuple[Any, float]:
    """A call's answer or exception, and how long it took; longer fails the test."""
    began = time.monotonic()
    try:
        answer: Any = call()
    except Exception as error:  # noqa: BLE001  what it raises is the answer
        answer = error
    took = time.monotonic() - began
    assert took < seconds, f"{took:.1f} s"
    return answer, took
