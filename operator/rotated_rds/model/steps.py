"""Rotation as a table: facts about labels and logins → the one next step."""

from dataclasses import dataclass
from enum import StrEnum

from rotated_rds.model.database import Verdict


class Step(StrEnum):
    """What brings a SingleUser rotation forward, in the order in which they come."""

    NOTHING = "nothing"
    CREATE = "create"  # a new version, AWSPENDING, with its value
    PUT = "put"  # our AWSPENDING version has no value yet
    TRY = "try"  # read it and log in with it: nothing is known of it yet
    SET = "set"  # change the password in the database
    FINISH = "finish"  # move AWSCURRENT
    TIDY = "tidy"  # AWSPENDING stands where it may not stay
    WAIT = "wait"
    FOREIGN = "foreign"  # somebody else's AWSPENDING
    GIVE_UP = "give-up"  # the new password was definitely rejected


class PendingIs(StrEnum):
    """Whose AWSPENDING, and what state it is in (SAFETY.md A2)."""

    ABSENT = "absent"
    ON_CURRENT = "on-current"
    OLD = "old"  # was ever AWSCURRENT, or is older than it
    OURS_EMPTY = "ours-empty"
    OURS = "ours"
    FOREIGN = "foreign"
    FOREIGN_ROTATING = "foreign-rotating"  # while AWS's own rotation is on


@dataclass(frozen=True)
class Facts:
    """What one look tells. pending_login: None where the pending password was not tried in this pass."""

    pending: PendingIs
    due: bool = False
    pending_login: Verdict | None = None
    current_login: Verdict | None = None
    rejected: bool = False


def next_step(facts: Facts) -> Step:
    """Name the one step that brings a SingleUser rotation forward.

    Looks only at AWS's labels and at logins tried in this pass, so a killed rotation resumes by itself.
    Rule: Secrets Manager's create, set, test, finish (AWS user guide, "Rotation by Lambda function"); SAFETY.md A2, B1, C3.
    """
    match facts.pending:
        case PendingIs.ABSENT:
            return Step.CREATE if facts.due else Step.NOTHING
        case PendingIs.ON_CURRENT:
            return Step.TIDY
        case PendingIs.OLD:
            return Step.TIDY if facts.current_login is Verdict.OK else Step.WAIT
        case PendingIs.OURS_EMPTY:
            return Step.PUT
        case PendingIs.FOREIGN_ROTATING:
            return Step.WAIT
        case PendingIs.FOREIGN:
            return Step.FOREIGN
        case PendingIs.OURS:
            return _ours(facts)


def _ours(facts: Facts) -> Step:
    if facts.pending_login is None:
        return Step.TRY
    if facts.pending_login.proves:
        return Step.FINISH
    if facts.pending_login is not Verdict.REFUSED:
        return Step.WAIT  # unreachable says nothing about the password
    return Step.GIVE_UP if facts.rejected else Step.SET
