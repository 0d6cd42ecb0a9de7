"""Writes a report as Markdown, in which no text of a memory is markup."""

import re
from collections.abc import Iterator, Mapping

from memories.instant import day, in_zone, minute
from memories.quoting.markdown import as_text
from memories.views.reasons import gist
from sidecar.reports.report import Claim, Place, Report, numbered, place, source_name

BLANK = re.compile(r"\n{3,}")


def markdown(report: Report) -> str:
    """The report with a footnote for each quotation: the memory's id, its day, and the bytes of its content."""
    return BLANK.sub("\n\n", "\n".join(_lines(report))) + "\n"


def _lines(report: Report) -> Iterator[str]:
    numbers = numbered(report)
    yield f"# {as_text(report.title)}\n"
    yield f"Period: {as_text(report.period)}. As of {minute(in_zone(report.as_of))}."
    if report.note:
        yield f"\n{as_text(report.note)}"
    for section in report.sections:
        yield f"\n## {section.heading}\n"
        if section.note:
            yield f"{as_text(section.note)}\n"
        if not section.claims:
            yield "Nothing is recorded."
        group = ""
        for claim in section.claims:
            if claim.group != group:
                group = claim.group
                yield f"\n### {as_text(group)}\n"
            yield f"- {_claim(claim, numbers)}"
    if report.sources:
        yield "\n## Sources\n"
        for source in report.sources:
            where = f", {as_text(source_name(source))}" if source_name(source) else ""
            yield f"- {source.id}, {day(in_zone(source.created_at))}{where}: {as_text(gist(source))}"
        yield ""
    days = {source.id: day(in_zone(source.created_at)) for source in report.sources}
    for (memory_id, start, end), number in numbers.items():
        yield f"[^{number}]: memory {memory_id}, {days[memory_id]}, bytes {start}–{end}"


def _claim(claim: Claim, numbers: Mapping[Place, int]) -> str:
    if claim.quote is None:
        return as_text(claim.label)
    label = f"{as_text(claim.label)}: " if claim.label else ""
    since = f" (since replaced by {claim.quote.superseded_by})" if claim.quote.superseded_by else ""
    cited = " ".join(f"[^{numbers[place(quote)]}]" for quote in claim.quotes)
    return f"{label}“{as_text(claim.quote.text)}”{since} {cited}"
