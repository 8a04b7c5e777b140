"""AWS's cron against AWS's wording, taken word for word by a slow evaluator that shares nothing with the product."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from rotated_rds.model.cron import parse_cron
from rotated_rds.model.errors import Reason, Refused

DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]

EXPRESSIONS = [
    # the guide's own examples
    "0 10 * * ? *",
    "0 18 ? * SAT *",
    "0 8 1 * ? *",
    "0 1 ? 1/3 SUN *",
    "0 1 * 1/3 SUN *",
    "0 17 L * ? *",
    "0 8 ? * MON-FRI *",
    "0 16 1,15 * ? *",
    "0 0 ? * SUN#1 *",
    "0 /8 * * ? *",
    "0 8/8 * * ? *",
    "0 2/10 * * ? *",
    # the rest of the grammar
    "0 3 SUNL * ? *",
    "0 3 ? * 6L *",
    "0 3 ? * L *",
    "0 3 ? * TUE#3 *",
    "0 3 ? * 2/2 *",
    "0 3 ? * FRI-MON *",
    "0 3 1/10 * ? *",
    "0 3 */8 * ? *",
    "0 3 10-20/5 JUN-AUG ? *",
    "0 3 31 * ? *",
    "0 3 29 2 ? *",
    "0 3 1,L JAN,APR,JUL,OCT ? *",
]
STARTS = [
    datetime(2026, 11, 24, 9, 30, 0, 1, tzinfo=UTC),
    datetime(2027, 2, 27, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 12, 31, 3, tzinfo=UTC),
]


def number(text: str, names: list[str], first: int) -> int:
    return names.index(text) + first if text in names else int(text)


def says(field: str, value: int, low: int, high: int, names: list[str]) -> bool:
    """Whether a plain field (no L, no #) names a value."""
    for term in field.split(","):
        base, _, step = term.partition("/")
        if base in ("*", ""):
            start, end = low, high
        elif "-" in base:
            start, end = (number(word, names, low) for word in base.split("-"))
        else:
            start = number(base, names, low)
            end = high if step else start
        walk = [start]
        while walk[-1] != end:
            walk.append(walk[-1] + 1 if walk[-1] < high else low)
        if value in walk[:: int(step or 1)]:
            return True
    return False


def weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1  # 1 = SUN


def month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def day_matches(of_month: str, of_week: str, day: date) -> bool:
    last_seven = day.day > month_length(day) - 7
    if of_week not in ("?", "*"):
        if of_week == "L":
            return weekday(day) == 7
        if of_week.endswith("L"):
            return weekday(day) == number(of_week[:-1], DAYS, 1) and last_seven
        if "#" in of_week:
            name, nth = of_week.split("#")
            return weekday(day) == number(name, DAYS, 1) and (day.day - 1) // 7 + 1 == int(nth)
        return says(of_week, weekday(day), 1, 7, DAYS)
    if len(of_month) > 1 and of_month.endswith("L") and of_month[:-1] in DAYS:
        return weekday(day) == DAYS.index(of_month[:-1]) + 1 and last_seven
    return any(day.day == month_length(day) if term == "L" else says(term, day.day, 1, 31, []) for term in of_month.split(","))


def brute_force(fields: str, start: datetime) -> Iterator[datetime]:
    _, hours, of_month, months, of_week, _ = fields.split()
    day = start.date()
    while True:
        if says(months, day.month, 1, 12, MONTHS) and day_matches(of_month, of_week, day):
            for hour in range(24):
                moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                if moment > start and says(hours, hour, 0, 23, []):
                    yield moment
        day += timedelta(days=1)


def simulated(fields: str, start: datetime) -> Iterator[datetime]:
    cron = parse_cron(fields)
    while True:
        start = cron.after(start)
        yield start


@pytest.mark.parametrize("start", STARTS, ids=[f"from {start:%Y-%m-%d}" for start in STARTS])
@pytest.mark.parametrize("fields", EXPRESSIONS)
def test_the_next_five_matches_are_those_that_aws_words_describe(fields: str, start: datetime) -> None:
    assert list(islice(simulated(fields, start), 5)) == list(islice(brute_force(fields, start), 5))


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        pytest.param("0 1 * 1/3 SUN *", "cron(0 1 ? 1/3 SUN *)", id="a star beside a weekday reads as a question mark"),
        pytest.param("0 1 15 * * *", "cron(0 1 15 * ? *)", id="a star beside a day of the month reads as a question mark"),
        pytest.param("0 1 * * * *", "cron(0 1 * * ? *)", id="two stars mean every day"),
        pytest.param("0 1 ? jan mon *", "cron(0 1 ? JAN MON *)", id="names are sent in capitals"),
    ],
)
def test_the_expression_is_sent_as_aws_spells_it(fields: str, expression: str) -> None:
    assert parse_cron(fields).expression == expression


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param("0 1 1 * MON *", "both have a value", id="two day fields"),
        pytest.param("0 1 ? * ? *", "needs a value", id="no day field"),
        pytest.param("5 1 * * ? *", "on the hour", id="a minute"),
        pytest.param("0 1 * * ? 2027", "every year", id="a year"),
        pytest.param("0 1 * * ?", "six fields", id="five fields"),
        pytest.param("0 1 ? * 3#1,6#3 *", "stands alone", id="a list of nth days"),
        pytest.param("0 1 3W * ? *", "'3W' is no day of the month", id="the nearest weekday is EventBridge's"),
        pytest.param("0 1 L-3 * ? *", "'L' is no day of the month", id="days before the last are EventBridge's"),
        pytest.param("0 1 5L * ? *", "'5L' is no day of the month", id="a numbered last weekday belongs in the other field"),
        pytest.param("0 1 31 2 ? *", "never comes", id="31 February"),
        pytest.param("0 1 30 FEB ? *", "never comes", id="30 February"),
        pytest.param("0 24 * * ? *", "'24' is no hour", id="hour 24"),
        pytest.param("0 1/0 * * ? *", "'1/0' is no hour", id="a step of nothing"),
        pytest.param("0 L * * ? *", "'L' is no hour", id="a last hour"),
        pytest.param("0 1 0 * ? *", "'0' is no day of the month", id="day 0"),
        pytest.param("0 1 20-10 * ? *", "'20-10' is no day of the month", id="days that run backwards"),
        pytest.param("0 1 1,,2 * ? *", "'' is no day of the month", id="an empty term"),
        pytest.param("0 1 ? 13 MON *", "'13' is no month", id="month 13"),
        pytest.param("0 1 ? * 0 *", "'0' is no day of the week", id="weekday 0 is Unix's"),
        pytest.param("0 1 ? * MON#6 *", "stands alone", id="a sixth Monday"),
        pytest.param("0 1 ? * MON/ *", "'MON/' is no day of the week", id="a step left out"),
    ],
)
def test_what_secrets_manager_does_not_know_is_refused_with_the_mend(fields: str, says: str) -> None:
    with pytest.raises(Refused, match=r"^spec\.rotation\.schedule: ") as refused:
        parse_cron(fields)
    assert refused.value.reason is Reason.INVALID_SPEC
    assert says in refused.value.message
