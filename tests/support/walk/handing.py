"""Who rotates changes, struck at its n-th call: AWS's function or the operator, and never both (SAFETY.md E4).

The operator waits 15 minutes for a function that may still be at work. Here that time is a third of a second (lane.py): what a
killed operator has waited is lost in any case, so that the next one waits from the start.
"""

from dataclasses import dataclass

from rotated_rds.model.resource import read_resource
from rotated_rds.model.status import Kind
from tests.support.walk.claims import Json, at_rest, check_rest, check_rotated, look
from tests.support.walk.lane import Lane
from tests.support.walk.points import reach, rest, struck, tell
from tests.support.walk.traps import How, Trap

_RULES = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}


@dataclass(frozen=True)
class Handing:
    """One resource that goes to and fro between the operator and a function of AWS's."""

    one: Lane
    trap: Trap
    how: How
    function: str
    name: str = "db"

    @classmethod
    def begin(cls, one: Lane, trap: Trap, how: How, kind: str, **more: object) -> "Handing":
        """A resource that the operator rotates, and a function of the bed's that it may be given to (Control.function)."""
        arn = one.eye.control.function(one.eye.function_arn(one.user(cls.name)), kind, pause=0, attempts=1, **more)
        one.given_resource(cls.name)
        rest(one, cls.name, None)
        return cls(one, trap, how, arn)

    def to_operator(self, n: int) -> bool:
        """From AWS, whose last rotation failed and left a dead AWSPENDING; False when there is no n-th call."""
        point = f"to the operator {self.trap.kind} {self.how} {n}"
        self._give()
        self._fail()
        before = look(self.one, self.name)
        assert before.pending, "the function left nothing under AWSPENDING"
        self.trap.lay(self.how, n, self.one.secret(self.name))
        self._take()
        sprung = struck(self.one, self.trap, self.how, self.is_ours, point, always=self._expect_one_owner)
        reach(self.one, self.name, f"{point}: the operator's", self.is_ours)
        tell(point, lambda: self._expect_same(before.current, before.versions))
        assert not self._described().get("RotationEnabled"), f"{point}: AWS rotates too"
        self._expect_to_rotate(point)
        return sprung

    def to_lambda(self, n: int) -> bool:
        """From the operator, with AWSPENDING left on an old version; likewise."""
        point = f"to lambda {self.trap.kind} {self.how} {n}"
        self._expect_to_rotate(f"before {point}")
        before, client = look(self.one, self.name), self.one.eye.secretsmanager()
        [old] = [version for version, labels in self._described()["VersionIdsToStages"].items() if labels == ["AWSPREVIOUS"]]
        client.update_secret_version_stage(SecretId=self.one.secret(self.name), VersionStage="AWSPENDING", MoveToVersionId=old)
        self.trap.lay(self.how, n, self.one.secret(self.name))
        self._give_away()
        sprung = struck(self.one, self.trap, self.how, self.is_awss, point)
        reach(self.one, self.name, f"{point}: AWS's", self.is_awss)
        tell(point, lambda: self._expect_same(before.current, before.versions))
        self._take()
        reach(self.one, self.name, f"after {point}: the operator's", self.is_ours)
        return sprung

    # who rotates

    def is_ours(self) -> bool:
        return self._method() == "Operator" and at_rest(self.one, self.name, None)

    def is_awss(self) -> bool:
        """AWS has function, schedule and window, and is done with trying them."""
        seen = self._described()
        configured = seen.get("RotationEnabled") and seen.get("RotationLambdaARN") == self.function
        if not configured or seen["RotationRules"] != _RULES or self._method() != "Lambda":
            return False
        tried = self.one.eye.control.rotations(seen["ARN"], seconds=0)
        return all(run["result"] != "running" for run in tried) and at_rest(self.one, self.name, None)

    def _method(self) -> str | None:
        """As status has it, once Ready speaks of the spec as it is now."""
        body = self.one.body(self.name)
        _, status = read_resource(body)
        ready = status.condition(Kind.READY)
        fresh = ready is not None and ready.observed_generation == body["metadata"]["generation"]
        return status.rotation.method if fresh else None

    def _described(self) -> Json:
        return {**self.one.eye.secretsmanager().describe_secret(SecretId=self.one.secret(self.name))}

    def _expect_one_owner(self) -> None:
        """While the operator takes over. Status is read first: what it says was so before AWS is looked at."""
        if self._method() == "Operator":
            assert not self._described().get("RotationEnabled"), "the operator says that it rotates, and AWS rotates too"

    # what is done

    def _take(self) -> None:
        self.one.cluster.change(self.name, rotation={"method": None, "functionArn": None, "schedule": None, "window": None})

    def _give_away(self) -> None:
        rotation = {"method": "Lambda", "functionArn": self.function, "schedule": "rate(10 days)", "window": "3h"}
        self.one.cluster.change(self.name, rotation=rotation)

    def _give(self) -> None:
        """In peace."""
        self._give_away()
        reach(self.one, self.name, "AWS's", self.is_awss)

    def _fail(self) -> None:
        """AWS rotates on somebody's word, and its function fails half-way."""
        arn = self._described()["ARN"]
        before = len(self.one.eye.control.rotations(arn, seconds=0))
        self.one.eye.secretsmanager().rotate_secret(SecretId=arn)
        runs = self.one.eye.control.rotations(arn, count=before + 1)
        assert runs[-1]["result"] == "failed", runs[-1]

    def _expect_same(self, current: str, versions: frozenset[str]) -> None:
        """Nothing rotated by the way, and AWSPENDING is stuck nowhere."""
        now = look(self.one, self.name)
        assert now.current == current, "AWSCURRENT moved"
        assert now.versions == versions, "a password was stored"
        assert now.pending is None, "AWSPENDING is stuck (A2)"
        check_rest(self.one, self.name, now)

    def _expect_to_rotate(self, point: str) -> None:
        """The rotation is the operator's: one new password, for each that asks."""
        before = look(self.one, self.name)
        self.one.cluster.annotate(self.name, rotate=point)
        rest(self.one, self.name, point)
        tell(point, lambda: check_rotated(self.one, self.name, point, before))
