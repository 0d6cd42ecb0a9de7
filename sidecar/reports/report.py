"""Defines `Report`: claims in sections, each resting on sentences of memories that are quoted byte for byte."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memories.evidence.quotes import Quote
from memories.records import Memoir

# A memory, and where in the bytes of its content a quotation begins and ends.
Place = tuple[UUID, int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a memory says: `quote`, and `further` places that say it too, below a `label` in the report's own words.

    Without a quote, the label says what is not recorded. `group` is the part of the section that it stands in.
    """

    label: str = ""
    quote: Quote | None = None
    further: Sequence[Quote] = ()
    group: str = ""

    @property
    def quotes(self) -> Sequence[Quote]:
        return ([] if self.quote is None else [self.quote]) + list(self.further)


@dataclass(frozen=True, slots=True)
class Section:
    """Claims below a heading; `note` says how they were chosen."""

    heading: str
    claims: Sequence[Claim]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as of an instant. `sources` are the memories it quotes, the earliest first.

    `period` says which time it is about. `is_recorded` is False where the memories do not hold what was asked; then the
    sections say what comes nearest. `note` tells of limitations, as in an `Answer`.
    """

    title: str
    period: str
    as_of: datetime
    is_recorded: bool
    sections: Sequence[Section]
    sources: Sequence[Memoir]
    note: str | None = None

    def quotes(self) -> Iterator[Quote]:
        """Every quotation, in the order of the report."""
        return (quote for section in self.sections for claim in section.claims for quote in claim.quotes)


def numbered(report: Report) -> Mapping[Place, int]:
    """The number by which a report cites each place that it quotes."""
    return {each: number for number, each in enumerate(dict.fromkeys(map(place, report.quotes())), 1)}


def place(quote: Quote) -> Place:
    return quote.memory_id, quote.start_byte, quote.end_byte


def source_name(memory: Memoir) -> str:
    """Where a memory came from: the program or kind of file."""
    return str(memory.metadata.get("source") or memory.metadata.get("channel") or "")
