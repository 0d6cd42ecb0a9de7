"""Makes what reports share: what changed, people, topics, and the sources."""

from collections.abc import Callable, Sequence
from datetime import datetime

from memories.documents.memoir import memoirs
from memories.evidence.quotes import Quote, about, gist_of, naming
from memories.instant import day, in_zone
from memories.lexical.terms import names
from memories.postgres.database import Connection
from memories.records import Memoir
from memories.views.happenings import Named, Revision
from sidecar.reports.report import Claim, Report, Section

MOST_NAMES = 8
# What is said of the later and of the earlier memory.
REVISED = {"supersession": ("now", "before"), "contradiction": ("says", "but also")}


def reported(
    connection: Connection,
    *,
    title: str,
    period: str,
    as_of: datetime,
    is_recorded: bool,
    sections: Sequence[Section],
    note: str | None = None,
) -> Report:
    """The report of these sections, with the memories that they quote as sources."""
    used = {quote.memory_id for section in sections for claim in section.claims for quote in claim.quotes}
    sources = sorted(memoirs(connection, used).values(), key=lambda source: (source.created_at, source.id))
    return Report(title, period, as_of, is_recorded, sections, sources, note)


def changes(connection: Connection, revisions: Sequence[Revision]) -> Section:
    """Each revision: what the later memory says, then what the earlier one said."""
    found = memoirs(connection, {each for one in revisions for each in (one.later_id, one.earlier_id)})
    claims = []
    for revision in revisions:
        pair = [(revision.later_id, revision.later_gist), (revision.earlier_id, revision.earlier_gist)]
        quotes = [gist_of(found[memory_id], gist) for memory_id, gist in pair if memory_id in found]
        if len(quotes) == len(pair) and all(quotes):
            claims += [
                Claim(f"{word} ({day(in_zone(quote.created_at))})", quote)
                for word, quote in zip(REVISED[revision.kind], quotes, strict=True)
                if quote
            ]
    return Section("What changed", claims)


def people(connection: Connection, found: Sequence[Named]) -> Section:
    """The people whom most memories name, each with the sentences that do."""
    return Section("People", _named(connection, found, naming, fewest=1))


def topics(connection: Connection, found: Sequence[Named], named: Sequence[Named]) -> Section:
    """The topics that most memories share, but for the names of people, each with the sentences that say so."""
    people_named = {word for one in named for form in one.forms for word in names(form)}
    others = [topic for topic in found if not people_named.issuperset(names(topic.name))]
    return Section("Topics", _named(connection, others, about, fewest=2))


def _named(
    connection: Connection, found: Sequence[Named], says: Callable[[Memoir, str], Quote | None], *, fewest: int
) -> Sequence[Claim]:
    """A claim for each name that is written in enough memories; the latest is quoted, the others are cited."""
    found = found[: 2 * MOST_NAMES]
    named = memoirs(connection, {memory_id for each in found for memory_id in each.memory_ids})
    claims = []
    for each in found:
        quotes = [
            quote
            for memory_id in each.memory_ids
            if memory_id in named
            for quote in [next(filter(None, (says(named[memory_id], form) for form in (each.name, *each.forms))), None)]
            if quote
        ]
        if len(quotes) >= fewest:
            *further, latest = sorted(quotes, key=lambda quote: (quote.created_at, quote.memory_id))
            count = len(quotes)
            claims.append(Claim(f"{each.name}, in {count} memor{'y' if count == 1 else 'ies'}", latest, further))
    return sorted(claims, key=lambda claim: -len(claim.quotes))[:MOST_NAMES]
