"""Method HostedLambda: the stack that makes AWS's own function: brought to what the spec says, and taken away by its last user."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from rotated_rds.acts import report
from rotated_rds.acts.admin import find_admin
from rotated_rds.acts.view import Pass
from rotated_rds.clients.aws import Exists
from rotated_rds.clients.cloudformation import Stacks
from rotated_rds.model import hosted
from rotated_rds.model.database import Endpoint
from rotated_rds.model.document import part, text
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.hosted import MAKER_TAG, StackSeen, Step, Wanted
from rotated_rds.model.policies import Site
from rotated_rds.model.resource import Key
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import HostedLambdaSpec, Strategy
from rotated_rds.model.status import Kind, Result
from rotated_rds.model.tenancy import Allow
from rotated_rds.model.verified import Current

LOOK_AGAIN = timedelta(seconds=5)
LIST_LAGS = timedelta(minutes=5)  # ListSecrets may be so far behind (SAFETY.md A7)
_FIELD = "spec.rotation.hostedLambda"
_WAITS = {
    Step.CREATE: "CloudFormation is asked for the function",
    Step.UPDATE: "CloudFormation is asked to change the function",
    Step.EXECUTE: "CloudFormation makes the function",
    Step.DROP_CHANGE: "an old change set is taken away",
    Step.REMOVE: "the stack that failed is taken away, then made anew",
    Step.WAIT: "CloudFormation is at work",
}


def ensure(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """The next step towards the stack of the spec; None: it stands so, and its function may be asked.

    What AWS or the stack refuses keeps nobody from the credential that is there.
    """
    current = state.current or ""
    try:
        return _step(one, endpoint, state)
    except Refused as refused:
        return report.unusable(one, current, refused)


def _step(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    role = _allowed(one)
    if endpoint is None:
        raise Unavailable(Reason.UNAVAILABLE, "the function is made when the database's endpoint is known")
    stacks, wanted = Stacks(one.world.aws(one.key, one.spec)), _wanted(one, endpoint, state)
    seen = stacks.seen(wanted.name, wanted.change_set)
    step = hosted.next_step(seen, wanted, again=_again(one), makers=_makers(one, seen))
    if step is Step.READY:
        return None
    if step in (Step.FAILED, Step.SHARED):
        raise Refused(Reason.STACK_FAILED, _why(step, wanted, seen))
    _carry_out(stacks, step, wanted, role)
    return report.making(one, state.current or "", f"stack {wanted.name}: {_WAITS[step]}{_now(seen)}")


def _carry_out(stacks: Stacks, step: Step, wanted: Wanted, role: str) -> None:
    """One call at most. A change set that is there already was asked for by a pass whose answer was lost."""
    try:
        match step:
            case Step.CREATE | Step.UPDATE:
                stacks.change(wanted, step.name, role)
            case Step.EXECUTE:
                stacks.execute(wanted)
            case Step.DROP_CHANGE:
                stacks.drop_change(wanted)
            case Step.REMOVE:
                stacks.delete(wanted.name, role)
            case _:
                return
    except Exists:
        return


def _allowed(one: Pass) -> str:
    """CloudFormation's role, by ARN. Raises Refused(NotAllowed)."""
    spec = _spec(one)
    one.permit.check_word(Allow.HOSTED_LAMBDA, _FIELD)
    if spec.kms_key_arn:
        one.permit.check_kms_key(spec.kms_key_arn, f"{_FIELD}.kmsKeyArn")
    return _role(one)


def _role(one: Pass) -> str:
    name = one.world.house.stack_role
    if name is None:
        raise Refused(
            Reason.NOT_ALLOWED, f"{_FIELD}: the operator has no role for CloudFormation (setting --stack-role); ask who runs the operator"
        )
    return f"arn:{_site(one).partition}:iam::{_site(one).account}:role/{name}"


def _site(one: Pass) -> Site:
    return Site(one.world.aws(one.key, one.spec).region or "", one.world.account(one.key, one.spec))


def _spec(one: Pass) -> HostedLambdaSpec:
    spec = one.spec.rotation.hosted_lambda
    if spec is None:
        raise Refused(Reason.INVALID_SPEC, f"{_FIELD}: required with method HostedLambda; set at least its functionName")
    return spec


def _wanted(one: Pass, endpoint: Endpoint, state: SecretState) -> Wanted:
    spec, site, master, key = _spec(one), _site(one), None, None
    if one.spec.rotation.strategy is not Strategy.SINGLE_USER:
        admin = find_admin(one.secrets, one.spec.user.admin_secret_id or "")
        one.permit.check_admin_secret(admin.arn)
        master, key = admin.arn, admin.kms_key_id if (admin.kms_key_id or "").startswith("arn:") else None
    said = hosted.parameters(spec, f"https://{site.service}", master, key)
    made = hosted.template(state.arn.split(":")[1], endpoint.engine, one.spec.rotation.strategy, said)
    return Wanted(hosted.stack_name(spec.function_name), made, said, one.world.owner(one.key))


