"""Resources in every state that a reason tells of, as the operator's own code writes their status."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from rotated_rds.model.conditions import kept, outcome_of
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.status import STAGES, Kind, Outcome, Status
from rotated_rds.reconcile import fold, refused
from tests.bed.paths import REPO
from tests.support.crd import VERSION
from tests.support.reasons import Told, told

Json = dict[str, Any]
GENERATION = 3
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LONG = timedelta(minutes=11)  # longer than the operator's patience with a denial
MENDS = "what is wrong; how to mend it"
EVERYWHERE = tuple(str(kind) for kind in STAGES)
FINE = dict.fromkeys(STAGES, Outcome(True, Reason.SUCCEEDED, "as it should be"))


@dataclass(frozen=True)
class Case:
    """One row. state: what is the case; reason: the row's, if it has one; bodies: each must be judged alike."""

    state: str
    reason: str
    bodies: Sequence[Json]


def folded(outcomes: Mapping[Kind, Outcome], before: Status, *, now: datetime = NOW, suspended: str | None = None) -> Status:
    return fold(before, {}, outcomes, GENERATION, now, suspended=suspended)


READY = folded(FINE, Status(), now=NOW - timedelta(days=1))


def body(status: Json, *, generation: int = GENERATION, **metadata: Any) -> Json:
    """The smallest example with a status."""
    resource: Json = yaml.safe_load((REPO / "examples" / "orders-postgres.yaml").read_text())
    resource["metadata"] |= {"namespace": "shop", "uid": "7c3b6e0e", "generation": generation, "resourceVersion": "1", **metadata}
    return {**resource, "status": status}


def cases() -> Iterator[Case]:
    """Every reason of docs/reference.md, then what no reason tells."""
    for row in told():
        yield from _of_a_reason(row)
    yield from _others()


def _of_a_reason(row: Told) -> Iterator[Case]:
    reason = Reason(row.reason)
    kinds = [Kind(row.section)] if row.section in EVERYWHERE else _where(reason)
    where = kinds[0] if len(kinds) == 1 else "any condition"
    if reason is Reason.UNAVAILABLE:
        yield from _of_no_answer()
    elif not row.meanwhile.isascii():  # a dash: it is true, and there is no meanwhile
        yield Case(f"{where} True", reason, [_with(kind, Outcome(True, reason, "as it should be")) for kind in kinds])
    elif reason is Reason.PENDING:
        yield Case("all Unknown", reason, [body(folded({kind: kept(None) for kind in STAGES}, Status()).body())])
    else:
        yield Case(f"{where} False", reason, [_failing(kind, reason, timedelta()) for kind in kinds])
        if "after" in row.meanwhile:
            yield Case(f"{where} False, for 11 minutes", reason, [_failing(kind, reason, LONG) for kind in kinds])


def _where(reason: Reason) -> list[Kind]:
    """One that is no stage's own may stand on each, but for the operator's own word for a rotation of AWS."""
    return [Kind.CREDENTIAL_VERIFIED] if reason is Reason.RECONCILING else list(STAGES)


def _failing(kind: Kind, reason: Reason, age: timedelta) -> Json:
    """A Ready resource whose stage has failed for so long."""
    problem = outcome_of(Refused(reason, MENDS), READY.condition(kind), GENERATION)
    began = folded({**FINE, kind: problem}, READY, now=NOW - age)
    return body(folded({**FINE, kind: problem}, began).body())


def _with(kind: Kind, outcome: Outcome) -> Json:
    return body(folded({**FINE, kind: outcome}, READY).body())


def _of_no_answer() -> Iterator[Case]:
    """Who merely did not answer turns nothing red."""
    silent = Unavailable(Reason.UNAVAILABLE, "no answer; tried again")
    yield Case(
        "no answer, the condition held",
        Reason.UNAVAILABLE,
        [_with(kind, outcome_of(silent, READY.condition(kind), GENERATION)) for kind in STAGES],
    )
    yield Case("no answer, never known", Reason.UNAVAILABLE, [_with(kind, outcome_of(silent, None, GENERATION)) for kind in STAGES])


def _others() -> Iterator[Case]:
    served: Json = VERSION["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    yield Case("applied, nobody has looked (the operator is down)", "", [body(served, generation=1)])
    yield Case("changed, nobody has looked", "", [body(READY.body(), generation=GENERATION + 1)])
    broken = Refused(Reason.INVALID_SPEC, MENDS)
    yield Case("changed, and the spec cannot be carried out", "InvalidSpec", [body(refused(READY, broken, GENERATION, NOW).status.body())])
    untried = Outcome(None, Reason.UNREACHABLE, "published untried (unreachablePolicy: Publish)")
    yield Case("CredentialVerified Unknown, `unreachablePolicy: Publish`", "Unreachable", [_with(Kind.CREDENTIAL_VERIFIED, untried)])
    yield from _suspended()
    yield Case("being deleted", "", [body(READY.body(), deletionTimestamp="2026-11-25T12:00:00Z", finalizers=["rotated-rds.io/cleanup"])])


def _suspended() -> Iterator[Case]:
    text = "spec.suspend is true: nothing new is started"
    for state, before in (
        ("suspended when all was well", READY),
        ("suspended before anybody had looked", Status()),
        ("suspended while it waits for a person", folded({**FINE, Kind.MIRRORED: Outcome(False, Reason.TARGET_CONFLICT, MENDS)}, READY)),
    ):
        outcomes = {kind: kept(before.condition(kind)) for kind in STAGES}
        yield Case(state, "", [body(folded(outcomes, before, suspended=text).body())])
