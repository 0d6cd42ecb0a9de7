"""Parses dates as people write them: numbers in any order, month names in any language, no relative dates."""

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple, cast

LENGTH_LIMIT = 80
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
LINK = re.compile(r"!?\[\[(?:[^\[\]|#]*/)?([^\[\]|#]*)[^\[\]]*\]\]|\[([^\[\]]*)\]\([^()]*\)")
YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s*[-/._年년]\s*(\d{1,2})\s*[-/._月월]\s*(\d{1,2})(?:\s*[日일])?(?!\d)")
YEAR_LAST = re.compile(r"(?<![\d.])(\d{1,2})([-/._])(\d{1,2})\2(\d{4})(?!\d)")
YEAR_AND_DAY = re.compile(r"(?<!\d)(?:(?P<year>\d{4})|(?P<day>\d{1,2}))(?!\d)")
CLOCK = re.compile(
    r"(?<![\d:.])(\d{1,2})(?:[:h](\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?\.?(?(4)m\b\.?)|\s*([ap])\.?m\b\.?|\.(\d{2})\s*$)"
    r"(?:\s*(?:GMT|UTC)?\s*([+-]\d{2}):?(\d{2})(?:\s*\([\w ]+\))?|\s*((?-i:[A-Z]{3,5}|Z))\b)?",
    re.IGNORECASE,
)
# Placeholders for a date's numbers, so that dateparser reads the words around them alone.
DAY, YEAR, NUMERIC = 15, 2000, "2000-10-15"


class WrittenDate(NamedTuple):
    """A date read with the day first and with the month first; None for an order that gives no date."""

    day_first: datetime | None
    month_first: datetime | None

    @property
    def is_ambiguous(self) -> bool:
        return None not in self and self.day_first != self.month_first


def written_date(value: object) -> WrittenDate | None:
    """The date in a string or a whole number of 8, 12 or 14 digits; None when day, month or year is missing."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if 0 < value < 10**14 else ""
    if not isinstance(value, str) or len(value) > LENGTH_LIMIT:
        return None
    text = LINK.sub(lambda link: link[1] or link[2] or "", value).strip().strip("\"'").strip()
    try:
        return _digits_alone(text) if text.isdigit() else _standard(text) or _in_words(text)
    except (ValueError, OverflowError):
        return None


def _digits_alone(text: str) -> WrittenDate | None:
    """The date in 8, 12 or 14 digits; None for other lengths, such as seconds since 1970."""
    form = COMPACT.get(len(text))
    return _sure(datetime.strptime(text, form)) if form and text.isascii() else None  # noqa: DTZ007 (the caller's zone)


def _standard(text: str) -> WrittenDate | None:
    try:
        return _sure(datetime.fromisoformat(text))
    except ValueError:
        return None


def _sure(moment: datetime) -> WrittenDate:
    return WrittenDate(moment, moment)


def _in_words(text: str) -> WrittenDate | None:
    clock = CLOCK.search(YEAR_LAST.sub(lambda date: "/" * len(date[0]), text))
    moment = _time_of(clock) if clock else time()
    rest = text if clock is None else f"{text[: clock.start()]} {text[clock.end() :]}"
    if found := YEAR_FIRST.search(rest):
        year, month, day = map(int, found.groups())
        return _at(moment, (year, month, day), None) if _fits(rest, found) else None
    if found := YEAR_LAST.search(rest):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        # No convention puts the month first in dates with dots.
        swapped = None if found[2] == "." else (year, first, second)
        return _at(moment, (year, second, first), swapped) if _fits(rest, found) else None
    return _with_month_name(rest, moment)


def _fits(text: str, found: re.Match[str]) -> bool:
    """Whether the text around a date is empty or belongs to it, like the day of the week."""
    around = text[: found.start()] + NUMERIC + text[found.end() :]
    return not re.search(r"\w", around.replace(NUMERIC, "").strip("T ")) or _month_in(around) == 10


def _with_month_name(text: str, moment: time) -> WrittenDate | None:
    numbers = list(YEAR_AND_DAY.finditer(text))
    years = [int(each["year"]) for each in numbers if each["year"]]
    days = [int(each["day"]) for each in numbers if each["day"]]
    if len(years) != 1 or len(days) != 1 or re.search(r"\d{5}|\d{3}(?!\d)(?<!\d{4})", text):
        return None
    month = _month_in(YEAR_AND_DAY.sub(lambda each: str(YEAR if each["year"] else DAY), text))
    return _at(moment, (years[0], month, days[0]), None) if month else None


def _at(moment: time, day_first: tuple[int, int, int], month_first: tuple[int, int, int] | None) -> WrittenDate | None:
    first = _on_day(moment, day_first)
    second = first if month_first is None else _on_day(moment, month_first)
    return WrittenDate(first, second) if first or second else None


def _on_day(moment: time, day: tuple[int, int, int]) -> datetime | None:
    try:
        return datetime.combine(datetime(*day), moment)  # noqa: DTZ001 (the caller's zone)
    except ValueError:
        return None


def _time_of(clock: re.Match[str]) -> time:
    """The time in a match of CLOCK. Raises ValueError when it is not a time of day."""
    hour, minute, second, half, half_alone, dotted, offset_hours, offset_minutes, zone_name = clock.groups()
    half = (half or half_alone or "").lower()
    if half and not 1 <= int(hour) <= 12:
        raise ValueError("am and pm have twelve hours each")
    hours = int(hour) % 12 + (12 if half == "p" else 0) if half else int(hour)
    zone = _zone_named(zone_name) if zone_name else None
    if offset_hours:
        minutes = int(offset_minutes) * (-1 if offset_hours.startswith("-") else 1)
        zone = timezone(timedelta(hours=int(offset_hours), minutes=minutes))
    return time(hours, int(minute or dotted or 0), int(second or 0), tzinfo=zone)


@lru_cache(maxsize=64)
def _zone_named(name: str) -> tzinfo:
    """The zone of an abbreviation like CEST. Raises ValueError when it names none."""
    from dateparser.timezone_parser import pop_tz_offset_from_string  # type: ignore[import-untyped]

    zone = UTC if name in ("Z", "UTC", "GMT") else pop_tz_offset_from_string(f"0 {name}")[1]
    if zone is None:
        raise ValueError(f"{name} is not a time zone")
    return cast(tzinfo, zone)


@lru_cache(maxsize=4096)
def _month_in(text: str) -> int | None:
    """The month that the words around `DAY` and `YEAR` name, in any language; None when they name none."""
    from dateparser.date import DateDataParser  # type: ignore[import-untyped]

    reader = DateDataParser(settings={"STRICT_PARSING": True, "PARSERS": ["absolute-time"], "DATE_ORDER": "YMD"})
    found = reader.get_date_data(" ".join(text.split())).date_obj
    return found.month if found and (found.year, found.day) == (YEAR, DAY) else None
