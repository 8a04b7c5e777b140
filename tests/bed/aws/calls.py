"""What a request asks of AWS, and the book of all calls: counts and a log, never a value."""

import json
import re
import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

from tests.bed.aws import parameters
from tests.bed.aws.secret import names_of

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/[^/]+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")

LOG_LENGTH = 100_000


@dataclass(frozen=True)
class Call:
    """One request, named: the service and operation, who asks (an access key id), about which secrets (by name), or which function."""

    service: str
    operation: str
    caller: str
    region: str
    secrets: tuple[str, ...] = ()
    json: bool = True
    function: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}.{self.operation}"


_FUNCTION = re.compile(r"/functions/(?P<arn>[^/]+)/(?P<what>configuration|policy)$")
_BY_PATH = {"configuration": "GetFunctionConfiguration", "policy": "GetPolicy"}


def name_call(headers: Message, body: bytes, path: str = "/") -> Call | None:
    """Name a signed request; None when it carries no signature of version 4. Lambda's say in their path what they ask."""
    if not (scope := _SCOPE.search(headers.get("Authorization", ""))):
        return None
    target = headers.get("X-Amz-Target", "")
    if target:
        return Call(scope["service"], target.rpartition(".")[2], scope["key"], scope["region"], _secrets(scope["service"], body))
    if scope["service"] == "lambda":
        found = _FUNCTION.search(path)
        operation, function = (_BY_PATH[found["what"]], found["arn"]) if found else ("?", "")
        return Call("lambda", operation, scope["key"], scope["region"], function=function)
    operation = parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
    return Call(scope["service"], operation, scope["key"], scope["region"], json=False)


def _secrets(service: str, body: bytes) -> tuple[str, ...]:
    if service != "secretsmanager":
        return ()
    try:
        asked: Any = json.loads(body or b"{}")
        named = [asked.get("SecretId") or asked.get("Name"), *asked.get("SecretIdList", [])]
        return tuple(names_of(one)[0] for one in named if isinstance(one, str))
    except (ValueError, AttributeError, TypeError):
        return ()


@dataclass(frozen=True)
class Entry:
    """One call in the log. code: AWS's error code, `OK`, or `lost` for an answer that was cut off.

    asked: its parameters by name, as far as parameters.py shows them.
    """

    number: int
    time: float
    service: str
    operation: str
    caller: str
    secrets: tuple[str, ...]
    code: str
    seconds: float
    asked: dict[str, Any]


@dataclass
class Journal:
    """Counts per service, operation and code, and the last calls in order."""

    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    _log: deque[Entry] = field(default_factory=lambda: deque[Entry](maxlen=LOG_LENGTH))
    _written: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, call: Call, code: str, began: float, body: bytes = b"") -> None:
        """began: `time.time()` when the request came in."""
        asked = parameters.shown(body)
        with self._lock:
            self._written += 1
            self._counts[call.name, code, call.caller] += 1
            seconds = round(time.time() - began, 6)
            entry = Entry(self._written, began, call.service, call.operation, call.caller, call.secrets, code, seconds, asked)
            self._log.append(entry)

    def shown(self, since: int, caller: str | None) -> dict[str, Any]:
        """Counts since they were cleared, and the log's entries after number `since`; of one caller when named."""
        with self._lock:
            counts: dict[str, dict[str, int]] = {}
            for (name, code, who), times in sorted(self._counts.items()):
                if caller in (None, who):
                    counts.setdefault(name, {})[code] = counts.get(name, {}).get(code, 0) + times
            log = [asdict(one) for one in self._log if one.number > since and caller in (None, one.caller)]
            return {"counts": counts, "last": self._written, "log": log}

    def clear(self, caller: str | None) -> None:
        """Forget all counts, or one caller's."""
        with self._lock:
            self._counts = Counter({key: times for key, times in self._counts.items() if caller not in (None, key[2])})
