"""Reads the stretches of time that a query names: a date, March 2024, yesterday, two weeks ago, in many languages.

The words for months, days and "ago" are dateparser's. Its own search of a text takes a third of a second and finds
dates in words like "we" and "sat"; here a month counts beside a number or with a capital, and a weekday in full.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib import import_module
from math import exp
from typing import NamedTuple
from zoneinfo import ZoneInfo

from memories.settings import settings

LANGUAGES = "en ar cs da de el es fi fr hi hu it ja ko nb nl pl pt ro ru sv tr uk zh".split()  # noqa: SIM905
MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
# Months whose English names are also other words count alone only with a capital.
ORDINARY_WORDS = frozenset({"may", "march"})
# Shorter forms, like "mar" or "sat", count only beside a number.
SHORTEST_NAME = 4
YEARS = range(1000, 2200)
FARTHEST_YEARS = 200
DAYS_OF_UNIT = {"day": 1, "week": 7, "month": 30, "year": 365}
# What happened in a period is told up to this long after it, or a part of its length if that is longer.
TOLD_WITHIN_DAYS = 3.0
TOLD_WITHIN_PART = 0.25
# It is told this many times less long before.
FORETOLD = 4.0
SECONDS_OF_DAY = 86400.0
# "The last three weeks", up to now.
UNTIL_NOW = re.compile(r"(?<!\w)(?:last|past|previous) (\d{1,4}) (day|week|month|year)s?(?!\w)")
# Words that may stand between the parts of a date: "the 7th of May".
BETWEEN = frozenset({"of", "the", "st", "nd", "rd", "th"})

TOKEN = re.compile(r"\d+|[^\W\d_]+")
NUMERIC = re.compile(
    r"(?<![\d.-])(?:(\d{4})-(\d{1,2})(?:-(\d{1,2}))?|(\d{1,2})([./])(\d{1,2})\5(\d{4}))(?![\d-])"
    r"|(?<!\d)(\d{4})[年년](?:\s*(\d{1,2})[月월](?:\s*(\d{1,2})[日일])?)?"
)
KEY = re.compile(r"(?P<ahead>in )?(?P<count>\\1|\d+) (?P<unit>day|week|month|year)(?: ago)?")
COUNTED = r"\1"
GROUP = re.compile(r"\((?:\?:)?\\d[^)]*\)")
PARTS = re.compile(r"#|[^\W\d_]+")
LONGEST_PHRASE = 5
LONGEST_COUNT = 4
# Scripts written without spaces: a word may stand anywhere in the text.
UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, from `start` until just before `end`; with `yearly`, the same one in every year."""

    start: datetime
    end: datetime
    yearly: bool = False

    def closeness(self, instant: datetime) -> float:
        """1 within the period, less with each day after it, and much less with each day before it."""
        if not self.yearly:
            return self._closeness(instant)
        years = range(max(instant.year - 1, 1), min(instant.year + 1, 9998) + 1)
        return max(self._of_year(year)._closeness(instant) for year in years)

    def latest(self, now: datetime) -> "Period":
        """Itself; of a yearly period, the last one that has begun."""
        if not self.yearly:
            return self
        this_year = self._of_year(now.year)
        return this_year if this_year.start <= now else self._of_year(max(now.year - 1, 1))

    def _closeness(self, instant: datetime) -> float:
        if self.start <= instant < self.end:
            return 1.0
        scale = max(TOLD_WITHIN_DAYS, TOLD_WITHIN_PART * (self.end - self.start).total_seconds() / SECONDS_OF_DAY)
        after = (instant - self.end).total_seconds() / SECONDS_OF_DAY
        before = (self.start - instant).total_seconds() / SECONDS_OF_DAY
        return exp(-after / scale) if after >= 0 else exp(-before * FORETOLD / scale)

    def _of_year(self, year: int) -> "Period":
        # The 29th of February becomes the 28th in other years.
        start = self.start.replace(year=year, day=min(self.start.day, 28) if self.start.month == 2 else self.start.day)
        return Period(start, start + (self.end - self.start))


class Meaning(NamedTuple):
    """What a phrase like "last week" (count -1) or "# weeks ago" (no count, direction -1) means."""

    count: int | None
    direction: int
    unit: str


