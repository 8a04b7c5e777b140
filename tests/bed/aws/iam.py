"""IAM's rules for one question: do these policies allow this action on this resource, in this context? Pure.

Written after AWS's "Policy evaluation logic" and "IAM JSON policy elements"; what is not here is refused when a policy is read, so that
no policy is judged by half. moto's own checks know neither Resource nor Condition (its `moto/iam/access_control.py` says so).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

Json = Mapping[str, Any]
Context = Mapping[str, str]

_ARN_PARTS = 6  # arn:partition:service:Region:account:rest
_KNOWN = {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}


@dataclass(frozen=True)
class Check:
    """One question. context: condition keys and their values."""

    action: str
    resource: str
    context: Context = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Verdict:
    """allowed_by: the statements that allow it, by Sid; denied: by a Deny."""

    allowed_by: tuple[str, ...]
    denied: bool = False

    @property
    def allowed(self) -> bool:
        return bool(self.allowed_by) and not self.denied


@dataclass(frozen=True)
class Rule:
    """One statement, read."""

    sid: str
    deny: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def meets(self, check: Check) -> bool:
        """Whether it speaks of this question. Actions are told apart without case, as IAM does."""
        action = any(_glob(one.lower(), check.action.lower()) for one in self.actions)
        resource = not self.resources or any(arn_like(one, check.resource) for one in self.resources)
        return action and resource and all(_holds(one, check.context) for one in self.conditions)


def read(document: Json | str) -> tuple[Rule, ...]:
    """A policy document → its rules. Raises ValueError for what this evaluator does not know."""
    whole: Json = json.loads(document) if isinstance(document, str) else document
    if "${" in json.dumps(whole):
        raise ValueError("policy variables are not evaluated here")
    return tuple(_rule(one, place) for place, one in enumerate(_listed(whole["Statement"])))


def _rule(statement: Json, place: int) -> Rule:
    if unknown := set(statement) - _KNOWN:
        raise ValueError(f"statement {place}: {sorted(unknown)} is not evaluated here")
    conditions = tuple(
        (operator, key.lower(), tuple(map(str, _listed(values))))
        for operator, tests in cast("Json", statement.get("Condition") or {}).items()
        for key, values in cast("Json", tests).items()
    )
    for operator, _, _ in conditions:
        if operator.removesuffix("IfExists") not in _OPERATORS:
            raise ValueError(f"statement {place}: condition operator {operator} is not evaluated here")
    return Rule(
        str(statement.get("Sid", f"#{place}")),
        statement["Effect"] == "Deny",
        tuple(_listed(statement["Action"])),
        tuple(_listed(statement.get("Resource", []))),
        tuple(_principals(statement.get("Principal"))),
        conditions,
    )


def _principals(principal: Any) -> Iterable[tuple[str, str]]:
    if principal == "*":
        yield "*", "*"
    elif principal:
        yield from ((kind, name) for kind, names in cast("Json", principal).items() for name in _listed(names))


def decide(rules: Sequence[Rule], check: Check) -> Verdict:
    """Denied by any Deny, else allowed by any Allow, else not allowed."""
    meeting = [rule for rule in rules if rule.meets(check)]
    return Verdict(tuple(rule.sid for rule in meeting if not rule.deny), any(rule.deny for rule in meeting))


def trusts(rules: Sequence[Rule], check: Check, kind: str, name: str) -> bool:
    """Whether a role's trust policy lets a principal in. kind: AWS, Service or Federated."""
    named = [rule for rule in rules if any(k in ("*", kind) and _is_principal(kind, pattern, name) for k, pattern in rule.principals)]
    return decide(named, check).allowed


def _is_principal(kind: str, pattern: str, name: str) -> bool:
    """An account's root stands for everybody in it whose own policy allows; else names are compared whole."""
    if pattern in ("*", name):
        return True
    account = name.split(":")[4] if kind == "AWS" else ""
    return bool(account) and pattern in (account, f"arn:aws:iam::{account}:root")


# conditions


def _holds(condition: tuple[str, str, tuple[str, ...]], context: Context) -> bool:
    operator, key, wanted = condition
    found = {name.lower(): value for name, value in context.items()}.get(key)
    if operator == "Null":
        return (found is None) == (wanted[0].lower() == "true")
    if found is None:
        return operator.endswith("IfExists") or "Not" in operator
    test, negated = _OPERATORS[operator.removesuffix("IfExists")]
    return any(test(one, found) for one in wanted) != negated


def arn_like(pattern: str, arn: str) -> bool:
    """`*` and `?` inside each of the first five parts, and anywhere in the rest."""
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(patterns) == len(parts) and all(_glob(one, part) for one, part in zip(patterns, parts, strict=True))


def _same(wanted: str, found: str) -> bool:
    return wanted == found


def _same_bool(wanted: str, found: str) -> bool:
    return wanted.lower() == found.lower()


def _glob(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), re.DOTALL)


_OPERATORS = {
    "StringEquals": (_same, False),
    "StringNotEquals": (_same, True),
    "StringLike": (_glob, False),
    "StringNotLike": (_glob, True),
    "ArnEquals": (arn_like, False),
    "ArnLike": (arn_like, False),
    "ArnNotLike": (arn_like, True),
    "Bool": (_same_bool, False),
    "Null": (_same_bool, False),
}


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]
