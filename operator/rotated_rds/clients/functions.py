"""Lambda, as far as a rotation function is looked at before it is asked; remembered, as many secrets may share one function."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotated_rds.clients.aws import Absent, Aws, AwsIdentity
from rotated_rds.model.errors import Problem, Reason, Refused
from rotated_rds.model.function import FunctionSeen

KEEP = timedelta(hours=6)


def look(aws: Aws, arn: str) -> FunctionSeen:
    """Read a function's configuration and its resource policy, as far as our rights allow. Raises Refused, Unavailable."""
    denied: list[str] = []
    shown = _asked(denied, "lambda:GetFunctionConfiguration", lambda: aws.read("lambda", "get_function_configuration", FunctionName=arn))
    if shown == {}:
        return FunctionSeen(there=False)
    policy = _asked(denied, "lambda:GetPolicy", lambda: aws.read("lambda", "get_policy", FunctionName=arn))
    changed = datetime.fromisoformat(str(shown["LastModified"])) if shown else None
    return FunctionSeen(
        there=None if shown is None else True,
        policy=None if policy is None else str(policy.get("Policy", "")),
        changed=changed,
        denied=tuple(denied),
    )


def _asked(denied: list[str], action: str, call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """An answer; empty where there is no such thing, None where AWS denies it, which is noted."""
    try:
        return call()
    except Absent:
        return {}
    except Refused as no:
        if no.reason is not Reason.ACCESS_DENIED:
            raise
        denied.append(action)
        return None


@dataclass
class Functions:
    """What was seen of functions, by whose rights and ARN: one look serves every secret, for six hours."""

    _seen: dict[tuple[AwsIdentity, str], tuple[datetime, FunctionSeen]] = field(
        default_factory=dict[tuple[AwsIdentity, str], tuple[datetime, FunctionSeen]]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self, identity: AwsIdentity, aws: Aws, arn: str, now: datetime, *, again: bool = False) -> FunctionSeen:
        """The last look, or a new one. again: whatever was seen. A look that fails tells nothing, and is tried again."""
        with self._lock:
            at, known = self._seen.get((identity, arn), (None, FunctionSeen()))
        if at is not None and now - at < KEEP and not again:
            return known
        try:
            found = look(aws, arn)
        except Problem:
            return FunctionSeen()
        with self._lock:
            self._seen[identity, arn] = (now, found)
        return found
