"""rate() and cron() with their windows: when a rotation may run, in UTC, as Secrets Manager counts (SAFETY.md F1)."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from rotated_rds.model.cron import Cron, parse_cron, refusal
from rotated_rds.model.errors import Reason, Refused

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_DAYS = 999
LEAST_HOURS = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RATE = re.compile(r"rate\(\s*([1-9][0-9]{0,4})\s+(hour|day)s?\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
_WINDOW = re.compile(r"([1-9]|1[0-9]|2[0-4])h")


@dataclass(frozen=True)
class Window:
    """When a rotation may start: from start, before end."""

    start: datetime
    end: datetime

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, datetime) and self.start <= moment < self.end

    def moment_for(self, key: str) -> datetime:
        """Give a resource its own place in the window: always the same, and in the first half, so that the other half is left to finish in.

        key: `namespace/name`.
        """
        room = (self.end - self.start) // timedelta(seconds=2)
        offset = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
        return self.start + timedelta(seconds=offset % room)


@dataclass(frozen=True)
class Schedule(ABC):
    """When a secret rotates. expression: as AWS wants it; length: the window's."""

    expression: str
    length: timedelta

    @abstractmethod
    def after(self, success: datetime) -> Window:
        """Find the window that follows a success; called again with that window's start, the one after it."""

    @abstractmethod
    def window_at_or_after(self, moment: datetime) -> Window:
        """Find the window that holds a moment, else the first that opens later: where an overdue rotation may run."""

    @abstractmethod
    def describe(self) -> str:
        """Say in plain words what was understood."""

    def next_window(self, last_success: datetime | None, created: datetime, now: datetime) -> Window:
        """Find where the next rotation belongs: a window that is open or still to come. A missed one stays missed.

        last_success: the start of the window of the last success where it is known, else that success's own time.
        created: when the resource came under this schedule; counts only while nothing has rotated.
        """
        first = self.after(last_success or created)
        return first if now < first.end else self._overdue(first, now)

    def due_window(self, last_success: datetime | None, created: datetime, now: datetime, key: str) -> Window | None:
        """Find the open window in which this resource's own moment has come, else None."""
        window = self.next_window(last_success, created, now)
        return window if window.moment_for(key) <= now < window.end else None

    def overdue(self, last_success: datetime | None, created: datetime, now: datetime) -> bool:
        """Tell whether the first window after the last success has gone by."""
        return now >= self.after(last_success or created).end

    def _overdue(self, _missed: Window, now: datetime) -> Window:
        return self.window_at_or_after(now)

    def _window(self, start: datetime) -> Window:
        return Window(start, start + self.length)


