"""The functions that rotate: a registry from ARN to what runs when Secrets Manager invokes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.core.exceptions import JsonRESTError

from tests.bed.aws.region import Region

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
        """Put a function behind an ARN, in the place of any before it."""
        old = self._functions.get(arn)
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

    def settings(self, arn: str) -> dict[str, Any]:
        """What was said when the function was registered."""
        return self._kinds.get(arn, {})

    def shown(self) -> list[dict[str, Any]]:
        return list(self._kinds.values())

    def close(self) -> None:
        for arn in list(self._functions):
            self.remove(arn)
