"""The outside calls that are walked, one kind a trap: Secrets Manager's, flights to the database, writes to the API server."""

import contextlib
from enum import StrEnum
from typing import Protocol

from tests.support.aws import Control
from tests.support.tcp import Fault, Relay
from tests.support.walk.gate import Gate, Order


class How(StrEnum):
    """What befalls the n-th call."""

    BEFORE = "killed-before"  # kill -9 while the call is on its way; it never arrives
    AFTER = "killed-after"  # kill -9 when the call has been carried out, before its answer arrives
    LATE = "killed-and-late"  # kill -9 while the call is on its way; it arrives when the next process is at work
    LOST = "answer-lost"  # carried out, the connection is cut; the process lives

    @property
    def kills(self) -> bool:
        return self is not How.LOST


class Trap(Protocol):
    """Waits for the n-th call of its kind."""

    kind: str
    late_at_rest: bool
    """Whether a late call can wait until the next process is done; a statement cannot, as its session holds the user's lock."""

    def lay(self, how: How, at: int, secret: str) -> None:
        """1 is the next call. secret: the resource's own, by name."""

    def sprung(self) -> bool:
        """Whether the call came, and is held, carried out or lost as ordered."""
        ...

    def let_arrive(self) -> None:
        """What is held is carried out now."""

    def clear(self) -> None:
        """What is held never arrives; the trap is gone."""

    def calls(self) -> int:
        """How many calls came so far."""
        ...


_AWS = {How.BEFORE: "hold-before", How.LATE: "hold-before", How.AFTER: "hold-after", How.LOST: "lost"}
_SQL = {How.BEFORE: Fault.HOLD, How.LATE: Fault.HOLD, How.AFTER: Fault.SWALLOW, How.LOST: Fault.DROP_AFTER}
_API = {How.BEFORE: Order.HOLD_BEFORE, How.LATE: Order.HOLD_BEFORE, How.AFTER: Order.HOLD_AFTER, How.LOST: Order.LOSE}


class AwsTrap:
    """Every call about the resource's own secret, reads too; not the sweep's ListSecrets, which comes when it likes."""

    kind = "aws"
    late_at_rest = True

    def __init__(self, control: Control) -> None:
        self._control = control
        self._fault: int | None = None
        self._how = How.LOST

    def lay(self, how: How, at: int, secret: str) -> None:
        self._how, self._fault = how, self._control.fault(_AWS[how], after=at - 1, secret=secret)

    def sprung(self) -> bool:
        assert self._fault is not None
        wait = self._control.wait_held if self._how.kills else self._control.wait_struck
        return wait(self._fault, 0) is not None

    def let_arrive(self) -> None:
        assert self._fault is not None
        self._control.release(self._fault)

    def clear(self) -> None:
        if self._fault is not None:
            self._control.release(self._fault, drop=True)

    def calls(self) -> int:
        return len(self._control.calls())


class SqlTrap:
    """Every flight to the database: those of a login's handshake, each statement, and the farewell."""

    kind = "sql"
    late_at_rest = False

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._how = How.LOST

    def lay(self, how: How, at: int, secret: str) -> None:  # noqa: ARG002  the relay carries this resource's logins alone
        self._how = how
        self._relay.strike(_SQL[how], at)

    def sprung(self) -> bool:
        if self._relay.struck and self._how is How.AFTER:
            with contextlib.suppress(TimeoutError):  # a farewell has no answer
                self._relay.wait_until_answered(0.5)
        return self._relay.struck

    def let_arrive(self) -> None:
        self._relay.pass_all()

    def clear(self) -> None:
        if self._how is How.BEFORE:
            self._relay.cut()
        self._relay.pass_all()

    def calls(self) -> int:
        return self._relay.flights


class ApiTrap:
    """Every write to the API server: finalizers, status, Secret, workloads, Events."""

    kind = "api"
    late_at_rest = True

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def lay(self, how: How, at: int, secret: str) -> None:  # noqa: ARG002  likewise
        self._gate.strike(_API[how], at)

    def sprung(self) -> bool:
        return self._gate.sprung

    def let_arrive(self) -> None:
        self._gate.release()

    def clear(self) -> None:
        self._gate.clear()

    def calls(self) -> int:
        return self._gate.writes