@dataclass(frozen=True, slots=True)
class Words:
    """The words of all languages for parts of a date.

    `phrases` are tokens joined by blanks, with # for a number; `unspaced` are expressions, for scripts without blanks.
    """

    months: Mapping[str, int]
    full_months: frozenset[str]
    weekdays: Mapping[str, int]
    between: frozenset[str]
    numbers: Mapping[str, str]
    phrases: Mapping[str, Meaning]
    unspaced: Mapping[str, Meaning]


def periods(query: str, now: datetime) -> Sequence[Period]:
    """The stretches of time that a query names, as of `now`, in the person's time zone."""
    today = now.astimezone(ZoneInfo(settings().timezone)).date()
    text = query.casefold()
    found = [*_numeric(text), *_relative(text, today)]
    rest = NUMERIC.sub(" ", query)
    return [*found, *_written(rest, today)]


def _numeric(text: str) -> Iterator[Period]:
    for match in NUMERIC.finditer(text):
        year, month, day, first, _, second, last_year, han_year, han_month, han_day = match.groups()
        if last_year:
            # Which comes first, the day or the month, is not known.
            for place, (day_of_month, of) in enumerate([(first, second), (second, first)]):
                if not place or first != second:
                    yield from _on(int(last_year), int(of), int(day_of_month))
        else:
            yield from _on(
                *(int(part) if part else None for part in (year or han_year, month or han_month, day or han_day))
            )


def _on(year: int | None, month: int | None = None, day: int | None = None) -> Iterator[Period]:
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
    yield _between(start, end, yearly=yearly)


def _between(start: date, end: date, *, yearly: bool = False) -> Period:
    zone = ZoneInfo(settings().timezone)
    return Period(datetime.combine(start, time(), zone), datetime.combine(end, time(), zone), yearly)


def _relative(text: str, today: date) -> Iterator[Period]:
    """The periods of phrases like "last week" and "vor drei Tagen"."""
    words = _words()
    tokens = [words.numbers.get(token, token) for token in TOKEN.findall(text)]
    place = 0
    while place < len(tokens):
        length = _phrase_at(tokens, place)
        if length:
            numbers = [token for token in tokens[place : place + length] if token.isdecimal()]
            yield from _meant(words.phrases[_phrase(tokens[place : place + length])], numbers, today)
        place += length or 1
    if UNSPACED.search(text):
        for phrase, meaning in words.unspaced.items():
            for match in re.finditer(phrase, text):
                yield from _meant(meaning, match.groups(), today)
    for match in UNTIL_NOW.finditer(" ".join(tokens)):
        yield from _until(today, int(match[1]) * DAYS_OF_UNIT[match[2]])


def _phrase_at(tokens: Sequence[str], place: int) -> int:
    """How many tokens the longest known phrase has that begins here."""
    lengths = range(min(LONGEST_PHRASE, len(tokens) - place), 0, -1)
    return next((n for n in lengths if _phrase(tokens[place : place + n]) in _words().phrases), 0)


def _phrase(tokens: Sequence[str]) -> str:
    return " ".join("#" if token.isdecimal() else token for token in tokens)


def _meant(meaning: Meaning, numbers: Sequence[str], today: date) -> Iterator[Period]:
    if meaning.count is not None:
        yield from _away(meaning.count, meaning.unit, today)
    elif numbers and len(numbers[0]) <= LONGEST_COUNT:
        yield from _around(meaning.direction * int(numbers[0]), meaning.unit, today)


def _away(count: int, unit: str, today: date) -> Iterator[Period]:
    """The calendar's day, week, month or year that is `count` of them away from today's."""
    if unit == "day":
        day = today + timedelta(days=count)
        yield _between(day, day + timedelta(days=1))
    elif unit == "week":
        monday = today + timedelta(days=7 * count - today.weekday())
        yield _between(monday, monday + timedelta(days=7))
    elif unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
        yield from _on(year, month + 1)
    else:
        yield from _on(today.year + count)


