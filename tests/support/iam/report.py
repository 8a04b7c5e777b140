"""What a journey asked of AWS beside what its policy grants: the difference, both ways."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rotated_rds.model.iam import Document
from tests.bed.aws.iam import Check, decide, read

Pair = tuple[str, str]  # a statement's Sid and one of its actions


@dataclass(frozen=True)
class Report:
    """calls: operations that were carried out or refused, with how often. checks: the rights that AWS asked for by them."""

    journey: str
    document: Document
    calls: Mapping[str, int]
    checks: Sequence[Check]

    @property
    def granted(self) -> set[Pair]:
        return {(rule.sid, action) for rule in read(self.document) for action in rule.actions}

    @property
    def used(self) -> set[Pair]:
        """Statements that allowed an action that was asked for."""
        rules = read(self.document)
        return {(sid, check.action) for check in self.checks for sid in decide(rules, check).allowed_by}

    @property
    def missing(self) -> list[str]:
        """Asked for and not granted."""
        rules = read(self.document)
        return sorted({f"{check.action} on {check.resource}" for check in self.checks if not decide(rules, check).allowed})

    @property
    def unused(self) -> list[Pair]:
        """Granted and never asked for."""
        return sorted(self.granted - self.used)

    @property
    def spare(self) -> list[Pair]:
        """Granted, and nothing of the journey would have been denied without it."""
        return sorted(pair for pair in self.granted if all(self._allowed_without(pair, check) for check in self.checks))

    def _allowed_without(self, pair: Pair, check: Check) -> bool:
        return check.action != pair[1] or decide(read(without(self.document, *pair)), check).allowed

    def lines(self) -> Iterator[str]:
        """The report as a person reads it."""
        yield f"{self.journey}: {sum(self.calls.values())} calls of {len(self.calls)} operations, {len(self.granted)} rights granted"
        for operation, times in sorted(self.calls.items()):
            yield f"    {operation:42} {times:5}"
        yield "  granted, in which statement, asked for in how many ways (resource, condition keys)"
        for sid, action in sorted(self.granted):
            rules, asked = read(self.document), (check for check in self.checks if check.action == action)
            yield f"    {action:42} {sid:11} {sum(sid in decide(rules, check).allowed_by for check in asked):3} ways"
        yield f"  granted and not used: {_told(self.unused)}; asked and not granted: {_told(self.missing)}; could go: {_told(self.spare)}"

    @property
    def exact(self) -> bool:
        return not (self.missing or self.unused or self.spare)


def without(document: Document, sid: str, action: str) -> Document:
    """The policy with one action taken out of one statement, or out of all (`*`)."""
    changed: Any = copy.deepcopy(document)
    for statement in changed["Statement"]:
        if sid in ("*", statement["Sid"]):
            statement["Action"] = [one for one in statement["Action"] if one != action]
    changed["Statement"] = [statement for statement in changed["Statement"] if statement["Action"]]
    return changed


def checks_of(rights: Sequence[Mapping[str, Any]]) -> list[Check]:
    """What the bed's guard kept → questions that can be asked again."""
    return [Check(one["action"], one["resource"], dict(one["context"])) for one in rights]


def _told(what: Sequence[Pair | str]) -> str:
    return ", ".join(one if isinstance(one, str) else f"{one[1]} in {one[0]}" for one in what) or "nothing"
