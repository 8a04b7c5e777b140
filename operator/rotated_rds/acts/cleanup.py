"""What goes with a resource: a hosted function's stack that nobody else uses; the AWS secret, with `deletionPolicy: Delete`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rotated_rds.acts import creation, hosted
from rotated_rds.acts.view import Pass
from rotated_rds.model.document import part, text
from rotated_rds.model.errors import Problem, Reason
from rotated_rds.model.resource import Resource
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import Kind, Notice, Outcome, Status
from rotated_rds.model.tenancy import Allow

LOOK_AGAIN = timedelta(seconds=5)
_PATH = "spec.secret.deletionPolicy"


@dataclass(frozen=True)
class Ended:
    """Nothing is left to do: the resource may go. notices: what stays in AWS, and why."""

    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Waits:
    """The resource stays. kind: the condition that says why; wake: when to look again; None: back off."""

    outcome: Outcome
    wake: datetime | None = None
    kind: Kind = Kind.SECRET_READY


def holds(resource: Resource, status: Status) -> bool:
    """Whether something in AWS goes with this resource: then a finalizer holds it. While suspended AWS is left alone."""
    spec = resource.spec
    if spec is None or spec.suspend:
        return False
    return deletes(resource) or spec.method is Method.HOSTED_LAMBDA or status.rotation.method == Method.HOSTED_LAMBDA


def may_hold(resource: Resource, status: Status) -> bool:
    """The same of a resource whose spec cannot be understood, from what can be read of it."""
    wanted, hosted_function = text(resource.raw_spec, "secret", "deletionPolicy"), part(resource.raw_spec, "rotation", "hostedLambda")
    return wanted == "Delete" or bool(hosted_function) or status.rotation.method == Method.HOSTED_LAMBDA


def deletes(resource: Resource) -> bool:
    """Whether the AWS secret goes with it."""
    spec = resource.spec
    return spec is not None and spec.writes and not spec.suspend and spec.secret.deletion_policy == "Delete"


def run(one: Pass) -> Ended | Waits:
    """One look at a resource that is being deleted."""
    if one.before.rotation.method == Method.HOSTED_LAMBDA and (left := _stack(one)) is not None:
        return left
    if not deletes(one.resource):
        return Ended()
    try:
        return _delete(one)
    except Problem as problem:
        mend = f"; to leave the AWS secret as it is, set {_PATH}: Retain"
        return Waits(Outcome(False, problem.reason, f"{problem.message}{mend}"))


def _stack(one: Pass) -> Waits | None:
    """The stack goes first: the secret still says whose function it is."""
    try:
        left = hosted.leave(one)
    except Problem as problem:
        return Waits(Outcome(False, problem.reason, problem.message), kind=Kind.ROTATION_READY)
    return Waits(Outcome(None, Reason.PENDING, left.text), one.now + left.again, Kind.ROTATION_READY) if left else None


def _delete(one: Pass) -> Ended | Waits:
    known, spec = one.before.secret_arn, one.spec.secret
    state = one.secrets.describe(known or creation.secret_name(one))
    if state is None or state.deleted_at:
        return Ended()
    if state.owner != one.world.owner(one.key):
        return Ended((_left(state, Reason.OWNED_BY_ANOTHER, f"it belongs to {state.owner or 'nobody'}"),))
    if not creation.may_be_deleted(one, state):
        return Ended(
            (_left(state, Reason.NOT_ALLOWED, "it was taken over, and neither spec.secret.adoption: Always nor its tag allows it"),)
        )
    one.permit.check_secret(state.arn)
    one.permit.check_word(Allow.DELETION, _PATH)
    if not spec.recovery_window_days:
        one.permit.check_word(Allow.FORCE_DELETION, "spec.secret.recoveryWindowDays")
    if state.replicas:
        return _without_replicas(one, state)
    one.secrets.delete(state.arn, spec.recovery_window_days)
    return Ended()


def _without_replicas(one: Pass, state: SecretState) -> Waits:
    """AWS deletes no secret that has copies elsewhere."""
    regions = [copy.region for copy in state.replicas]
    one.secrets.remove_replicas(state.arn, regions)
    text = f"the copies of {state.name} go first: {', '.join(regions)}"
    return Waits(Outcome(None, Reason.PENDING, text), one.now + LOOK_AGAIN)


def _left(state: SecretState, reason: Reason, why: str) -> Notice:
    return Notice(True, reason, f"AWS secret {state.arn} is left as it is: {why}")
