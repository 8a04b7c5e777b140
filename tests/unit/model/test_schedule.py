"""SAFETY.md F1: when a rotation may run, what is missed, and what AWS is told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.schedule import Schedule, Window, aws_rules, describe, parse, same_rules

HOUR = timedelta(hours=1)
SCHEDULES = [
    ("rate(4 hours)", None),
    ("rate(5 hours)", "3h"),
    ("rate(1 day)", None),
    ("rate(10 days)", "2h"),
    ("rate(999 days)", "1h"),
    ("cron(0 8 ? * MON-FRI *)", None),
    ("cron(0 2/10 * * ? *)", "2h"),
    ("cron(0 23 L * ? *)", None),
]
moments = st.datetimes(datetime(2001, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the strategy adds the zone
schedules = st.sampled_from(SCHEDULES).map(lambda given: parse(*given))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def november(text: str) -> datetime:
    """A day and time of November 2026, whose 1st is a Sunday: `23T08` is Monday the 23rd at 08:00."""
    return at(f"2026-11-{text}")


def test_F1_a_rate_counts_from_the_window_start_so_it_does_not_creep() -> None:
    schedule = parse("rate(10 days)", None)
    late_in_the_day = at("2026-11-24T23:50")
    assert schedule.after(late_in_the_day).start == at("2026-12-04T00:00")
    assert parse("rate(4 hours)", None).after(at("2026-11-24T09:59")).start == at("2026-11-24T13:00")


@pytest.mark.parametrize(
    ("schedule", "last", "now", "expected"),
    [
        pytest.param(("rate(2 days)", "3h"), "20T00", "22T02:59", ("22T00", "22T03"), id="inside its window it is due"),
        pytest.param(
            ("rate(2 days)", "3h"),
            "20T00",
            "22T03",
            ("23T00", "23T03"),
            id="a missed day rate runs in the same window of the following day",
        ),
        pytest.param(("rate(2 days)", "3h"), "02T00", "22T04", ("23T00", "23T03"), id="weeks of missed windows are one rotation"),
        pytest.param(("rate(6 hours)", None), "20T05", "20T12", ("20T12", "20T13"), id="a missed hour rate runs in the next hour"),
        pytest.param(
            ("rate(6 hours)", "3h"), "20T05", "20T16:30", ("20T14", "20T17"), id="a longer window does not move along with the clock"
        ),
        pytest.param(("cron(0 8 ? * MON *)", "2h"), "16T08", "23T10", ("30T08", "30T10"), id="a missed cron waits for its next match"),
        pytest.param(
            ("cron(0 8 ? * MON *)", "2h"), "16T08", "23T09:59", ("23T08", "23T10"), id="a cron is due to the last minute of its window"
        ),
        pytest.param(("cron(0 8 ? * MON *)", "2h"), "23T08:40", "23T09", ("30T08", "30T10"), id="a success inside the window uses it up"),
    ],
)
def test_F1_where_the_next_rotation_belongs(schedule: tuple[str, str | None], last: str, now: str, expected: tuple[str, str]) -> None:
    window = parse(*schedule).next_window(november(last), at("2020-01-01T00:00"), november(now))
    assert window == Window(november(expected[0]), november(expected[1]))


def test_what_never_rotated_counts_from_when_it_came_under_the_schedule() -> None:
    created = at("2026-11-24T09:10")
    assert parse("rate(2 days)", None).next_window(None, created, created).start == at("2026-11-26T00:00")
    assert parse("cron(0 9 * * ? *)", None).next_window(None, created, created).start == at("2026-11-25T09:00")


def test_overdue_begins_when_the_first_window_has_gone_by() -> None:
    schedule, last = parse("rate(2 days)", "3h"), at("2026-11-20T00:00")
    assert not schedule.overdue(last, last, at("2026-11-22T02:59"))
    assert schedule.overdue(last, last, at("2026-11-22T03:00"))


def test_a_resource_is_due_from_its_own_moment_to_the_end_of_the_window() -> None:
    schedule, last, key = parse("rate(2 days)", "3h"), at("2026-11-20T00:00"), "shop/orders"
    window = schedule.after(last)
    own = window.moment_for(key)
    assert schedule.due_window(last, last, own - timedelta(seconds=1), key) is None
    assert schedule.due_window(last, last, own, key) == window
    assert schedule.due_window(last, last, window.end - timedelta(seconds=1), key) == window
    assert schedule.due_window(last, last, window.end, key) is None


def test_a_success_is_followed_by_no_second_rotation_in_its_window() -> None:
    schedule, last, key = parse("rate(2 days)", "3h"), at("2026-11-20T00:00"), "shop/orders"
    window = schedule.after(last)
    minutes = (window.start + timedelta(minutes=minute) for minute in range(180))
    assert not [now for now in minutes if schedule.due_window(window.start, last, now, key)]


@given(schedules, moments, moments)
def test_the_next_window_has_not_closed_and_follows_the_last_success(schedule: Schedule, last: datetime, now: datetime) -> None:
    window = schedule.next_window(last, last, now)
    assert window.end > now
    assert window.start > last - HOUR
    assert window.start >= schedule.after(last).start
    assert window.end - window.start == schedule.length


@given(schedules, moments, moments, moments)
def test_the_next_window_never_goes_back_as_time_passes(schedule: Schedule, last: datetime, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert schedule.next_window(last, last, earlier).start <= schedule.next_window(last, last, later).start


@given(schedules, moments)
def test_windows_follow_each_other_without_overlap(schedule: Schedule, moment: datetime) -> None:
    first = schedule.after(moment)
    assert first.end <= schedule.after(first.start).start


@given(schedules, moments)
def test_a_window_opens_on_the_hour_and_holds_the_moment_or_comes_after_it(schedule: Schedule, moment: datetime) -> None:
    window = schedule.window_at_or_after(moment)
    assert moment in window or moment < window.start
    assert (window.start.minute, window.start.second, window.start.microsecond) == (0, 0, 0)


@given(schedules.filter(lambda schedule: not schedule.expression.endswith("hours)")), moments)
def test_no_window_of_days_runs_into_the_next_utc_day(schedule: Schedule, moment: datetime) -> None:
    window = schedule.after(moment)
    assert (window.end - timedelta(microseconds=1)).date() == window.start.date()


@given(schedules, moments, st.text())
def test_a_resources_moment_is_stable_and_leaves_half_the_window(schedule: Schedule, moment: datetime, key: str) -> None:
    window = schedule.after(moment)
    own = window.moment_for(key)
    assert own == window.moment_for(key)
    assert window.start <= own <= window.start + schedule.length / 2


def test_resources_are_spread_over_the_window() -> None:
    window = Window(at("2026-11-24T00:00"), at("2026-11-24T01:00"))
    minutes = {window.moment_for(f"shop/db-{number}").minute for number in range(1000)}
    assert minutes == set(range(30))


@pytest.mark.parametrize(
    ("expression", "window", "rules"),
    [
        pytest.param("rate(10 days)", None, ("rate(10 days)", "24h"), id="a day rate has the whole day"),
        pytest.param("rate(1 days)", "3h", ("rate(1 day)", "3h"), id="one day is singular"),
        pytest.param("rate( 12  hour )", None, ("rate(12 hours)", "1h"), id="an hour rate has one hour"),
        pytest.param("cron(0 8 ? * mon-fri *)", None, ("cron(0 8 ? * MON-FRI *)", "16h"), id="a cron has the rest of the day"),
        pytest.param("cron(0 /8 * * * *)", None, ("cron(0 /8 * * ? *)", "1h"), id="a cron of hours has one hour"),
        pytest.param("cron(0 0 L * ? *)", "24h", ("cron(0 0 L * ? *)", "24h"), id="a window may be the whole day"),
    ],
)
def test_aws_is_told_expression_and_duration(expression: str, window: str | None, rules: tuple[str, str]) -> None:
    assert aws_rules(parse(expression, window)) == dict(zip(("ScheduleExpression", "Duration"), rules, strict=True))


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        pytest.param({"ScheduleExpression": "rate(10 days)", "Duration": "24h"}, True, id="the same words"),
        pytest.param({"ScheduleExpression": "rate(10 days)"}, True, id="no duration means AWS's default, which is ours"),
        pytest.param({"ScheduleExpression": "rate(10 days)", "AutomaticallyAfterDays": 10}, True, id="the sum that AWS adds is no rule"),
        pytest.param({"ScheduleExpression": "rate(10 days)", "Duration": "3h"}, False, id="another window"),
        pytest.param({"ScheduleExpression": "rate(9 days)"}, False, id="another rate"),
        pytest.param({"AutomaticallyAfterDays": 10}, False, id="days alone are counted otherwise"),
        pytest.param({"ScheduleExpression": "banana"}, False, id="what we cannot read differs"),
        pytest.param({}, False, id="no rules"),
        pytest.param(None, False, id="never had rules"),
    ],
)
def test_stored_rules_are_compared_by_meaning(stored: dict[str, object] | None, same: bool) -> None:
    assert same_rules(stored, parse("rate(10 days)", None)) is same


@pytest.mark.parametrize(
    ("expression", "window", "says"),
    [
        pytest.param("rate(3 hours)", None, "spec.rotation.schedule: rate(3 hours): from 4 hours", id="under four hours"),
        pytest.param("rate(1000 days)", None, "spec.rotation.schedule: rate(1000 days): at most 999 days", id="over 999 days"),
        pytest.param("rate(23977 hours)", None, "to 999 days", id="over 999 days in hours"),
        pytest.param("rate(0 days)", None, "is no schedule", id="no days"),
        pytest.param("rate(1.5 days)", None, "is no schedule", id="half days"),
        pytest.param("rate(10 minutes)", None, "is no schedule", id="minutes"),
        pytest.param("banana", None, "write rate(10 days)", id="a fruit"),
        pytest.param("rate(1 day)\nrate(1 day)", None, "is no schedule", id="two lines"),
        pytest.param(f"cron(0 {','.join(['1'] * 200)} * * ? *)", None, "256 characters", id="longer than AWS takes"),
        pytest.param("cron(0 * * * ? *)", None, "at least 4 hours", id="every hour"),
        pytest.param("cron(0 8,10 * * ? *)", None, "at least 4 hours", id="twice within four hours"),
        pytest.param("cron(0 1,22 * * ? *)", None, "at least 4 hours", id="twice within four hours over midnight"),
        pytest.param("rate(10 days)", "25h", "spec.rotation.window: '25h' is no window", id="25 hours"),
        pytest.param("rate(10 days)", "90m", "whole hours", id="minutes in a window"),
        pytest.param("rate(4 hours)", "5h", "spec.rotation.window: 5h runs into the next window: at most 4h", id="into the next window"),
        pytest.param("cron(0 2/10 * * ? *)", "3h", "into the next UTC day: at most 2h", id="the last window past the day"),
        pytest.param("cron(0 0,6,16 * * ? *)", "7h", "into the next window: at most 6h", id="a window into the next of the day"),
        pytest.param("cron(0 10 * * ? *)", "15h", "into the next UTC day: at most 14h", id="past the UTC day"),
    ],
)
def test_what_aws_would_refuse_is_refused_with_field_and_mend(expression: str, window: str | None, says: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(expression, window)
    assert refused.value.reason is Reason.INVALID_SPEC
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("expression", "window", "words"),
    [
        ("rate(1 day)", None, "Every day between 00:00 and 24:00 UTC"),
        ("rate(12 hours)", None, "Every 12 hours, on the hour, within 1 h"),
        ("cron(0 8 ? * TUE#3 *)", "2h", "At 08:00 on the third Tuesday of the month, within 2 h (UTC)"),
    ],
)
def test_a_schedule_is_told_in_plain_words(expression: str, window: str | None, words: str) -> None:
    assert describe(parse(expression, window)) == words
