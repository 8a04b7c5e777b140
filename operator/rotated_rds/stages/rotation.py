"""RotationReady: SecretState → the version to publish; begins rotations, carries them out, follows AWS's."""

from dataclasses import replace

from rotated_rds.acts import aws_rotation, creation, handover, hosted, leave, managed_rotation, report, report_hindrance, rotate, steady
from rotated_rds.acts.view import Pass
from rotated_rds.model import dual
from rotated_rds.model import rotation as rules
from rotated_rds.model.alternating import fault, is_alternating
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Unavailable
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import Result, holds
from rotated_rds.model.verified import Current


def run(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """Whoever rotates, the answer is the version under AWSCURRENT."""
    if (doubted := steady.doubted(one, state)) is not None:
        return doubted
    if state.current is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS shows no AWSCURRENT version; looking again")
    if (handing_over := handover.run(one, endpoint, state)) is not None:
        return handing_over
    if (unfit := _unfit(one, endpoint, state)) is not None:
        return unfit
    if one.spec.method is Method.OPERATOR:
        return rotate.run(leave.found(_with_last_success(one, state), state), endpoint, state)
    if one.spec.method is Method.LAMBDA:
        return aws_rotation.run(one, endpoint, state)
    if one.spec.method is Method.HOSTED_LAMBDA:
        return _with_stack(one, endpoint, state)
    if one.spec.method is Method.RDS_MANAGED:
        return managed_rotation.run(one, state)
    return _follow(one, state)


def _with_stack(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current]:
    """First the stack with AWS's function, then its rotation; one under way is followed whatever the stack does."""
    looks = not state.remembered and one.before.rotation.in_progress is None
    making = hosted.ensure(one, endpoint, state) if looks else None
    return aws_rotation.run(one, endpoint, state) if making is None else making


def _unfit(one: Pass, endpoint: Endpoint | None, state: SecretState) -> Result[Current] | None:
    """What depends on the engine, which may have been found out only now (SAFETY.md C6, D2)."""
    current = state.current or ""
    if endpoint is None or one.spec.method is not Method.OPERATOR:
        return None
    if is_alternating(one.wanted) and (text := fault(one.wanted, endpoint.engine)):
        return report_hindrance.unfit(one, current, text)
    if unsupported := dual.unsupported(one.wanted, endpoint.engine):
        return report_hindrance.unsupported(one, current, unsupported)
    return None


def _with_last_success(one: Pass, state: SecretState) -> Pass:
    """With status lost, the last success is the newest labelled version that was made while this resource existed (SAFETY.md F1)."""
    before, first = one.before, creation.first_version(state)
    if before.version_id is not None or before.rotation.last_rotated or before.rotation.in_progress or state.remembered:
        return one
    if rules.wants_first(one.spec, before, created_by_us=first in state.versions):
        return one  # a first rotation that was carried out has its version, which says so
    made = [known.created for known in one.secrets.versions(state.arn) if known.labels and known.id != first]
    newest = max(made, default=None)
    if newest is None or newest <= one.resource.created:
        return one
    known = before.rotation.model_copy(update={"last_rotated": newest})
    return replace(one, before=before.model_copy(update={"rotation": known}))


def _follow(one: Pass, state: SecretState) -> Result[Current]:
    refused = report.answered(one, "Refused", "method External: whoever owns the secret rotates it")
    return holds(Current(state.current or ""), "rotated by whoever owns the secret", rotation=report.external(one), requests=refused)
