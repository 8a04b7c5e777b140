"""Requests by annotation: which are answered at once, and which this version does not carry out."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from rotated_rds.model import rollback
from rotated_rds.model.resource import REQUEST_LIMIT
from rotated_rds.model.spec import Method, Spec
from rotated_rds.model.status import RequestStatus, Status

_AT_ONCE = {"sync": "AWS was read and the login tried", "resume": "the failures until now no longer stop the others"}


def also_answered(
    request: tuple[str, str] | None, spec: Spec, before: Status, said: Mapping[str, object], now: datetime
) -> Mapping[str, RequestStatus]:
    """`status.requests` after this pass: what the stages answered, and what needs no stage."""
    answers = cast("Mapping[str, RequestStatus]", said.get("requests", before.requests))
    if request is None:
        return answers
    name, text = request
    if name in answers and answers[name].text == text:
        return answers
    if (answer := _answer(name, text, spec, now)) is not None:
        return {**answers, name: answer}
    return answers


def _answer(name: str, text: str, spec: Spec, now: datetime) -> RequestStatus | None:
    if len(text) > REQUEST_LIMIT:
        return RequestStatus(text=text[:REQUEST_LIMIT], time=now, result="Refused", message=f"at most {REQUEST_LIMIT} characters")
    if (no := _never(name, spec)) is not None:
        return RequestStatus(text=text, time=now, result="Refused", message=no)
    return RequestStatus(text=text, time=now, result="Done", message=_AT_ONCE[name]) if name in _AT_ONCE else None


def _never(name: str, spec: Spec) -> str | None:
    """Why this resource cannot be asked for that, with the mend."""
    if name == "rollback":
        return rollback.unfit(spec)
    if name != "take-rotation" or spec.method is Method.OPERATOR:
        return None
    if spec.method is Method.RDS_MANAGED:
        return "RDS alone rotates its own secret; for another user make a resource with method Operator"
    return f"method {spec.method} leaves the rotation with AWS; set spec.rotation.method: Operator"
