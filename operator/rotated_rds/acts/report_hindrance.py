"""What RotationReady says where a rotation cannot begin: one function a hindrance, no call of anything outside."""

from rotated_rds.acts import report
from rotated_rds.acts.view import Pass
from rotated_rds.model.database import Verdict
from rotated_rds.model.errors import Reason
from rotated_rds.model.status import Result, fails
from rotated_rds.model.verified import Current


def owned_by_aws(one: Pass, current: str) -> Result[Current]:
    text = (
        "AWS's own rotation is on for this secret: annotate rotated-rds.io/take-rotation to let the operator rotate instead, "
        "or use method Lambda or External"
    )
    return _stands(one, current, Reason.ROTATION_OWNED_BY_AWS, text)


def foreign(one: Pass, current: str, pending: str, login: Verdict | None) -> Result[Current]:
    """Somebody else's AWSPENDING stands in the way."""
    said = {
        Verdict.OK: "it logs in: the database has it already; move AWSCURRENT to it (update-secret-version-stage)",
        Verdict.REFUSED: "it is refused: annotate rotated-rds.io/force-rotate to take it off and rotate",
    }
    mend = said.get(login, "it could not be tried; see CredentialVerified") if login else "it has no value: take AWSPENDING off it"
    text = f"version {pending[:8]} is labelled AWSPENDING and is not ours; {mend}"
    return _stands(one, current, Reason.PENDING_FOREIGN, text)


def unfit(one: Pass, current: str, text: str) -> Result[Current]:
    """The spec asks for what this database's engine cannot do."""
    return _stands(one, current, Reason.INVALID_SPEC, text)


def unsupported(one: Pass, current: str, text: str) -> Result[Current]:
    """The engine, known only now, cannot be rotated so; what is AWSCURRENT is published all the same."""
    return _stands(one, current, Reason.UNSUPPORTED_STRATEGY, text, held_back=None)


def _stands(one: Pass, current: str, reason: Reason, text: str, **changes: object) -> Result[Current]:
    """No rotation begins, and no request waits for one. changes: to `status.rotation`."""
    rotation, requests = report.rotation_status(one, **changes), report.answered(one, "Refused", text, report.MOVES)
    return fails(reason, text, value=Current(current), rotation=rotation, requests=requests)