def _around(count: int, unit: str, today: date) -> Iterator[Period]:
    """The stretch, one unit long, around the day that is `count` units away: people count roughly."""
    days = DAYS_OF_UNIT[unit]
    if abs(count) * days <= FARTHEST_YEARS * DAYS_OF_UNIT["year"]:
        start = today + timedelta(days=count * days - days // 2)
        yield _between(start, start + timedelta(days=days))


def _until(today: date, days: int) -> Iterator[Period]:
    if days <= FARTHEST_YEARS * DAYS_OF_UNIT["year"]:
        yield _between(today - timedelta(days=days), today + timedelta(days=1))


def _written(text: str, today: date) -> Iterator[Period]:
    """The periods named by a month's name, a weekday's, or the number of a year."""
    words, tokens = _words(), TOKEN.findall(text)
    lowered = [token.casefold() for token in tokens]
    used: set[int] = set()
    for place, token in enumerate(lowered):
        if token in words.months:
            day, year, parts = _beside(lowered, place)
            if parts or _counts_alone(tokens, place):
                used.update(parts)
                yield from _on(year, words.months[token], day)
        elif token in words.weekdays and len(token) >= SHORTEST_NAME:
            back = (today.weekday() - words.weekdays[token] - 1) % 7 + 1
            yield _between(today - timedelta(days=back), today - timedelta(days=back - 1))
    for place, token in enumerate(lowered):
        if place not in used and len(token) == 4 and token.isdecimal():
            yield from _on(int(token))


def _counts_alone(tokens: Sequence[str], place: int) -> bool:
    """Whether a month's name means the month without a number beside it."""
    name = tokens[place].casefold()
    if name not in _words().full_months:
        return False
    is_capitalised = tokens[place][0].isupper() and place > 0
    return is_capitalised or (len(name) >= SHORTEST_NAME and name not in ORDINARY_WORDS)


def _beside(tokens: Sequence[str], place: int) -> tuple[int | None, int | None, Sequence[int]]:
    """The day and the year next to a month's name, and where they stand."""
    day = year = None
    parts = []
    for step in (-1, 1):
        at = place + step
        while 0 <= at < len(tokens):
            token = tokens[at]
            if token in _words().between:
                at += step
                continue
            if token.isdecimal() and len(token) <= 2 and day is None and 1 <= int(token) <= 31:
                day = int(token)
            elif token.isdecimal() and len(token) == 4 and year is None:
                year = int(token)
            else:
                break
            parts.append(at)
            at += step
    return day, year, parts


@lru_cache(maxsize=1)
def _words() -> Words:
    """Collects the words of dateparser's languages. Where two languages differ on a word, the first one counts."""
    months: dict[str, int] = {}
    weekdays: dict[str, int] = {}
    numbers: dict[str, str] = {}
    phrases: dict[str, Meaning] = {}
    unspaced: dict[str, Meaning] = {}
    full_months: set[str] = set()
    between = set(BETWEEN)
    for language in LANGUAGES:
        known = import_module(f"dateparser.data.date_translation_data.{language}").info
        between.update(word.casefold() for word in known.get("pertain", ()))
        for names, kept in ((MONTHS, months), (WEEKDAYS, weekdays)):
            for number, name in enumerate(names):
                forms = [form.casefold().rstrip(".") for form in known[name]]
                for form in forms:
                    kept.setdefault(form, number + (kept is months))
                if kept is months:
                    full_months.add(max(forms, key=len))
        for key, forms in [*known["relative-type"].items(), *known["relative-type-regex"].items()]:
            if (read := KEY.fullmatch(key)) is None:
                continue
            direction = 1 if read["ahead"] else -1
            count = None if read["count"] == COUNTED else direction * int(read["count"])
            for form in forms:
                counted = GROUP.sub("#", form.casefold())
                if set(counted).isdisjoint("\\?*+[("):
                    kept = unspaced if UNSPACED.search(counted) else phrases
                    key_of = counted.replace("#", "([0-9]+)") if kept is unspaced else " ".join(PARTS.findall(counted))
                    kept.setdefault(key_of, Meaning(count, direction, read["unit"]))
        for replacement in known.get("simplifications", ()):
            for word, number in replacement.items():
                if number.isdecimal() and word.isalpha():
                    numbers.setdefault(word.casefold(), number)
    return Words(months, frozenset(full_months), weekdays, frozenset(between), numbers, phrases, unspaced)
