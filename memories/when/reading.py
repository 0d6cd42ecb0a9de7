"""Reads the stretches of time that a question names: a date, March 2024, yesterday, two weeks ago, in many languages.

A month counts beside a number or with a capital, a weekday in full: "may", "we" and "sat" are ordinary words.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from memories.settings import settings
from memories.when.period import DAYS_OF_UNIT, Period, around, away, between, on, until
from memories.when.words import SHORTEST_NAME, UNSPACED, Meaning, words

# Months whose English names are also other words count alone only with a capital.
ORDINARY_WORDS = frozenset({"may", "march"})
LONGEST_PHRASE = 5
LONGEST_COUNT = 4
# A search reads the memories of each: a pasted table has hundreds of dates.
MOST_PERIODS = 12
TOKEN = re.compile(r"\d+|[^\W\d_]+")
NUMERIC = re.compile(
    r"(?<![\d.-])(?:(\d{4})-(\d{1,2})(?:-(\d{1,2}))?|(\d{1,2})([./])(\d{1,2})\5(\d{4}))(?![\d-])"
    r"|(?<!\d)(\d{4})[年년](?:\s*(\d{1,2})[月월](?:\s*(\d{1,2})[日일])?)?"
)
# "The last three weeks", up to now.
UNTIL_NOW = re.compile(r"(?<!\w)(?:last|past|previous) (\d{1,4}) (day|week|month|year)s?(?!\w)")


def periods(query: str, now: datetime) -> Sequence[Period]:
    """The first `MOST_PERIODS` stretches of time that a query names, as of `now`, in the person's time zone."""
    try:
        today = now.astimezone(ZoneInfo(settings().timezone)).date()
        written = _written(NUMERIC.sub(" ", query), today)
        found = dict.fromkeys(chain(_numeric(query), _relative(query.casefold(), today), written))
        return list(found)[:MOST_PERIODS]
    except OverflowError:
        # A day after the year 9999, or before the year 1.
        return []


def _numeric(text: str) -> Iterator[Period]:
    for match in NUMERIC.finditer(text):
        year, month, day, first, _, second, last_year, han_year, han_month, han_day = match.groups()
        if last_year:
            # Which comes first, the day or the month, is not known.
            for place, (day_of_month, of) in enumerate([(first, second), (second, first)]):
                if not place or first != second:
                    yield from _named(match[0], on(int(last_year), int(of), int(day_of_month)))
        else:
            parts = [int(part) if part else None for part in (year or han_year, month or han_month, day or han_day)]
            yield from _named(match[0], on(*parts))


def _named(words_of_it: str, found: Iterable[Period], *, is_relative: bool = False) -> Iterator[Period]:
    return (replace(period, words=words_of_it, is_relative=is_relative) for period in found)


def _relative(text: str, today: date) -> Iterator[Period]:
    """The periods of phrases like "last week" and "vor drei Tagen"."""
    known = words()
    written = TOKEN.findall(text)
    tokens = [known.numbers.get(token, token) for token in written]
    place = 0
    while place < len(tokens):
        length = _phrase_at(tokens, place)
        if length:
            phrase, end = tokens[place : place + length], place + length
            numbers = [token for token in phrase if token.isdecimal()]
            found = _meant(known.phrases[_phrase(phrase)], numbers, today)
            yield from _named(" ".join(written[place:end]), found, is_relative=True)
        place += length or 1
    if UNSPACED.search(text):
        for expression, meaning in known.unspaced.items():
            for match in re.finditer(expression, text):
                yield from _named(match[0], _meant(meaning, match.groups(), today), is_relative=True)
    for match in UNTIL_NOW.finditer(" ".join(tokens)):
        yield from _named(match[0], until(today, int(match[1]) * DAYS_OF_UNIT[match[2]]), is_relative=True)


def _phrase_at(tokens: Sequence[str], place: int) -> int:
    """How many tokens the longest known phrase has that begins here."""
    lengths = range(min(LONGEST_PHRASE, len(tokens) - place), 0, -1)
    return next((n for n in lengths if _phrase(tokens[place : place + n]) in words().phrases), 0)


def _phrase(tokens: Sequence[str]) -> str:
    return " ".join("#" if token.isdecimal() else token for token in tokens)


def _meant(meaning: Meaning, numbers: Sequence[str], today: date) -> Iterator[Period]:
    if meaning.times is not None:
        yield from away(meaning.times, meaning.unit, today)
    elif numbers and len(numbers[0]) <= LONGEST_COUNT:
        yield from around(meaning.direction * int(numbers[0]), meaning.unit, today)


def _written(text: str, today: date) -> Iterator[Period]:
    """The periods named by a month's name, a weekday's, or the number of a year."""
    known, tokens = words(), TOKEN.findall(text)
    lowered = [token.casefold() for token in tokens]
    used: set[int] = set()
    for place, token in enumerate(lowered):
        if token in known.months:
            day, year, parts = _beside(lowered, place)
            if parts or _counts_alone(tokens, place):
                used.update(parts)
                named = " ".join(tokens[at] for at in (place, *parts))
                yield from _named(named, on(year, known.months[token], day))
        elif token in known.weekdays and len(token) >= SHORTEST_NAME:
            back = (today.weekday() - known.weekdays[token] - 1) % 7 + 1
            day_named = between(today - timedelta(days=back), today - timedelta(days=back - 1))
            yield from _named(token, [day_named], is_relative=True)
    for place, token in enumerate(lowered):
        if place not in used and len(token) == 4 and token.isdecimal():
            yield from _named(token, on(int(token)))


def _counts_alone(tokens: Sequence[str], place: int) -> bool:
    """Whether a month's name means the month without a number beside it."""
    name = tokens[place].casefold()
    if name not in words().full_months:
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
            if token in words().between:
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
