"""Who refuses a cell that cannot be: the API server, by the CRD's rules, or else the operator."""

import json
from typing import Any

from bench.ways.plan import Cell
from bench.ways.specs import NAME
from bench.ways.told import CEL, OPERATOR, Refused
from rotated_rds.model.document import entries, part
from tests.bed.api import Api, ApiError
from tests.bed.processes import BedError, until
from tests.support.resources import Cluster, Json

_SCHEMA = "should "  # `in body should be …`: words of OpenAPI, not of a rule


def by_the_api_server(api: Api, cell: Cell, resource: Json) -> Refused | None:
    """Its own answer to a dry run; None where it takes the resource. BedError where it refuses for another reason than a rule."""
    try:
        api.call("POST", f"{Cluster(api, cell.name).path('rotatedrdssecrets')}?dryRun=All", resource)
    except ApiError as refused:
        return Refused(cell, CEL, rule(str(refused)))
    return None


def rule(answer: str) -> str:
    """The message of the rule that an answer of the API server names. BedError where it names none."""
    told: Json = json.loads(answer[answer.index("{") :]) if "{" in answer else {}
    broken = [one["message"] for one in entries(told, "details", "causes") if one.get("reason") == "FieldValueInvalid"]
    messages = [said[said.index("spec.") :] for said in broken if "spec." in said and _SCHEMA not in said]
    if not messages:
        raise BedError(f"refused, and not by a rule: {answer}")
    return next((said for said in messages if "strategy" in said), messages[0])


def by_the_operator(api: Api, cell: Cell, resource: Json) -> Refused:
    """What the resource's conditions say once it is there. BedError where nobody refuses it."""
    cluster = Cluster(api, cell.name)
    cluster.given_resource(resource)
    try:
        until("the operator refuses it", lambda: bool(_said(cluster.status(NAME))), seconds=30)
        return Refused(cell, OPERATOR, _said(cluster.status(NAME)))
    finally:
        cluster.delete(NAME)


def _said(status: Any) -> str:
    """The message of a condition that nothing but another spec mends."""
    conditions = {one["type"]: one for one in entries(status, "conditions")}
    stalled = part(conditions.get("Stalled", {}))
    return str(stalled.get("message", "")) if stalled.get("status") == "True" else ""
