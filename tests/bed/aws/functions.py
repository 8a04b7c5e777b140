"""The functions that rotate: a registry from ARN to what runs when Secrets Manager invokes it, and what Lambda's API says of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.core.exceptions import JsonRESTError

from tests.bed.aws.calls import Call
from tests.bed.aws.refusals import refusal_of
from tests.bed.aws.region import Region
from tests.bed.aws.web import Answer

Event = Mapping[str, str]


class Failed(Exception):
    """A step of a rotation function ended in an error; the text says which."""


class Function(Protocol):
    """What is behind an ARN."""

    def invoke(self, region: Region, event: Event) -> None:
        """Carry out one step. Raises Failed."""
        ...

    def release(self) -> None:
        """Let hanging invocations go on."""
        ...

    def close(self) -> None:
        """End what belongs to the function."""
        ...


@dataclass
class Registry:
    """All functions of the bed, by full ARN."""

    _functions: dict[str, Function] = field(default_factory=dict[str, Function])
    _kinds: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def __contains__(self, arn: str) -> bool:
        return arn in self._functions

    def add(self, arn: str, function: Function, kind: dict[str, Any]) -> None:
        """Put a function behind an ARN, in the place of any before it.

        kind: `modified` (RFC 3339, default now), `policy` (its resource policy; default: Secrets Manager, for the ARN's account).
        """
        old = self._functions.get(arn)
        kind = {"modified": datetime.now(UTC).isoformat(), "policy": _policy(arn), **kind}
        self._functions[arn], self._kinds[arn] = function, kind
        if old is not None:
            old.close()

    def remove(self, arn: str) -> None:
        self._kinds.pop(arn, None)
        if (function := self._functions.pop(arn, None)) is not None:
            function.close()

    def invoke(self, arn: str, region: Region, event: Event) -> None:
        function = self._functions.get(arn)
        if function is None:
            raise Failed(f"Function not found: {arn}")
        try:
            function.invoke(region, event)
        except JsonRESTError as error:
            raise Failed(f"{error.error_type}: {error.message}") from None
        except (KeyError, ValueError, TypeError) as error:
            raise Failed(f"{type(error).__name__}: a fake cannot read this secret") from None

    def release(self, arn: str) -> None:
        self._functions[arn].release()

    def lets_in(self, arn: str) -> bool:
        """Whether its resource policy names Secrets Manager: all that the bed evaluates of it."""
        return "secretsmanager.amazonaws.com" in json.dumps(self.settings(arn).get("policy"))

    def settings(self, arn: str) -> dict[str, Any]:
        """What was said when the function was registered."""
        return self._kinds.get(arn, {})

    def shown(self) -> list[dict[str, Any]]:
        return list(self._kinds.values())

    def close(self) -> None:
        for arn in list(self._functions):
            self.remove(arn)


def _policy(arn: str) -> dict[str, Any]:
    """What AWS's documentation has you add to a rotation function."""
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn, "Sid": "secrets-manager"}
    who = {"Service": "secretsmanager.amazonaws.com"}
    only = {"StringEquals": {"AWS:SourceAccount": arn.split(":")[4]}}
    return {"Version": "2012-10-17", "Id": "default", "Statement": [{**allow, "Principal": who, "Condition": only}]}


def answered(registry: Registry, call: Call) -> Answer:
    """Lambda's GetFunctionConfiguration and GetPolicy, which moto would answer of functions of its own."""
    known = registry.settings(call.function)
    missing = refusal_of(call, "ResourceNotFoundException", f"Function not found: {call.function}", 404)
    if not known or (call.operation == "GetPolicy" and not known["policy"]):
        return missing
    modified = datetime.fromisoformat(known["modified"]).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    shown = {
        "GetFunctionConfiguration": {"FunctionArn": call.function, "LastModified": modified},
        "GetPolicy": {"Policy": json.dumps(known["policy"]), "RevisionId": "1"},
    }[call.operation]
    return Answer(200, [("Content-Type", "application/json")], json.dumps(shown).encode())
