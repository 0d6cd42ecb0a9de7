"""Writes a report as one HTML file: no script, nothing from elsewhere, and every text of a memory escaped."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from memories.instant import day, in_zone, minute
from memories.records import Memoir
from memories.views.reasons import gist
from sidecar.reports.report import Place, Report, numbered, place, source_name


class Stretch(NamedTuple):
    """A stretch of a memory, whether it is quoted, and the numbers of the quotations that begin with it."""

    text: str
    is_quoted: bool
    begins: Sequence[int]


def html(report: Report) -> str:
    """The report as a page; a citation leads to its place in the whole text of the memory, which is folded."""
    numbers = numbered(report)
    return _page().render(
        report=report,
        number=lambda quote: numbers[place(quote)],
        parts={source.id: _parts(source, numbers) for source in report.sources},
    )


def _parts(source: Memoir, numbers: Mapping[Place, int]) -> Sequence[Stretch]:
    """The whole content of a memory, cut wherever a quotation begins or ends."""
    spans = {number: (start, end) for (of, start, end), number in numbers.items() if of == source.id}
    content = source.content.encode()
    cuts = sorted({0, len(content)}.union(*spans.values()))
    return [
        Stretch(
            content[start:end].decode(),
            any(first <= start and end <= last for first, last in spans.values()),
            [number for number, (first, _) in spans.items() if first == start],
        )
        for start, end in pairwise(cuts)
    ]


@lru_cache(maxsize=1)
def _page() -> Template:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": lambda instant: day(in_zone(instant)),
        "minute": lambda instant: minute(in_zone(instant)),
        "gist": gist,
        "source_name": source_name,
        "verbatim": _verbatim,
    }
    return environment.get_template("page.html")


def _verbatim(text: str) -> Markup:
    """The text escaped; browsers would read a carriage return as a line feed."""
    return Markup(escape(text).replace("\r", Markup("&#13;")))  # noqa: S704 - escaped
