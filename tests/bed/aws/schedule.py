"""Correction 3: RotationRules, as AWS reads them, and the windows they open. Always UTC, windows open on the hour."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from cronsim import CronSim, CronSimError

from tests.bed.aws.errors import Refusal, invalid_parameter, validation
from tests.bed.aws.secret import Secret

_RATE = re.compile(r"rate\((?P<count>[1-9][0-9]*) (?P<unit>hours?|days?)\)")
_CRON = re.compile(r"cron\((?P<minute>\S+) (?P<hour>\S+) (?P<day>\S+) (?P<month>\S+) (?P<weekday>\S+) (?P<year>\S+)\)")
_DURATION = re.compile(r"[0-9]{1,2}h")

_FIELDS = {
    "hour": re.compile(r"[0-9*,/-]+"),
    "day": re.compile(r"(\?|[0-9*,/-]+|L|(SUN|MON|TUE|WED|THU|FRI|SAT)L)"),
    "month": re.compile(r"[0-9A-Z*,/-]+"),
    "weekday": re.compile(r"(\?|[0-9A-Z*,/#L-]+)"),
}

FEWEST_HOURS, MOST_DAYS = 4, 999
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Plan:
    """A schedule that AWS accepts. Either an interval (hours) or a cron expression; `length` is the window's, in hours."""

    hours: int | None = None
    cron: str | None = None
    days: bool = False
    length: int | None = None


@dataclass(frozen=True)
class Window:
    """When a rotation may begin: from `opens` to `closes`, in seconds since 1970."""

    opens: float
    closes: float


def refused(expression: str) -> Refusal:
    return invalid_parameter(f"The ScheduleExpression {expression} is not valid.")


def parse(rules: dict[str, Any]) -> Plan:
    """Read RotationRules. Raises what AWS answers to rules it does not take."""
    after, expression, duration = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression"), rules.get("Duration")
    if after is not None and expression is not None:
        raise invalid_parameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression in the same rotation rules.")
    length = _length(duration)
    if after is not None:
        plan = _interval(after, length)
    elif expression is not None:
        plan = _expression(expression, length)
    else:
        raise invalid_parameter("You must specify AutomaticallyAfterDays or ScheduleExpression in the rotation rules.")
    _check_length(plan)
    return plan


def _interval(days: int, length: int | None) -> Plan:
    if not 1 <= days <= 1000:
        raise validation("Value at 'rotationRules.automaticallyAfterDays' failed to satisfy constraint: between 1 and 1000")
    return Plan(hours=days * 24, days=True, length=length)


def _expression(expression: str, length: int | None) -> Plan:
    if not 1 <= len(expression) <= 256:
        raise validation("Value at 'rotationRules.scheduleExpression' failed to satisfy constraint: 1 to 256 characters")
    return _rate(expression, length) if expression.startswith("rate(") else _cron(expression, length)


def _length(duration: str | None) -> int | None:
    if duration is None:
        return None
    if not _DURATION.fullmatch(duration):
        raise validation("Value at 'rotationRules.duration' failed to satisfy constraint: Member must satisfy pattern [0-9h]+, 2 to 3 long")
    if int(duration[:-1]) < 1:
        raise invalid_parameter("The Duration must be at least one hour.")
    return int(duration[:-1])


def _rate(expression: str, length: int | None) -> Plan:
    if not (match := _RATE.fullmatch(expression)):
        raise refused(expression)
    days = match["unit"].startswith("day")
    hours = int(match["count"]) * (24 if days else 1)
    if not FEWEST_HOURS <= hours <= MOST_DAYS * 24:
        raise refused(expression)
    return Plan(hours=hours, days=days, length=length)


