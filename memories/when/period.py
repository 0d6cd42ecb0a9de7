"""A stretch of time that a question names, and how close to it a memory lies."""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import exp
from zoneinfo import ZoneInfo

from memories.settings import settings

YEARS = range(1000, 2200)
FARTHEST_YEARS = 200
# The last year of which a December ends within datetime's range.
LAST_YEAR = 9998
DAYS_OF_UNIT = {"day": 1, "week": 7, "month": 30, "year": 365}
# What happened in a period is told up to this long after it, or a part of its length if that is longer.
TOLD_WITHIN_DAYS = 3.0
TOLD_WITHIN_PART = 0.25
# It is told this many times less long before.
FORETOLD = 4.0
SECONDS_OF_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, from `start` until just before `end`; with `yearly`, the same one in every year.

    `words` are those of the question that name it; with `is_relative`, they mean another time on another day.
    """

    start: datetime
    end: datetime
    yearly: bool = False
    words: str = ""
    is_relative: bool = False

    def closeness(self, instant: datetime) -> float:
        """1 within the period, less with each day after it, and much less with each day before it."""
        if not self.yearly:
            return self._closeness(instant)
        years = range(max(instant.year - 1, 1), min(instant.year + 1, LAST_YEAR) + 1)
        return max(self._of_year(year)._closeness(instant) for year in years)

    def latest(self, now: datetime) -> "Period":
        """Itself; of a yearly period, the last one that has begun."""
        if not self.yearly:
            return self
        this_year = self._of_year(min(now.year, LAST_YEAR))
        return this_year if this_year.start <= now else self._of_year(max(now.year - 1, 1))

    def _closeness(self, instant: datetime) -> float:
        if self.start <= instant < self.end:
            return 1.0
        scale = max(TOLD_WITHIN_DAYS, TOLD_WITHIN_PART * (self.end - self.start).total_seconds() / SECONDS_OF_DAY)
        after = (instant - self.end).total_seconds() / SECONDS_OF_DAY
        before = (self.start - instant).total_seconds() / SECONDS_OF_DAY
        return exp(-after / scale) if after >= 0 else exp(-before * FORETOLD / scale)

    def _of_year(self, year: int) -> "Period":
        end = _in_year(self.end, year + self.end.year - self.start.year)
        # The 29th of February becomes the 28th in years without one.
        return Period(min(_in_year(self.start, year), end - timedelta(days=1)), end)


def _in_year(midnight: datetime, year: int) -> datetime:
    """The midnight in another year; where there is no 29th of February, that of the 1st of March."""
    if (midnight.month, midnight.day) == (2, 29) and not isleap(year):
        return midnight.replace(year=year, month=3, day=1)
    return midnight.replace(year=year)


def on(year: int | None, month: int | None = None, day: int | None = None) -> Iterator[Period]:
    """The period of a date, of a month or of a year; none when there is no such date. Without a year, yearly."""
    yearly = year is None
    # A leap year, so that the 29th of February is a date.
    known_year = 2000 if year is None else year
    if known_year not in YEARS:
        return
    try:
        start = date(known_year, month or 1, day or 1)
    except ValueError:
        return
    if day:
        end = start + timedelta(days=1)
    elif month:
        end = date(known_year + month // 12, month % 12 + 1, 1)
    else:
        end = date(known_year + 1, 1, 1)
    yield between(start, end, yearly=yearly)


def between(start: date, end: date, *, yearly: bool = False) -> Period:
    """From the midnight that begins one day until that which begins another, in the person's time zone."""
    zone = ZoneInfo(settings().timezone)
    return Period(datetime.combine(start, time(), zone), datetime.combine(end, time(), zone), yearly)


def away(count: int, unit: str, today: date) -> Iterator[Period]:
    """The calendar's day, week, month or year that is `count` of them away from today's."""
    if unit == "day":
        day = today + timedelta(days=count)
        yield between(day, day + timedelta(days=1))
    elif unit == "week":
        monday = today + timedelta(days=7 * count - today.weekday())
        yield between(monday, monday + timedelta(days=7))
    elif unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
        yield from on(year, month + 1)
    else:
        yield from on(today.year + count)


def around(count: int, unit: str, today: date) -> Iterator[Period]:
    """The stretch, one unit long, around the day that is `count` units away: people count roughly."""
    days = DAYS_OF_UNIT[unit]
    if abs(count) * days <= FARTHEST_YEARS * DAYS_OF_UNIT["year"]:
        start = today + timedelta(days=count * days - days // 2)
        yield between(start, start + timedelta(days=days))


def until(today: date, days: int) -> Iterator[Period]:
    """The last `days` days."""
    if days <= FARTHEST_YEARS * DAYS_OF_UNIT["year"]:
        yield between(today - timedelta(days=days), today + timedelta(days=1))
