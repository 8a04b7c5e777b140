"""Copies of a secret in other Regions: what the spec wants of them, and what to do so that they are so. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from rotated_rds.model.secret import Replica, same_key
from rotated_rds.model.spec import ReplicaRegion

UNDER_WAY = frozenset({"InProgress", "Pending"})
IN_SYNC = "InSync"


@dataclass(frozen=True)
class Plan:
    """add: Regions that have no copy, each with its key; retry: those whose copy failed; remove: those that the spec does not name."""

    add: tuple[ReplicaRegion, ...] = ()
    retry: tuple[ReplicaRegion, ...] = ()
    remove: tuple[str, ...] = ()


def plan(wanted: Sequence[ReplicaRegion] | None, seen: Sequence[Replica]) -> Plan:
    """What AWS is to be asked for; nothing where the spec says nothing, and never a change to a copy that stands."""
    if wanted is None:
        return Plan()
    there, named = {one.region: one for one in seen}, {one.region for one in wanted}
    return Plan(
        tuple(one for one in wanted if one.region not in there),
        tuple(one for one in wanted if one.region in there and _failed(there[one.region])),
        tuple(region for region in there if region not in named),
    )


def faults(wanted: Sequence[ReplicaRegion] | None, seen: Sequence[Replica]) -> list[str]:
    """What is wrong with copies that the spec names, each with its mend."""
    named = {one.region: one for one in wanted or ()}
    ours = [(one, named[one.region]) for one in seen if one.region in named]
    failed = [f"{one.region}: {one.message or one.status}" for one, _ in ours if _failed(one)]
    keys = [
        f"{one.region} is under the key {one.kms_key_id}: take the Region out of the list and, when its copy is gone, put it in again"
        for one, spec in ours
        if not _failed(one) and spec.kms_key_id and not same_key(spec.kms_key_id, one.kms_key_id)
    ]
    return failed + keys


def under_way(wanted: Sequence[ReplicaRegion] | None, seen: Sequence[Replica]) -> list[str]:
    """Regions whose copy is being made."""
    named = {one.region for one in wanted or ()}
    return [one.region for one in seen if one.region in named and one.status in UNDER_WAY]


def _failed(one: Replica) -> bool:
    return one.status not in UNDER_WAY | {IN_SYNC}
