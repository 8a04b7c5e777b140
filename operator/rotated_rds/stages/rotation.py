"""RotationReady: SecretState → the version to publish; begins rotations, carries them out, follows AWS's."""

from rotated_rds.acts import aws_rotation, report, rotate, steady
from rotated_rds.acts.view import Pass
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
    if one.spec.method is Method.OPERATOR:
        return rotate.run(one, endpoint, state)
    if one.spec.method is Method.LAMBDA:
        return aws_rotation.run(one, state)
    return _follow(one, state)


def _follow(one: Pass, state: SecretState) -> Result[Current]:
    if state.current is None:
        raise Unavailable(Reason.UNAVAILABLE, "AWS shows no AWSCURRENT version; looking again")
    refused = report.answered(one, "Refused", "method External: whoever owns the secret rotates it")
    return holds(Current(state.current), "rotated by whoever owns the secret", rotation=report.external(one), requests=refused)
