"""A rotation whose namespace has lost its permission: finished as far as AWS itself proves that we began it, else undone (SAFETY.md A6)."""

from datetime import timedelta

from rotated_rds.acts import report
from rotated_rds.acts.view import Pass
from rotated_rds.model.errors import Problem, Reason
from rotated_rds.model.rotation import AWS
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import InProgress, Result
from rotated_rds.model.tenancy import Rule
from rotated_rds.model.verified import Current

SURE = timedelta(seconds=60)  # DescribeSecret may lag behind what a dead process stored


def proof(one: Pass) -> Rule | None:
    """What the rotation under way may still use: its own secret, and what we wrote into its version: user, host, administrator.

    Status proves nothing, as a tenant may write it: the owner tag, the label and the stored value do.
    A role is never used without permission.
    """
    seen = _seen(one)
    if seen is None:
        return None
    progress, state = seen
    value = one.secrets.value(state.arn, progress.version_id) if progress.version_id in state.versions else None
    if value is None or value.host is None:
        return None
    admins = (value.master,) if value.master else ()
    return Rule(("*",), {"secrets": (state.arn,), "users": (value.username,), "hosts": (value.host,), "adminSecrets": admins})


def undone(one: Pass, why: str) -> Result[Current] | None:
    """The rotation has got no further than status: it ends here. None while that is not sure.

    One that AWS carries out, AWS brings to its end: it is no longer followed.
    """
    if one.spec.rotated_by_aws and one.before.rotation.in_progress is not None:
        return report.failed(one, one.before.version_id or "", one.before.rotation.in_progress, Reason.NOT_ALLOWED, why)
    seen = _seen(one)
    if seen is None or seen[1].current is None:
        return None
    progress, state = seen
    if progress.version_id in {known.id for known in one.secrets.versions(state.arn)}:
        return None
    if not one.world.ages.older_than(f"undone {progress.version_id}", one.key, SURE, one.now):
        return report.under_way(one, Current(state.current or ""), progress, why, wake=one.now + SURE)
    return report.failed(one, state.current or "", progress, Reason.NOT_ALLOWED, why)


def _seen(one: Pass) -> tuple[InProgress, SecretState] | None:
    """A rotation of ours under way, and the secret of ours that it is about."""
    progress, arn = one.before.rotation.in_progress, one.before.secret_arn
    if progress is None or arn is None or progress.cause == AWS or one.spec.method is not Method.OPERATOR:
        return None
    if one.spec.aws.role_arn or one.spec.aws.region:
        return None
    try:
        state = one.secrets.describe(arn)
    except Problem:
        return None
    return (progress, state) if state is not None and state.owner == one.world.owner(one.key) else None
