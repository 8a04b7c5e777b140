"""Correction 5: calls that fail, wait, get lost or see the past, as a test ordered them over HTTP."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tests.bed.aws.calls import Call
from tests.bed.aws.secret import names_of

Kind = Literal["error", "lost", "delay", "hold-before", "hold-after", "stale"]

STATUS = {"InternalServiceError": 500, "InternalFailure": 500, "ServiceUnavailable": 503, "AccessDenied": 403}


@dataclass
class Fault:
    """One order. It counts the calls that match it, lets `after` of them pass, then strikes `count` times (None: for ever).

    error: answer `code`, nothing is carried out. lost: carried out, then the connection is cut. delay: wait `seconds` first.
    hold-before, hold-after: wait, before or after it is carried out, until released. stale: the read sees the world of
    `seconds` ago, or of `moment` (as GET /bed/clock tells it).
    """

    kind: Kind
    service: str | None = None
    operation: str | None = None
    secret: str | None = None
    caller: str | None = None
    count: int | None = 1
    after: int = 0
    code: str = "ThrottlingException"
    message: str = "Rate exceeded"
    status: int | None = None
    seconds: float = 0.0
    moment: float | None = None
    number: int = 0
    seen: int = 0
    struck: int = 0
    held: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: one of {get_args(Kind)}")

    def meets(self, call: Call) -> bool:
        return (
            self.service in (None, call.service)
            and self.operation in (None, call.operation)
            and self.caller in (None, call.caller)
            and (self.secret is None or not set(names_of(self.secret)).isdisjoint(call.secrets))
        )

    @property
    def spent(self) -> bool:
        return self.count is not None and self.struck >= self.count

    def strikes(self) -> bool:
        """Count one matching call; does it strike?"""
        self.seen += 1
        if self.seen <= self.after or self.spent:
            return False
        self.struck += 1
        return True

    def seen_moment(self) -> float:
        """Which moment of the monotonic clock a stale read sees."""
        return self.moment if self.moment is not None else time.monotonic() - self.seconds

    def http_status(self) -> int:
        return self.status or STATUS.get(self.code, 400)


@dataclass
class Board:
    """All orders, and the calls that are being held."""

    _faults: dict[int, Fault] = field(default_factory=dict[int, Fault])
    _released: dict[int, bool] = field(default_factory=dict[int, bool])
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, wanted: dict[str, Any]) -> int:
        """Order a fault; the answer is its number. Raises TypeError or ValueError on what it cannot understand."""
        fault = Fault(**wanted)
        with self._changed:
            fault.number = next(self._numbers)
            self._faults[fault.number] = fault
            return fault.number

    def striking(self, call: Call) -> list[Fault]:
        """The faults that strike this call, oldest order first."""
        with self._changed:
            struck = [fault for fault in self._faults.values() if fault.meets(call) and fault.strikes()]
            self._changed.notify_all()
            return struck

    def hold(self, fault: Fault) -> bool:
        """Wait until the fault is released; False when it was released with the order to drop the call."""
        with self._changed:
            fault.held += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: fault.number in self._released)
            fault.held -= 1
            self._changed.notify_all()
            return self._released[fault.number]

    def release(self, number: int, *, drop: bool = False) -> None:
        """Let the held calls go on, or be dropped as if the connection had broken; the fault is over."""
        with self._changed:
            self._faults.pop(number, None)
            self._released[number] = not drop
            self._changed.notify_all()

    def clear(self, caller: str | None) -> None:
        """End all faults, or those that are meant for one caller; what they hold is dropped."""
        for number, fault in list(self._faults.items()):
            if caller in (None, fault.caller):
                self.release(number, drop=True)

    def shown(self) -> list[Fault]:
        with self._changed:
            return list(self._faults.values())

    def wait(self, number: int, state: Literal["held", "struck"], seconds: float) -> Fault | None:
        """Wait until a fault holds a call, or has struck; None when it does not come true in time."""
        with self._changed:
            fault = self._faults.get(number)
            if fault is None or not self._changed.wait_for(lambda: getattr(fault, state) > 0, seconds):
                return None
            return fault