@dataclass(frozen=True)
class HourRate(Schedule):
    """rate(N hours): N hours after the hour in which the last success's window opened."""

    every: int

    def after(self, success: datetime) -> Window:
        return self._window(_floor(success, HOUR) + self.every * HOUR)

    def window_at_or_after(self, moment: datetime) -> Window:
        return self._window(_floor(moment, HOUR))

    def _overdue(self, missed: Window, now: datetime) -> Window:
        # Windows follow the missed one without a gap: an hourly grid would move a longer window along with the clock.
        return self._window(missed.start + (now - missed.start) // self.length * self.length)

    def describe(self) -> str:
        return f"Every {self.every} hours, on the hour, within {_hours(self.length)} h"


@dataclass(frozen=True)
class DayRate(Schedule):
    """rate(N days): the window opens at 00:00 UTC, N days after the day of the last success."""

    every: int

    def after(self, success: datetime) -> Window:
        return self._window(_floor(success, DAY) + self.every * DAY)

    def window_at_or_after(self, moment: datetime) -> Window:
        today = self._window(_floor(moment, DAY))
        return today if moment < today.end else self._window(today.start + DAY)

    def describe(self) -> str:
        often = "Every day" if self.every == 1 else f"Every {self.every} days"
        return f"{often} between 00:00 and {_hours(self.length):02}:00 UTC"


@dataclass(frozen=True)
class CronSchedule(Schedule):
    """cron(): the matches, whatever rotated before. A success inside a window uses that window up."""

    cron: Cron

    def after(self, success: datetime) -> Window:
        return self._window(self.cron.after(success))

    def window_at_or_after(self, moment: datetime) -> Window:
        return self._window(self.cron.after(moment - self.length))  # windows never overlap: the first that ends later

    def describe(self) -> str:
        return f"{self.cron.explain()}, within {_hours(self.length)} h (UTC)"


def parse(expression: str, window: str | None) -> Schedule:
    """Read spec.rotation.schedule and .window. Raises Refused(InvalidSpec) that names the field and the mend."""
    if len(expression) > 256:  # noqa: PLR2004  AWS's own limit, said in the message
        raise refusal("at most 256 characters")
    if rate := _RATE.fullmatch(expression.strip()):
        return _rate(int(rate[1]), rate[2], window)
    if cron := _CRON.fullmatch(expression.strip()):
        return _cron(parse_cron(cron[1]), window)
    raise refusal(f"{expression[:60]!r} is no schedule: write rate(10 days), rate(12 hours) or cron(0 8 ? * MON *)")


def aws_rules(schedule: Schedule) -> dict[str, str]:
    """RotationRules for RotateSecret. The window is always said: a rule left out might keep the one stored before."""
    return {"ScheduleExpression": schedule.expression, "Duration": f"{_hours(schedule.length)}h"}


def same_rules(stored: Mapping[str, object] | None, wanted: Schedule) -> bool:
    """Tell whether DescribeSecret's RotationRules already say this. AutomaticallyAfterDays beside an expression is AWS's own sum."""
    expression = (stored or {}).get("ScheduleExpression")
    duration = (stored or {}).get("Duration")
    if not isinstance(expression, str) or not isinstance(duration, str | None):
        return False
    try:
        found = parse(expression, duration)
    except Refused:
        return False  # stored by hand, in a grammar that is not ours
    return aws_rules(found) == aws_rules(wanted)


def describe(schedule: Schedule) -> str:
    """Say in plain words what was understood, for status and doctor."""
    return schedule.describe()


def _rate(every: int, unit: str, window: str | None) -> Schedule:
    if unit == "hour":
        if not LEAST_HOURS <= every <= MOST_DAYS * 24:
            raise refusal(f"rate({every} hours): from {LEAST_HOURS} hours to {MOST_DAYS} days")
        return HourRate(_spelled(every, unit), _length(window, 1, min(every, 24), "the next window"), every)
    if every > MOST_DAYS:
        raise refusal(f"rate({every} days): at most {MOST_DAYS} days")
    return DayRate(_spelled(every, unit), _length(window, 24, 24, "the next window"), every)


def _spelled(every: int, unit: str) -> str:
    return f"rate({every} {unit}{'' if every == 1 else 's'})"


def _cron(cron: Cron, window: str | None) -> Schedule:
    left = 24 - cron.hours[-1]
    gaps = [later - earlier for earlier, later in pairwise(cron.hours)]
    if not gaps:
        return CronSchedule(cron.expression, _length(window, left, left, "the next UTC day"), cron)
    if min(gaps) < LEAST_HOURS or cron.hours[0] + left < LEAST_HOURS:
        raise refusal(f"{cron.expression}: leave at least {LEAST_HOURS} hours between two rotations, as in cron(0 2/10 * * ? *)")
    shortest = min(*gaps, left)
    return CronSchedule(cron.expression, _length(window, 1, shortest, "the next UTC day" if shortest == left else "the next window"), cron)


def _length(window: str | None, default: int, most: int, beyond: str) -> timedelta:
    """Read and check the window's length. beyond: what a longer one would run into."""
    if window is None:
        return default * HOUR
    read = _WINDOW.fullmatch(window)
    if not read:
        raise Refused(Reason.INVALID_SPEC, f"spec.rotation.window: {window[:20]!r} is no window: write whole hours from 1h to 24h")
    if int(read[1]) > most:
        raise Refused(Reason.INVALID_SPEC, f"spec.rotation.window: {window} runs into {beyond}: at most {most}h with this schedule")
    return int(read[1]) * HOUR


def _hours(span: timedelta) -> int:
    return span // HOUR


def _floor(moment: datetime, step: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // step * step
