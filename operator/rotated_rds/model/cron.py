"""Secrets Manager's cron(0 H D M W *): AWS's grammar read into sets, and the next hour that matches.

Source: AWS user guide, "Schedule expressions in Secrets Manager rotation". Days of the week are 1 (SUN) to 7 (SAT).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from rotated_rds.model.errors import Reason, Refused

FIELD = "spec.rotation.schedule"
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_LAST_NAMED = re.compile(rf"({'|'.join(DAYS)}|[1-7])L")
_NTH = re.compile(rf"({'|'.join(DAYS)}|[1-7])#([1-5])")
_TERM = re.compile(r"(\*|(?=/)|(?P<start>[A-Z0-9]+)(-(?P<end>[A-Z0-9]+))?)(/(?P<step>[1-9][0-9]?))?")


@dataclass(frozen=True)
class Span:
    """A field's name, its lowest and highest value, and the names that stand for values, lowest first."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def whole(self) -> range:
        return range(self.low, self.high + 1)

    def number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.low
        if not re.fullmatch(r"[0-9]{1,2}", text) or not self.low <= int(text) <= self.high:
            raise self.refusal(text)
        return int(text)

    def refusal(self, text: str) -> Refused:
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return refusal(f"{text[:40]!r} is no {self.name}: write {self.low}-{self.high}{names}, lists, ranges or steps such as 2/10")


HOURS = Span("hour", 0, 23)
DAYS_OF_MONTH = Span("day of the month", 1, 31)
MONTHS_OF_YEAR = Span("month", 1, 12, MONTHS)
DAYS_OF_WEEK = Span("day of the week", 1, 7, DAYS)


@dataclass(frozen=True)
class Cron:
    """A cron in AWS's spelling, with what its fields mean. days: the simulator's two day fields, day of month and day of week."""

    expression: str
    hours: tuple[int, ...]
    months: tuple[int, ...]
    days: tuple[str, str]

    def after(self, moment: datetime) -> datetime:
        """Find the first match later than a moment. Raises Refused(InvalidSpec) when none comes in 50 years."""
        try:
            return next(self._simulator(moment))
        except (CronSimError, StopIteration):
            raise refusal("this date never comes: name a day that the month has") from None

    def explain(self) -> str:
        """Say in plain words: `At 08:00 on Monday through Friday`."""
        return self._simulator(_ANY_TIME).explain()

    def _simulator(self, moment: datetime) -> CronSim:
        of_month, of_week = self.days
        fields = ("0", _listed(self.hours, HOURS.whole), of_month, _listed(self.months, MONTHS_OF_YEAR.whole), of_week)
        return CronSim(" ".join(fields), moment.astimezone(UTC))


def parse_cron(fields: str) -> Cron:
    """Read what stands between cron( and ). Raises Refused(InvalidSpec) that names the field and the mend."""
    words = fields.upper().split()
    if len(words) != 6:  # noqa: PLR2004  the six are in the message
        raise refusal("a cron has six fields: cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)")
    minute, hours, of_month, months, of_week, year = words
    if minute != "0" or year != "*":
        raise refusal("windows open on the hour and every year: the first field of a cron is 0 and the last is *")
    of_month, of_week = _one_day_field(of_month, of_week)
    cron = Cron(
        f"cron(0 {hours} {of_month} {months} {of_week} *)",
        tuple(sorted(_values(hours, HOURS))),
        tuple(sorted(_values(months, MONTHS_OF_YEAR))),
        _simulated_days(of_month, of_week),
    )
    cron.after(_ANY_TIME)  # a date that never comes is refused here, not when it is waited for
    return cron


def refusal(mend: str) -> Refused:
    return Refused(Reason.INVALID_SPEC, f"{FIELD}: {mend}")


def _one_day_field(of_month: str, of_week: str) -> tuple[str, str]:
    """AWS wants exactly one `?`; a `*` beside a value reads as `?`, which is how AWS's own example is written."""
    if of_month == of_week == "?":
        raise refusal("one of the two day fields needs a value: write * in one and ? in the other for every day")
    if of_week == "?" or of_month == "?":
        return of_month, of_week
    if of_week == "*":
        return of_month, "?"
    if of_month == "*":
        return "?", of_week
    raise refusal("day of month and day of week both have a value: write ? in one of them")


def _simulated_days(of_month: str, of_week: str) -> tuple[str, str]:
    if of_week == "?":
        last_named = _LAST_NAMED.fullmatch(of_month) if of_month[0] not in "1234567" else None  # 5L is a weekday's word only
        return ("*", f"{_weekday(last_named[1])}L") if last_named else (_days_of_month(of_month), "*")
    return "*", _days_of_week(of_week)


def _days_of_month(text: str) -> str:
    terms = text.split(",")
    numbers = [term for term in terms if term != "L"]
    listed = [_listed(_values(",".join(numbers), DAYS_OF_MONTH), DAYS_OF_MONTH.whole)] if numbers else []
    return ",".join([*listed, "L"] if "L" in terms else listed)


def _days_of_week(text: str) -> str:
    if text == "L":
        return "6"  # the last day of AWS's week is Saturday
    if nth := _NTH.fullmatch(text):
        return f"{_weekday(nth[1])}#{nth[2]}"
    if last := _LAST_NAMED.fullmatch(text):
        return f"{_weekday(last[1])}L"
    if "#" in text:
        raise refusal(f"{text[:40]!r}: # stands alone, as in TUE#3: AWS takes no list of them")
    return _listed((day - 1 for day in _values(text, DAYS_OF_WEEK)), range(7))


def _weekday(text: str) -> int:
    return DAYS_OF_WEEK.number(text) - 1


def _values(text: str, span: Span) -> frozenset[int]:
    return frozenset(value for term in text.split(",") for value in _term(term, span))


def _term(text: str, span: Span) -> list[int]:
    """One term: `*`, `3`, `3-7`, `FRI-MON`, `1/10`, `/8`, `*/8`."""
    term = _TERM.fullmatch(text)
    if not term:
        raise span.refusal(text)
    start, end, step = term["start"], term["end"], term["step"]
    if start is None:
        run = list(span.whole)
    elif end is not None:
        run = _run(span.number(start), span.number(end), span, text)
    else:
        low = span.number(start)
        run = [low] if step is None else list(range(low, span.high + 1))
    return run[:: int(step or 1)]


def _run(low: int, high: int, span: Span, text: str) -> list[int]:
    if low <= high:
        return list(range(low, high + 1))
    if span is not DAYS_OF_WEEK:
        raise span.refusal(text)
    return [*range(low, span.high + 1), *range(span.low, high + 1)]  # FRI-MON goes over the week's end


def _listed(values: Iterable[int], whole: range) -> str:
    chosen = sorted(values)
    return "*" if chosen == list(whole) else ",".join(str(value) for value in chosen)
