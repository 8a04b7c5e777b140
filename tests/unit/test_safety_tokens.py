"""SAFETY.md A1: version ids that everybody derives alike."""

import uuid

from rotated_rds.model import rotation
from rotated_rds.model.rotation import Due, Kind
from rotated_rds.model.secret import CURRENT, PENDING, SecretState, token
from rotated_rds.model.status import Rotated, RotationStatus, Status

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:team/db-AbCdEf"
ASKED = Due(Kind.REQUEST, "please")
CLOCKED = Due(Kind.SCHEDULE, f"2026-01-01T00:00:00+00:00\n{'c' * 32}")


def state(pending: str | None = None) -> SecretState:
    held = {"c" * 32: frozenset({CURRENT})} | ({pending: frozenset({PENDING})} if pending else {})
    return SecretState(ARN, "team/db", held)


def failed(*versions: str, attempts: int | None = None) -> Status:
    """A status that calls these versions failed, the newest first."""
    moment = "2026-01-01T00:00:00Z"
    lines = [
        Rotated.model_validate({"versionId": one, "started": moment, "finished": moment, "result": "Failed", "seconds": 1})
        for one in versions
    ]
    return Status(history=tuple(lines), rotation=RotationStatus(attempts=attempts))


def test_A1_tokens_are_what_they_were_in_every_release() -> None:
    assert token(ARN, "2026-01", 0) == "7cb3c9ce-b52d-5e60-aa84-752cf9073be0"
    assert token(ARN, "2026-01", 1) == "490eaf58-055b-5252-9aa9-ed130fd61002"
    assert token("123456789012/eu-central-1/team/db", "create", 0) == "03bbd6a6-e240-52ca-be7f-04d3a594375d"


def test_A1_a_token_is_a_uuid_of_version_5_of_arn_cause_and_attempt_on_lines_of_their_own() -> None:
    namespace = uuid.UUID("9d0f2c5e-51b1-5c4e-8a76-2f6c1b3f7a10")
    assert token(ARN, "why", 3) == str(uuid.uuid5(namespace, f"{ARN}\nwhy\n3"))


def test_A1_every_part_of_a_cause_counts() -> None:
    tokens = {token(place, cause, attempt) for place in (ARN, ARN + "2") for cause in ("a", "b") for attempt in (0, 1)}
    assert len(tokens) == 8


def test_A1_a_first_attempt_is_number_0() -> None:
    assert rotation.attempt(ASKED, Status(), state()).number == 0
    assert rotation.attempt(CLOCKED, Status(), state()).number == 0


def test_A1_the_clocks_next_attempt_has_the_next_number() -> None:
    again = rotation.attempt(CLOCKED, failed(token(ARN, CLOCKED.cause, 0), attempts=1), state())
    assert (again.number, again.version) == (1, token(ARN, CLOCKED.cause, 1))


def test_A1_a_new_request_after_failures_of_the_clock_is_a_first_attempt() -> None:
    assert rotation.attempt(ASKED, failed(token(ARN, CLOCKED.cause, 0), attempts=4), state()).number == 0


def test_A1_a_request_whose_first_attempt_failed_never_meets_that_version_again() -> None:
    assert rotation.attempt(ASKED, failed(token(ARN, "please", 0)), state()).number == 1


def test_A1_the_attempt_whose_version_is_pending_goes_on_when_status_is_lost() -> None:
    assert rotation.attempt(CLOCKED, Status(), state(token(ARN, CLOCKED.cause, 2))).number == 2


def test_A1_a_pending_version_that_failed_is_not_gone_on_with() -> None:
    spent = token(ARN, "please", 0)
    assert rotation.attempt(ASKED, failed(spent), state(spent)).version != spent
