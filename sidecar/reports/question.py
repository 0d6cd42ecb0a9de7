"""Writes the report on a question: the answer in short, a timeline, what changed, who takes part, what is missing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from memories.evidence.asking import Reply, reply
from memories.evidence.quotes import is_evidence, telling
from memories.instant import day, in_zone
from memories.lexical.terms import terms
from memories.memory import NO_FILTERS, Memory
from memories.records import Answer, Filters, Recalled
from memories.views.happenings import TimeSpan, people_of, revisions_of, topics_of
from memories.when.period import Period
from memories.when.reading import periods
from sidecar.reports.period import report_on_period
from sidecar.reports.report import Claim, Report, Section
from sidecar.reports.sections import changes, people, reported, topics

RESULTS = 40
# The timeline tells of results at least this part as relevant as the first.
LEAST_RELEVANCE = 0.5
MOST_NEAR = 3
MOST_WORDS = 20
WORD = re.compile(r"\w+")
# Asks for everything on what follows; "happened" itself is in hardly any memory.
HAPPENED = re.compile(r"^\s*what(?:['’]?s| has| had| did)? happen(?:ed|ing|s)?\b", re.IGNORECASE)


def report_on(
    memory: Memory,
    question: str,
    filters: Filters = NO_FILTERS,
    *,
    as_of: datetime | None = None,
    words_only: bool = False,
    record: bool = True,
) -> Report:
    """Reports what the memories say to a question, in the time that the filters, or else its words, name.

    A question for nothing but a time is answered as `report_on_period` does. What the report tells of is recorded as
    listed, and what its answer quotes as cited, unless `as_of` asks for the past or `record` is False. Raises
    InputError as `Memory.search` does.
    """
    now = as_of or datetime.now(UTC)
    period = None if filters.created_from or filters.created_until else _named_period(question, now)
    within = filters if period is None else replace(filters, created_from=period.start, created_until=period.end)
    subject = _subject(question, period)
    if not subject and within.created_from and not (within.tags or within.metadata):
        span = TimeSpan(within.created_from, within.created_until or now)
        return report_on_period(memory, question, span, now, filters.agent)
    asked = subject or question
    answer = memory.search(asked, RESULTS, within, as_of=as_of, words_only=words_only, record=False)
    best = answer.results[0].relevance if answer.results else 0.0
    # Where even the best one is below zero, no other is near enough to it.
    least = min(LEAST_RELEVANCE * best, best)
    told = [result for result in answer.results if result.relevance >= least and is_evidence(result.memory)]
    record = record and as_of is None
    if record:
        memory.listed(replace(answer, results=told))
    said = reply(memory, answer, record=record)
    if said.is_answered:
        sections = [*_answer(memory, said, told, now), _missing(memory, answer, told, filters, within, now)]
    else:
        sections = [Section("Not recorded", [Claim("No memory answers this."), *_nearest(answer, said.misses)])]
    with memory.connection() as connection:
        return reported(
            connection,
            title=question,
            period=_told_period(within, period),
            as_of=now,
            is_recorded=said.is_answered,
            sections=sections,
            note=answer.note,
        )


def _subject(question: str, period: Period | None) -> str:
    """What a question is about: without "what happened with", and without the words of the time; "" if nothing else."""
    subject = HAPPENED.sub("", question)
    for word in period.words.split() if period else ():
        subject = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", subject, count=1, flags=re.IGNORECASE)
    return subject.strip(" ?") if terms(subject) else ""


def _named_period(question: str, now: datetime) -> Period | None:
    """The time that a question names, if it names exactly one."""
    named = periods(question, now)
    return replace(named[0].latest(now), words=named[0].words) if len(named) == 1 else None


def _told_period(filters: Filters, named: Period | None) -> str:
    if filters.created_from is None and filters.created_until is None:
        return "any time"
    bounds = []
    if filters.created_from:
        bounds.append(f"from {day(in_zone(filters.created_from))}")
    if filters.created_until:
        bounds.append(f"until {day(in_zone(filters.created_until) - timedelta(microseconds=1))}")
    return " ".join(bounds) + (f", as “{named.words}” says" if named else "")


def _answer(memory: Memory, said: Reply, told: Sequence[Recalled], now: datetime) -> Iterator[Section]:
    yield Section("In short", [Claim(day(in_zone(quote.created_at)), quote) for quote in said.quotes])
    yield Section(
        "Timeline",
        [
            Claim(day(when), quote, group=f"{when:%Y-%m}")
            for result in sorted(told, key=lambda result: (result.memory.created_at, result.memory.id))
            for when in [in_zone(result.memory.created_at)]
            for quote in telling(said.question, result)
        ],
    )
    memory_ids = [result.memory.id for result in told]
    with memory.connection() as connection:
        yield changes(connection, revisions_of(connection, memory_ids, now))
        named = people_of(connection, memory_ids)
        yield people(connection, named)
        yield topics(connection, topics_of(connection, memory_ids), named)


def _missing(
    memory: Memory, answer: Answer, told: Sequence[Recalled], filters: Filters, within: Filters, now: datetime
) -> Section:
    """Words that no memory says, months without one, and the nearest results that the timeline leaves out."""
    claims = [Claim(f"No memory says “{word}”.") for word in _unsaid(memory, answer, filters)]
    claims += [Claim(f"Nothing on this in {months}.") for months in _silent_months(told, within, now)]
    ids = {result.memory.id for result in told}
    left = [result for result in answer.results if result.memory.id not in ids]
    return Section("What is not recorded", [*claims, *_nearest(answer, left[:MOST_NEAR])])


def _unsaid(memory: Memory, answer: Answer, filters: Filters) -> Iterator[str]:
    """The words of the subject that a search for them alone does not find, if the store lacks any."""
    lacks_any = answer.signs is not None and answer.signs.known < 1
    for word in list(dict.fromkeys(WORD.findall(answer.query)))[:MOST_WORDS] if lacks_any else ():
        if not terms(word):
            continue
        found = memory.search(word, 1, filters, words_only=True, record=False)
        if found.respelled or not any(result.terms.get("lexical") for result in found.results):
            yield word


def _silent_months(told: Sequence[Recalled], within: Filters, now: datetime) -> Iterator[str]:
    """The months of the period, or between the first and the last memory, that have none; runs of them as one."""
    spoken = {_month(result.memory.created_at) for result in told}
    first = _month(within.created_from) if within.created_from else min(spoken)
    last = _month(min(within.created_until - timedelta(microseconds=1), now)) if within.created_until else max(spoken)
    run: list[int] = []
    for month in range(first, last + 2):
        if month <= last and month not in spoken:
            run.append(month)
        elif run:
            yield " to ".join(dict.fromkeys(f"{each // 12:04}-{each % 12 + 1:02}" for each in (run[0], run[-1])))
            run = []


def _month(instant: datetime) -> int:
    local = in_zone(instant)
    return local.year * 12 + local.month - 1


def _nearest(answer: Answer, results: Sequence[Recalled]) -> Iterator[Claim]:
    for result in results:
        for quote in telling(answer.query, result)[:1]:
            yield Claim(f"near, with a relevance of {result.relevance:.2f}: {day(in_zone(quote.created_at))}", quote)
