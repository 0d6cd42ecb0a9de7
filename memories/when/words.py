"""The words for dates, in many languages: those of dateparser, whose own search takes a third of a second a text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

LANGUAGES = "en ar cs da de el es fi fr hi hu it ja ko nb nl pl pt ro ru sv tr uk zh".split()  # noqa: SIM905
MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
UNITS = ("day", "week", "month", "year")
# Words that may stand between the parts of a date: "the 7th of May".
BETWEEN = frozenset({"of", "the", "st", "nd", "rd", "th"})
# Shorter phrases and names are words of other things as well, like "mo" and "mar".
SHORTEST_NAME = 4
# How dateparser writes what a phrase means, and the number in a phrase.
KEY = re.compile(r"(?P<ahead>in )?(?P<count>\\1|\d+) (?P<unit>day|week|month|year)(?: ago)?")
COUNTED = r"\1"
GROUP = re.compile(r"\((?:\?:)?\\d[^)]*\)")
PARTS = re.compile(r"#|[^\W\d_]+")
# Scripts written without spaces: a word may stand anywhere in the text.
UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


class Meaning(NamedTuple):
    """What a phrase like "last week" (-1 times) or "# weeks ago" (direction -1) means."""

    times: int | None
    direction: int
    unit: str


@dataclass(frozen=True, slots=True)
class DateWords:
    """The words of all languages for parts of a date.

    `phrases` are tokens joined by blanks, with # for a number; `unspaced` are expressions, for scripts without blanks;
    `units` are the forms of day, week, month and year.
    """

    months: Mapping[str, int]
    full_months: frozenset[str]
    weekdays: Mapping[str, int]
    between: frozenset[str]
    numbers: Mapping[str, str]
    units: Mapping[str, str]
    phrases: Mapping[str, Meaning]
    unspaced: Mapping[str, Meaning]


@lru_cache(maxsize=1)
def words() -> DateWords:
    """Collects the words of dateparser's languages. Where two languages differ on a word, the first one counts."""
    months: dict[str, int] = {}
    weekdays: dict[str, int] = {}
    numbers: dict[str, str] = {}
    units: dict[str, str] = {}
    phrases: dict[str, Meaning] = {}
    unspaced: dict[str, Meaning] = {}
    full_months: set[str] = set()
    between = set(BETWEEN)
    for language in LANGUAGES:
        known = import_module(f"dateparser.data.date_translation_data.{language}").info
        between.update(word.casefold() for word in known.get("pertain", ()))
        for unit in UNITS:
            for form in known.get(unit, ()):
                units.setdefault(form.casefold(), unit)
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
                    meaning = Meaning(count, direction, read["unit"])
                    if UNSPACED.search(counted):
                        unspaced.setdefault(counted.replace("#", "([0-9]+)"), meaning)
                    else:
                        phrases.setdefault(" ".join(PARTS.findall(counted)), meaning)
        for replacement in known.get("simplifications", ()):
            for word, number in replacement.items():
                if number.isdecimal() and word.isalpha():
                    numbers.setdefault(word.casefold(), number)
    return DateWords(months, frozenset(full_months), weekdays, frozenset(between), numbers, units, phrases, unspaced)
