"""Reads a time that a question counts from an event: "two days before the concert", "drei Wochen nach der Hochzeit"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from memories.settings import settings
from memories.when.period import Period, around
from memories.when.words import words

# The words between a count and an event, in languages that put them there.
BEFORE = "before|prior to|ahead of|vor|bevor|avant|antes del?|antes d[aeo]s?|prima d\\w+|voor|før|före|przed|до"
AFTER = "after|following|nach|après|después del?|depois d[aeo]s?|dopo|na|efter|etter|po|после"
COUNTED = re.compile(
    rf"(?<!\w)(\w+)\s+(\w+)\s+(?:(?P<before>{BEFORE})|{AFTER})\s+(?P<event>[^\n.,;:!?¿¡]+)", re.IGNORECASE
)
# "The day before", "a week after".
ONE = frozenset({"a", "an", "the"})
LONGEST_COUNT = 4


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time `count` units after an event, or before it if negative; `words` are those that name it in the query."""

    event: str
    count: int
    unit: str
    words: str

    def periods(self, event_at: datetime) -> Iterator[Period]:
        """The time that is meant when the event was at that instant; none beyond the calendar's end."""
        day = event_at.astimezone(ZoneInfo(settings().timezone)).date()
        try:
            for found in around(self.count, self.unit, day):
                yield replace(found, words=self.words, is_relative=True)
        except OverflowError:
            return


def anchor(query: str) -> Anchor | None:
    """The first time in a query that is counted from an event."""
    known = words()
    for match in COUNTED.finditer(query):
        number, unit = match[1].casefold(), known.units.get(match[2].casefold())
        count = "1" if number in ONE else known.numbers.get(number, number)
        if unit is not None and count.isdecimal() and len(count) <= LONGEST_COUNT:
            direction = -1 if match["before"] else 1
            return Anchor(match["event"].strip(), direction * int(count), unit, match[0])
    return None