def _again(one: Pass) -> bool:
    """A failure is tried anew for another spec, or a `sync`."""
    known = one.before.condition(Kind.ROTATION_READY)
    failed = known is not None and known.reason == Reason.STACK_FAILED
    return failed and (one.asks("sync") or (known is not None and known.observed_generation != one.generation))


def _makers(one: Pass, seen: StackSeen | None) -> frozenset[str]:
    """Ourselves, and a resource of this cluster that is no more: its stack goes over to who uses it."""
    ours, maker = one.world.owner(one.key), seen.tags.get(MAKER_TAG) if seen else None
    cluster, _, place = (maker or "").partition("/")
    namespace, _, name = place.partition("/")
    if not name or maker == ours or cluster != one.world.house.cluster:
        return frozenset({ours})
    try:
        gone = one.world.kubernetes.resource(Key(namespace, name)) is None
    except Problem:
        gone = False
    return frozenset({ours, maker}) if gone and maker else frozenset({ours})


def _why(step: Step, wanted: Wanted, seen: StackSeen | None) -> str:
    maker = seen.tags.get(MAKER_TAG) if seen else None
    if step is Step.SHARED:
        return (
            f"{_FIELD}.functionName: stack {wanted.name} is {maker or 'somebody'}'s, and not made as this spec says; "
            "choose another functionName, or write the same hostedLambda, engine and strategy"
        )
    reason = (seen.change.reason if seen.change and seen.change.status == "FAILED" else seen.reason) if seen else ""
    status = seen.status if seen else "gone"
    return f"stack {wanted.name} is {status}: {reason or 'see its events'}; mend that, then annotate rotated-rds.io/sync"


def _now(seen: StackSeen | None) -> str:
    return f" ({seen.status})" if seen else ""


# the last user takes it away


@dataclass(frozen=True)
class Leaving:
    """What the end of a stack waits for. again: after which time to look."""

    text: str
    again: timedelta = LOOK_AGAIN


def leave(one: Pass) -> Leaving | None:
    """End AWS's rotation of this secret, and delete the stack unless others use it. None: done.

    Raises Refused(StackFailed, AccessDenied), Unavailable.
    """
    function = _left_behind(one)
    if function is None:
        return None
    name = hosted.stack_name(function.rpartition(":")[2])
    _end_rotation(one, function)
    stacks = Stacks(one.world.aws(one.key, one.spec))
    seen = stacks.seen(name)
    if seen is None or seen.tags.get(MAKER_TAG) not in _makers(one, seen):
        return None
    if seen.status == "DELETE_FAILED" and not one.asks("sync"):
        raise Refused(Reason.STACK_FAILED, f"stack {name} is DELETE_FAILED: {seen.reason}; mend that, or delete the stack by hand")
    if seen.status != "DELETE_IN_PROGRESS":
        alone = _alone(one, function)
        if alone is not True:
            return alone
        stacks.delete(name, _role(one))
    return Leaving(f"stack {name} is being deleted")


def _alone(one: Pass, function: str) -> Literal[True] | Leaving | None:
    """Whether nobody else uses the function, seen twice, as AWS's list may be behind; None: others do."""
    what = f"alone with {function}"
    if not one.world.ages.fresh(what, one.key, LIST_LAGS, one.now):
        if _others(one, function):
            one.world.ages.forget(what, one.key)
            return None
        if one.world.ages.known(what, one.key):
            return True
        one.world.ages.note(what, one.key, one.now)
    text = (
        f"no other secret is seen to use {function}; its stack is deleted when AWS's list, which may be 5 minutes behind, still shows none"
    )
    return Leaving(text, LIST_LAGS)


def _left_behind(one: Pass) -> str | None:
    """The function's ARN: by the spec, or, where that has another method by now, by the secret that it rotated."""
    if (spec := one.spec.rotation.hosted_lambda) is not None:
        return _site(one).arn("lambda", f"function:{spec.function_name}")
    state = one.secrets.describe(one.before.secret_arn) if one.before.secret_arn else None
    return state.function_arn if state else None


def _end_rotation(one: Pass, function: str) -> None:
    """Without its function AWS's clock would only fail."""
    arn = one.before.secret_arn
    state = one.secrets.describe(arn) if arn else None
    ours = state is not None and state.owner == one.world.owner(one.key)
    if state is not None and ours and state.rotation_enabled and state.function_arn == function and not state.deleted_at:
        one.secrets.cancel_rotation(state.arn)


def _others(one: Pass, function: str) -> bool:
    """Whether another secret is rotated by this function, as AWS lists them, or another resource that we may see names it."""
    listed = (known for known in one.secrets.sweep([]) if known.arn != one.before.secret_arn and not known.deleted_at)
    if any(known.rotation_enabled and known.function_arn == function for known in listed):
        return True
    name = function.rpartition(":")[2]
    return any(
        text(body, "spec", "rotation", "hostedLambda", "functionName") == name
        and body["metadata"].get("deletionTimestamp") is None
        and Key(body["metadata"]["namespace"], body["metadata"]["name"]) != one.key
        and not hosted.elsewhere(one.resource.raw_spec, part(body, "spec"))
        for namespace in one.world.house.namespaces or (None,)
        for body in one.world.kubernetes.resources(namespace)
    )
