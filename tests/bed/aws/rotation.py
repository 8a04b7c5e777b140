"""Correction 2: the rotation engine. RotateSecret returns at once; a thread runs the four steps and retries the whole rotation."""

import threading
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bed.aws import labels, masters, schedule, validation
from tests.bed.aws.errors import Refusal, invalid_parameter, invalid_request, not_found
from tests.bed.aws.functions import Failed, Registry
from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret
from tests.bed.aws.values import put, short, touch

Asked = dict[str, Any]

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
STUCK = "A previous rotation isn't complete. That rotation will be reattempted."

SHUT = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal"


@dataclass
class Run:
    """One rotation as it went. result: running, succeeded, failed, abandoned or tested."""

    secret: str
    token: str
    steps: tuple[str, ...] = STEPS
    rotation_token: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 0
    step: str = ""
    result: str = "running"
    error: str = ""


class Abandoned(Exception):
    """The version is no longer the one to rotate to: cancelled, deleted, or AWSPENDING was taken away."""


@dataclass
class Engine:
    registry: Registry
    attempts: int = 3
    pause: float = 1.0
    runs: list[Run] = field(default_factory=list[Run])
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def rotate(self, region: Region, asked: Asked) -> Asked:
        """RotateSecret: check all, keep the configuration, put AWSPENDING on a version without a value, start."""
        secret = region.writable(asked["SecretId"])
        token = asked.get("ClientRequestToken") or str(uuid.uuid4())
        validation.token(token)
        rules = asked.get("RotationRules")
        plan = schedule.parse(rules) if rules is not None else None
        if secret.owning_service is not None:
            return _rotate_managed(region, secret, asked, token)
        arn = self._function(secret, asked.get("RotationLambdaARN"))
        if token in secret.versions:
            return _again(secret, token)
        if _stuck(secret):
            raise invalid_request(STUCK)
        secret.rotation_lambda_arn, secret.rotation_requested, secret.rotation_enabled = arn, True, True
        if rules is not None and plan is not None:
            secret.rules, secret.days_between = dict(rules), None
            schedule.plan_next(secret, plan, region.world.clock.now())
        if asked.get("RotateImmediately", True):
            self.start(region, secret, token)
        else:
            self._start_test(region, secret, token)
        region.world.clock.wake()
        return short(secret, token)

    def _function(self, secret: Secret, given: str | None) -> str:
        arn = given or secret.rotation_lambda_arn
        if not arn:
            raise invalid_request(
                "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured and you didn't "
                "include such an ARN as a parameter in this call."
            )
        if len(arn) > 2048:
            raise invalid_parameter("RotationLambdaARN must be at most 2048 characters long.")
        if arn not in self.registry:
            raise not_found(f"Secrets Manager can't find the Lambda function {arn}.")
        if not self.registry.lets_in(arn):
            raise Refusal("AccessDeniedException", f"{SHUT} {arn}.")
        return arn

    def cancel(self, region: Region, asked: Asked) -> Asked:
        """CancelRotateSecret: the schedule is off, a rotation under way is left as it stands, AWSPENDING stays."""
        secret = region.writable(asked["SecretId"])
        if not secret.rotation_lambda_arn:
            raise invalid_request("You tried to cancel rotation on a secret that doesn't have a Lambda function ARN configured.")
        secret.rotation_enabled, secret.next_opens = False, None
        touch(region, secret)
        return short(secret, labels.holder(secret.versions, labels.PENDING))

    def put(self, region: Region, asked: Asked) -> Asked:
        """PutSecretValue: a `RotationToken` is that of a rotation under way of this secret, to this version."""
        if (given := asked.get("RotationToken")) is not None:
            validation.rotation_token(given)
            secret, token = region.writable(asked["SecretId"]), asked.get("ClientRequestToken")
            known = [run for run in self.runs if (run.secret, run.token, run.result) == (secret.arn, token, "running")]
            if given not in [run.rotation_token for run in known]:
                raise Refusal("AccessDeniedException", "The RotationToken is not that of a rotation under way.")
        return put(region, asked)

    def start(self, region: Region, secret: Secret, token: str) -> None:
        """Begin a rotation; call with the world's lock held."""
        if token not in secret.versions:
            labels.remove(secret.versions, labels.PENDING)
            secret.versions[token] = labels.new(token, region.world.clock.now())
            labels.attach(secret.versions, labels.PENDING, token)
        touch(region, secret)
        self._begin(region, secret, Run(secret.arn, token))

    def _start_test(self, region: Region, secret: Secret, token: str) -> None:
        """RotateImmediately=false: testSecret alone, on a temporary AWSPENDING with the current value."""
        current = secret.versions.get(labels.holder(secret.versions, labels.CURRENT) or "", {})
        value = {key: current[key] for key in ("secret_string", "secret_binary") if key in current}
        labels.remove(secret.versions, labels.PENDING)
        secret.versions[token] = labels.new(token, region.world.clock.now()) | value
        labels.attach(secret.versions, labels.PENDING, token)
        touch(region, secret)
        self._begin(region, secret, Run(secret.arn, token, steps=("testSecret",)))

    def _begin(self, region: Region, secret: Secret, run: Run) -> None:
        patience = self._patience(secret.rotation_lambda_arn, run)
        with self._changed:
            self.runs.append(run)
        threading.Thread(target=self._run, args=(region, run, *patience), name=f"rotation of {run.secret}", daemon=True).start()

    def _run(self, region: Region, run: Run, attempts: int, pause: float) -> None:
        result = "failed"
        while result == "failed" and run.attempt < attempts:
            if run.attempt:
                threading.Event().wait(pause)
            run.attempt += 1
            result = self._attempt(region, run)
        if run.steps != STEPS:
            _end_test(region, run)
        with self._changed:
            run.result = result
            self._changed.notify_all()

    def _patience(self, arn: str, run: Run) -> tuple[int, float]:
        """How often a rotation is tried, and the seconds between; a function may have its own. A test is tried once."""
        if run.steps != STEPS:
            return 1, 0.0
        settings = self.registry.settings(arn)
        return int(settings.get("attempts", self.attempts)), float(settings.get("pause", self.pause))

    def _attempt(self, region: Region, run: Run) -> str:
        """Run all steps once; on success AWSPENDING goes and the dates are set, on failure the label stays."""
        try:
            for step in run.steps:
                run.step = step
                arn = _standing(region, run)
                self.registry.invoke(arn, region, _event(run))
            if run.steps != STEPS:
                return "tested"
            _finish(region, run)
        except Failed as error:
            run.error = f"{run.step}: {error}"
            return "failed"
        except Abandoned as error:
            run.error = str(error)
            return "abandoned"
        return "succeeded"

    def running(self, arn: str) -> bool:
        return any(run.secret == arn and run.result == "running" for run in self.runs)

    def shown(self, secret: str | None, seconds: float, count: int = 0) -> list[dict[str, Any]]:
        """All rotations of a secret (its ARN), after waiting at most so long until there are `count` and none runs."""

        def runs() -> list[Run]:
            return [run for run in self.runs if secret in (None, run.secret)]

        with self._changed:
            self._changed.wait_for(lambda: len(runs()) >= count and all(run.result != "running" for run in runs()), seconds)
            return [asdict(run) for run in runs()]


