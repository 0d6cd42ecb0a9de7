"""Writes the report on a time: what was new, what came back, what changed, who took part, habits and predictions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from memories.documents.memoir import memoirs
from memories.evidence.quotes import gist_of
from memories.instant import day, in_zone
from memories.memory import Memory
from memories.postgres.database import Connection
from memories.settings import settings
from memories.views.happenings import (
    Foreseen,
    Noted,
    TimeSpan,
    created_in,
    foreseen,
    people_of,
    returned_in,
    revisions_in,
)
from sidecar.reports.report import Claim, Report, Section
from sidecar.reports.sections import changes, people, reported

WEEK = timedelta(days=7)
# A longer time is told by months.
TOLD_BY_DAYS = timedelta(days=35)
SHOWN_OF_EACH = 3
# The memories of each day or month among which people are looked for.
MOST_OF_EACH = 200
MOST_RETURNED = 10
MOST_FORESEEN = 5
# The characters of a day that are its month.
MONTH = len("2026-12")


def report_on_week(memory: Memory, *, as_of: datetime | None = None, agent: str | None = None) -> Report:
    """Reports on the seven days before `as_of`, as `report_on_period` does."""
    end = as_of or datetime.now(UTC)
    return report_on_period(memory, f"The week to {day(in_zone(end))}", TimeSpan(end - WEEK, end), end, agent)


def report_on_period(memory: Memory, title: str, span: TimeSpan, as_of: datetime, agent: str | None = None) -> Report:
    """Reports on all that is remembered of a span, by one agent ("" means "default") or by all. Records nothing."""
    span = TimeSpan(span.start, max(span.start, min(span.end, as_of)))
    with memory.connection() as connection:
        sections = list(_sections(connection, span, "default" if agent == "" else agent))
        first, last = day(in_zone(span.start)), day(in_zone(span.end - timedelta(microseconds=1)))
        return reported(
            connection,
            title=title,
            period=f"from {first} to {last}",
            as_of=as_of,
            is_recorded=bool(sections),
            sections=sections or [Section("Not recorded", [Claim("Nothing is remembered of this time.")])],
        )


def _sections(connection: Connection, span: TimeSpan, agent: str | None) -> Iterator[Section]:
    by_days, zone = span.end - span.start <= TOLD_BY_DAYS, settings().timezone
    unit: Literal["day", "month"] = "day" if by_days else "month"
    new = created_in(connection, span, agent, zone, unit, SHOWN_OF_EACH)
    back = returned_in(connection, span, agent, MOST_RETURNED)
    if new:
        note = f"Of {new[0].of_all} memories, those that made the strongest mark in each {unit}."
        claims = _noted(connection, new)
        grouped = [replace(each, group=each.label if by_days else each.label[:MONTH]) for each in claims]
        yield Section("What was new", [replace(each, label="") if by_days else each for each in grouped], note)
    if back:
        note = f"Of {back[0].of_all} earlier memories that were opened, cited, reviewed or told again, the most used."
        yield Section("What came back", _noted(connection, back), note)
    if new or back:
        yield changes(connection, revisions_in(connection, span, agent))
        everything = created_in(connection, span, agent, zone, unit, MOST_OF_EACH)
        yield people(connection, people_of(connection, [each.memory_id for each in everything]))
        found = foreseen(connection, span, agent)
        habits, predictions = ([each for each in found if each.kind == kind] for kind in ("pattern", "prediction"))
        yield Section("Habits", list(_habits(connection, habits, span)))
        yield Section("Likely to be needed", list(_predictions(connection, predictions)))


def _noted(connection: Connection, found: Sequence[Noted]) -> Sequence[Claim]:
    whole = memoirs(connection, [each.memory_id for each in found])
    return [
        Claim(day(in_zone(each.at)), quote)
        for each in found
        if each.memory_id in whole
        for quote in [gist_of(whole[each.memory_id], each.gist)]
        if quote
    ]


def _habits(connection: Connection, found: Sequence[Foreseen], span: TimeSpan) -> Iterator[Claim]:
    """Each habit with those of its memories that are of the span."""
    for habit in found[:MOST_FORESEEN]:
        whole = memoirs(connection, habit.memory_ids).values()
        of_span = [each for each in whole if span.start <= each.created_at < span.end]
        quotes = [quote for each in sorted(of_span, key=lambda e: e.created_at) if (quote := gist_of(each, ""))]
        if quotes:
            yield Claim(habit.description.rstrip("."), quotes[0], quotes[1:])


def _predictions(connection: Connection, found: Sequence[Foreseen]) -> Iterator[Claim]:
    for prediction in found[:MOST_FORESEEN]:
        for whole in memoirs(connection, prediction.memory_ids).values():
            quote = gist_of(whole, "")
            if quote and prediction.due_at:
                yield Claim(f"by {day(in_zone(prediction.due_at))}, with {prediction.confidence:.0%}", quote)