def _cron(expression: str, length: int | None) -> Plan:
    """minute 0, year *, and exactly one of day-of-month and day-of-week set."""
    if not (match := _CRON.fullmatch(expression)) or match["minute"] != "0" or match["year"] != "*":
        raise refused(expression)
    if (match["day"] == "?") == (match["weekday"] == "?") or not all(rule.fullmatch(match[name]) for name, rule in _FIELDS.items()):
        raise refused(expression)
    try:
        translated = _translated(match)
        CronSim(translated, datetime(2026, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError) as error:
        raise refused(expression) from error
    plan = Plan(cron=translated, days=_daily(match["hour"]), length=length)
    if _shortest_gap(plan) < FEWEST_HOURS:
        raise refused(expression)
    return plan


def _daily(hour: str) -> bool:
    """One window a day at most: the hour is one number."""
    return hour.isdigit()


def _translated(match: re.Match[str]) -> str:
    """AWS's six fields as cronsim's five: days of the week count from 1 = Sunday there, from 0 here."""
    day, weekday = match["day"], match["weekday"]
    if day.endswith("L") and day != "L":
        day, weekday = "?", day
    return " ".join(("0", match["hour"], _star(day), match["month"], _weekdays(_star(weekday))))


def _star(field: str) -> str:
    return "*" if field == "?" else field


def _weekdays(field: str) -> str:
    """Names become numbers, each number one less; what follows `#` or `/` is a count and stays; `L` alone is Saturday."""

    def down(match: re.Match[str]) -> str:
        number = int(match[0])
        if not 1 <= number <= 7:
            raise ValueError(f"no such day of the week: {number}")
        return str(number - 1)

    for number, name in enumerate(_DAYS, 1):
        field = field.replace(name, str(number))
    return "6" if field == "L" else re.sub(r"(?<![#/0-9])[0-9]+", down, field)


def next_window(plan: Plan, after: float) -> Window:
    """The first window that opens later than `after`, which for an interval is the last rotation."""
    moment = datetime.fromtimestamp(after, UTC)
    if plan.cron is not None:
        opens = next(CronSim(plan.cron, moment))
    elif plan.days:
        opens = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=plan.hours or 0)
    else:
        opens = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=plan.hours or 0)
    return Window(opens.timestamp(), (opens + timedelta(hours=_hours_of(plan, opens))).timestamp())


def _hours_of(plan: Plan, opens: datetime) -> int:
    """Default: one hour for a schedule in hours, else the rest of the UTC day."""
    return plan.length or (24 - opens.hour if plan.days else 1)


def _openings(plan: Plan, count: int) -> list[datetime]:
    moments = CronSim(plan.cron or "", datetime(2026, 1, 1, tzinfo=UTC))
    return [next(moments) for _ in range(count)]


def _shortest_gap(plan: Plan) -> float:
    """Hours between the nearest two windows, over a good month of them."""
    openings = _openings(plan, 200)
    return min((later - earlier).total_seconds() for earlier, later in pairwise(openings)) / 3600


def _check_length(plan: Plan) -> None:
    """A window must not reach into the next one, nor, with a schedule in days, past the end of the UTC day."""
    if plan.length is None:
        return
    start = 0 if plan.cron is None or not plan.days else _openings(plan, 1)[0].hour
    gap = plan.hours if plan.hours is not None else _shortest_gap(plan)
    if plan.length > gap or (plan.days and start + plan.length > 24):
        raise invalid_parameter("The rotation window must not extend into the next rotation window or past the end of the UTC day.")


def plan_next(secret: Secret, plan: Plan, now: float) -> None:
    """Set when the next rotation may begin, and NextRotationDate: the latest moment of that window."""
    window = next_window(plan, now)
    secret.next_opens = window.opens
    secret.next_rotation_date = window.closes  # pyright: ignore[reportAttributeAccessIssue]  # moto says int; AWS's dates carry milliseconds


def count_as_rotation(secret: Secret, now: float) -> None:
    """A new AWSCURRENT made by hand puts the next rotation off, where the rules say days (AWS user guide)."""
    if secret.rotation_enabled and secret.rules is not None and "AutomaticallyAfterDays" in secret.rules:
        plan_next(secret, parse(secret.rules), now)


def days_between(plan: Plan, now: float) -> int:
    """AutomaticallyAfterDays as AWS works it out of a schedule after a rotation."""
    first = next_window(plan, now)
    return max(1, round((next_window(plan, first.opens).opens - first.opens) / 86_400))