def _rotate_managed(region: Region, secret: Secret, asked: Asked, token: str) -> Asked:
    """A managed secret is rotated by its owning service: no function, and none may be named."""
    master = masters.of(secret)
    if asked.get("RotationLambdaARN"):
        raise invalid_parameter("RotationLambdaARN must be left out: the secret is managed by another service.")
    if token in secret.versions:
        return _again(secret, token)
    if asked.get("RotateImmediately", True):
        master.start(token)
    secret.rotation_requested = secret.rotation_enabled = True
    if asked.get("RotationRules"):
        secret.rules = dict(asked["RotationRules"])
        schedule.plan_next(secret, schedule.parse(secret.rules), region.world.clock.now())
    touch(region, secret)
    region.world.clock.wake()
    return short(secret, token if token in secret.versions else labels.holder(secret.versions, labels.CURRENT))


def _again(secret: Secret, token: str) -> Asked:
    """The same token once more: nothing new is begun."""
    if not secret.versions[token]["version_stages"]:
        raise invalid_request(f"You can't use ClientRequestToken {token}: it names an old version of the secret.")
    return short(secret, token)


def _stuck(secret: Secret) -> bool:
    """AWS takes AWSPENDING on any version but AWSCURRENT's for a rotation that is still under way."""
    pending = labels.holder(secret.versions, labels.PENDING)
    return pending is not None and pending != labels.holder(secret.versions, labels.CURRENT)


def _event(run: Run) -> dict[str, str]:
    return {"Step": run.step, "SecretId": run.secret, "ClientRequestToken": run.token, "RotationToken": run.rotation_token}


def _standing(region: Region, run: Run) -> str:
    """The function's ARN, while the version is still the one to rotate to. Raises Abandoned."""
    with region.world.lock:
        secret = region.store.named(_name(region, run))
        if not isinstance(secret, Secret) or secret.arn != run.secret or secret.is_deleted():
            raise Abandoned("the secret is gone")
        if not secret.rotation_enabled:
            raise Abandoned("rotation was cancelled")
        if run.token not in (labels.holder(secret.versions, label) for label in (labels.PENDING, labels.CURRENT)):
            raise Abandoned("AWSPENDING is not on this version any more")
        return secret.rotation_lambda_arn


def _name(region: Region, run: Run) -> str:
    return next((name for name, secret in region.store.items() if secret.arn == run.secret), "")


def _finish(region: Region, run: Run) -> None:
    """What the service does after finishSecret. Raises Failed when the function has not moved AWSCURRENT."""
    with region.world.lock:
        _standing(region, run)
        secret = region.primary(run.secret)
        if labels.holder(secret.versions, labels.CURRENT) != run.token:
            raise Failed("the function reported success, but AWSCURRENT is not on the new version")
        labels.remove(secret.versions, labels.PENDING)
        now = region.world.clock.now()
        secret.last_rotation_date = now  # pyright: ignore[reportAttributeAccessIssue]  # moto says int; AWS's dates carry milliseconds
        if secret.rules is not None:
            plan = schedule.parse(secret.rules)
            schedule.plan_next(secret, plan, now)
            secret.days_between = schedule.days_between(plan, now)
        touch(region, secret)


def _end_test(region: Region, run: Run) -> None:
    """The temporary version goes, however the test ended."""
    with region.world.lock:
        secret = region.store.named(_name(region, run))
        if isinstance(secret, Secret):
            secret.versions.pop(run.token, None)
            region.changed(secret)
