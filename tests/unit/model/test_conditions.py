"""Ready, Reconciling and Stalled from what the stages said; and what a stage that did not run keeps saying."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.conditions import STALLED, conditions, denied_until, kept, outcome_of
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.status import MESSAGE_LIMIT, STAGES, Condition, Kind, Outcome, Status

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WELL = Outcome(True, Reason.SUCCEEDED, "well")


def folded(before: Status | None = None, *, now: datetime = NOW, suspended: str | None = None, **outcomes: Outcome) -> Status:
    """All stages well, but those named (`SecretReady=…`)."""
    given = {kind: outcomes.get(kind, WELL) for kind in STAGES}
    return Status(conditions=conditions(before or Status(), given, 7, now, suspended=suspended))


def get(status: Status, kind: Kind) -> Condition:
    found = status.condition(kind)
    assert found is not None
    return found


def refused(reason: Reason) -> Outcome:
    return Outcome(False, reason, f"because of {reason}")


def test_ready_is_true_when_all_stages_hold_and_nothing_else_is_said() -> None:
    status = folded()
    assert get(status, Kind.READY).true
    assert [one.type for one in status.conditions] == [*STAGES, Kind.READY]
    assert {one.observed_generation for one in status.conditions} == {7}


def test_ready_says_the_first_stage_that_fails() -> None:
    status = folded(SecretReady=refused(Reason.NOT_ADOPTED), Mirrored=refused(Reason.TARGET_CONFLICT))
    ready = get(status, Kind.READY)
    assert (ready.status, ready.reason, ready.message) == ("False", "NotAdopted", "SecretReady: because of NotAdopted")


def test_what_is_not_known_yet_makes_ready_unknown() -> None:
    status = folded(CredentialVerified=Outcome(None, Reason.PENDING, "waits"), WorkloadsCurrent=refused(Reason.HALTED))
    assert (get(status, Kind.READY).status, get(status, Kind.READY).reason) == ("Unknown", "Pending")


def test_a_credential_published_untried_does_not_count_against_ready() -> None:
    status = folded(CredentialVerified=Outcome(None, Reason.UNREACHABLE, "published untried"))
    assert get(status, Kind.READY).true
    assert status.condition(Kind.RECONCILING) is None
    assert status.condition(Kind.STALLED) is None


outcomes = st.builds(Outcome, st.sampled_from([True, False, None]), st.sampled_from(Reason), st.text(max_size=5))


@given(st.fixed_dictionaries({str(kind): outcomes for kind in STAGES}))
def test_stalled_and_reconciling_never_stand_together_and_one_stands_unless_ready(said: dict[str, Outcome]) -> None:
    status = Status(conditions=conditions(Status(), {Kind(kind): one for kind, one in said.items()}, 7, NOW, suspended=None))
    own = [kind for kind in (Kind.STALLED, Kind.RECONCILING) if status.condition(kind)]
    assert len(own) == (0 if get(status, Kind.READY).true else 1)


def test_one_stage_that_needs_a_person_is_stalled_although_an_earlier_one_merely_waits() -> None:
    status = folded(CredentialVerified=refused(Reason.UNREACHABLE), WorkloadsCurrent=refused(Reason.HALTED))
    assert get(status, Kind.STALLED).reason == "Halted"
    assert get(status, Kind.READY).reason == "Unreachable"


@pytest.mark.parametrize("reason", [Reason.ACCESS_DENIED, Reason.FORBIDDEN])
def test_a_denial_needs_a_person_after_ten_minutes_and_that_moment_is_known(reason: Reason) -> None:
    began = folded(SecretReady=refused(reason))
    assert get(began, Kind.RECONCILING).reason == reason
    moment = NOW + timedelta(minutes=10)
    assert denied_until(began, NOW) == moment
    early = folded(began, now=moment - timedelta(seconds=1), SecretReady=refused(reason))
    assert early.condition(Kind.STALLED) is None
    late = folded(early, now=moment, SecretReady=refused(reason))
    assert get(late, Kind.STALLED).reason == reason
    assert denied_until(late, moment) is None


def test_nothing_denied_has_no_moment() -> None:
    assert denied_until(folded(SecretReady=refused(Reason.NOT_ADOPTED)), NOW) is None


def test_a_transition_s_time_moves_with_the_status_and_not_with_the_message() -> None:
    before = folded(SecretReady=refused(Reason.NOT_ADOPTED))
    later = NOW + timedelta(hours=1)
    same = folded(before, now=later, SecretReady=refused(Reason.OWNED_BY_ANOTHER))
    assert get(same, Kind.SECRET_READY).last_transition_time == NOW
    assert get(folded(before, now=later), Kind.SECRET_READY).last_transition_time == later


def test_a_message_is_cut_at_one_kibibyte() -> None:
    status = folded(SecretReady=Outcome(False, Reason.NOT_ADOPTED, "x" * 5000))
    assert max(len(one.message) for one in status.conditions) == MESSAGE_LIMIT == 1024


def test_suspended_stands_only_while_suspended() -> None:
    status = folded(suspended="spec.suspend is true")
    assert get(status, Kind.SUSPENDED).true
    assert get(status, Kind.READY).true
    assert folded(status).condition(Kind.SUSPENDED) is None


# what a stage that did not run keeps saying


HELD = Condition(type=Kind.MIRRORED, status="True", reason="Succeeded", message="held", last_transition_time=NOW, observed_generation=7)


def test_a_stage_that_did_not_run_keeps_its_word_of_the_spec_that_it_spoke_of() -> None:
    before = Status(conditions=(HELD.model_copy(update={"observed_generation": 3}),))
    status = folded(before, Mirrored=kept(before.condition(Kind.MIRRORED)))
    assert get(status, Kind.MIRRORED).observed_generation == 3
    assert get(status, Kind.READY).observed_generation == 7


def test_a_stage_that_never_ran_waits() -> None:
    assert kept(None) == Outcome(None, Reason.PENDING, "waits for the stages before it")


def test_a_reason_of_another_version_is_kept_as_pending() -> None:
    assert kept(HELD.model_copy(update={"reason": "FromTheFuture"})).reason is Reason.PENDING


def test_who_merely_did_not_answer_turns_nothing_red() -> None:
    away = Unavailable(Reason.UNAVAILABLE, "AWS did not answer")
    assert outcome_of(away, HELD, 7) == kept(HELD)
    assert outcome_of(away, None, 7) == Outcome(None, Reason.PENDING, "AWS did not answer")


def test_who_did_not_answer_says_nothing_of_a_new_spec() -> None:
    assert outcome_of(Unavailable(Reason.UNAVAILABLE, "AWS did not answer"), HELD, 8).holds is None


def test_a_refusal_and_a_named_absence_are_said() -> None:
    assert outcome_of(Refused(Reason.NOT_ADOPTED, "no"), HELD, 7) == Outcome(False, Reason.NOT_ADOPTED, "no")
    assert outcome_of(Unavailable(Reason.UNREACHABLE, "no"), HELD, 7) == Outcome(False, Reason.UNREACHABLE, "no")


def test_a_denial_is_no_reason_to_stall_at_once() -> None:
    assert not {Reason.ACCESS_DENIED, Reason.FORBIDDEN} & STALLED
