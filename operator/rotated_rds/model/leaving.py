"""Another strategy on a live resource: which one is in force until nothing of it is left behind (SAFETY.md E4)."""

from collections.abc import Iterable

from rotated_rds.model.alternating import clone_of
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.secret import SecretState, token
from rotated_rds.model.spec import Method, Spec, Strategy
from rotated_rds.model.status import Status

_LEAVES_SOMETHING = (Strategy.ALTERNATING_USERS, Strategy.DUAL_PASSWORD)
_ATTEMPTS = 100  # as many as a cause can have


def in_force(spec: Spec, before: Status) -> Strategy:
    """The strategy that a pass goes by: what status shows, until the second user is locked or the second password discarded."""
    was, wanted = before.rotation.strategy, spec.rotation.strategy
    if spec.method is Method.OPERATOR and was in _LEAVES_SOMETHING and was != wanted:
        return Strategy(was)
    return wanted


def with_strategy(spec: Spec, strategy: Strategy) -> Spec:
    return spec.model_copy(update={"rotation": spec.rotation.model_copy(update={"strategy": strategy})})


def home_cause(current: str | None) -> str:
    """What the rotation back to the base user is made for. current: AWSCURRENT at its start, a version of the clone's."""
    return f"home\n{current}"


def came_home(state: SecretState, requests: Iterable[str]) -> bool:
    """Whether AWSCURRENT is a version of ours that could be the clone's successor: made by the way home, or on request.

    requests: the texts that stand on the resource.
    """
    causes = (home_cause(state.previous), *requests)
    return any(state.current == token(state.arn, cause, number) for cause in causes for number in range(_ATTEMPTS))


def went_back(state: SecretState) -> bool:
    """Whether AWSPREVIOUS is what the way home from AWSCURRENT made: it was rolled back."""
    return any(state.previous == token(state.arn, home_cause(state.current), number) for number in range(_ATTEMPTS))


def unfit(spec: Spec, before: Status) -> Refused | None:
    """To a function for one user it goes by way of the base user: from then on the function would rotate the clone alone."""
    was, wanted = before.rotation, spec.rotation.strategy
    if was.strategy != Strategy.ALTERNATING_USERS or wanted is not Strategy.SINGLE_USER or not spec.rotated_by_aws:
        return None
    base = spec.user.name or ""
    if was.method == Method.OPERATOR:
        mend = f"goes by way of method Operator: set it back, change spec.rotation.strategy alone, and the method when that is {wanted}"
    elif before.username == clone_of(base):
        mend = f"waits for user {base!r}: set it back and annotate rotated-rds.io/rotate once, as AWSCURRENT is of {before.username!r}"
    else:
        return None
    return Refused(Reason.INVALID_SPEC, f"spec.rotation.strategy: from {was.strategy} to {wanted} with method {spec.method} {mend}")
