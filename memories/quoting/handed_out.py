"""Replaces quotations that this store handed out with citations; everything else in a text stays as it is.

A quotation counts when its seal is this store's (see `quotation`), so that it repeats, except for layout, exactly what
was handed out; and when its memory exists or was forgotten on purpose. It may be indented, follow "> ", or be escaped
within JSON or HTML.
"""

import html
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from hmac import compare_digest
from typing import NamedTuple
from uuid import UUID

from memories.postgres.database import Connection
from memories.quoting.quotation import (
    EXPLANATION,
    MEMORY,
    NONCE_BYTES,
    NONCED,
    NOTES,
    citation,
    quotation_key,
    seal,
)

NAME = rf"(?P<name>(?:{MEMORY}|{NOTES})-(?P<nonce>[0-9a-f]{{{2 * NONCE_BYTES}}}))"
UUID_FORM = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
QUOTATION = re.compile(rf'<{NAME} seal="(?P<seal>[0-9a-f]+)"(?P<rest>(?: id="(?P<id>{UUID_FORM})")?.*)', re.DOTALL)
# How a transcript may write the angle brackets of a marker.
BRACKETS = (("<", ">"), ("&lt;", "&gt;"), (r"\\+u003c", r"\\+u003e"))
MARKERS = [re.compile(rf"{left}(?P<closes>\\*/)?{NAME}(?(closes){right}|(?=[ \\]))") for left, right in BRACKETS]
# How many times a text may be escaped, and how many times its own length is searched in all.
MOST_ESCAPES = 3
MOST_LOOKS = 8

KNOWN = """
select g.id from unnest(%s::uuid []) as g (id)
where
    exists (select from public.memories as m where m.id = g.id)
    or exists (select from dreams.tombstones as t where t.memory_id = g.id)
"""


class Span(NamedTuple):
    """A range of a text, from an opening marker to the end of the next marker that closes it."""

    start: int
    end: int


class Quotation(NamedTuple):
    """A quotation of this store, by its place in a text; for notes, `memory_id` is None."""

    span: Span
    nonce: str
    memory_id: UUID | None


def with_citations(connection: Connection, text: str) -> tuple[str, Sequence[UUID]]:
    """The text with each quoted memory replaced by a citation and notes removed; and the ids of those memories."""
    spans = _spans(text)
    if not spans:
        return text, []
    sealed = list(_sealed(text, spans, quotation_key(connection)))
    known = _known(connection, {each.memory_id for each in sealed if each.memory_id is not None})
    found = [each for each in sealed if each.memory_id is None or each.memory_id in known]
    return _replaced(text, found), [each.memory_id for each in found if each.memory_id is not None]


def _spans(text: str) -> Sequence[Span]:
    """The ranges that may be quotations, by start, longest first."""
    if MEMORY not in text and NOTES not in text:
        return ()
    return sorted((span for marker in MARKERS for span in _between(text, marker)), key=lambda s: (s.start, -s.end))


def _between(text: str, marker: re.Pattern[str]) -> Iterator[Span]:
    opened: dict[str, int] = {}
    for found in marker.finditer(text):
        if not found["closes"]:
            opened[found["name"]] = found.start()
        elif found["name"] in opened:
            yield Span(opened.pop(found["name"]), found.end())


def _sealed(text: str, spans: Sequence[Span], key: bytes) -> Iterator[Quotation]:
    """The quotations whose seal is valid; skips one inside another, which belongs to the outer one's text."""
    end, characters_left = 0, MOST_LOOKS * len(text)
    for span in spans:
        if span.start < end:
            continue
        characters_left -= span.end - span.start
        if characters_left < 0:
            return
        if (found := _unsealed(text[span.start : span.end], key)) is not None:
            end = span.end
            yield Quotation(span, found["nonce"], UUID(found["id"]) if found["id"] else None)


def _unsealed(block: str, key: bytes) -> re.Match[str] | None:
    for written in _unescaped(block):
        found = QUOTATION.fullmatch(written)
        if found is not None and compare_digest(found["seal"], seal(key, found["name"], found["rest"])):
            return found
    return None


def _unescaped(block: str) -> Iterator[str]:
    """The block as it is, and unescaped from JSON or HTML, up to MOST_ESCAPES times."""
    seen, latest = {block}, [block]
    yield block
    for _ in range(MOST_ESCAPES):
        read = {each for unescape in UNESCAPES for escaped in latest for each in unescape(escaped)}
        latest = sorted(read - seen)
        seen |= read
        yield from latest


def _from_json(text: str) -> Sequence[str]:
    try:
        return [json.loads(f'"{text}"', strict=False)]
    except ValueError:
        return []


UNESCAPES: Sequence[Callable[[str], Sequence[str]]] = (lambda text: [html.unescape(text)], _from_json)


def _known(connection: Connection, memory_ids: Collection[UUID]) -> Collection[UUID]:
    return {UUID(str(memory_id)) for (memory_id,) in connection.execute(KNOWN, (list(memory_ids),))}


def _replaced(text: str, quotations: Sequence[Quotation]) -> str:
    parts: list[str] = []
    end = 0
    for each in quotations:
        parts += (text[end : each.span.start], "" if each.memory_id is None else citation(each.memory_id))
        end = each.span.end
    kept = "".join([*parts, text[end:]])
    for nonce in {each.nonce for each in quotations}:
        kept = _explained(nonce).sub("", kept)
    return kept


def _explained(nonce: str) -> re.Pattern[str]:
    """Matches the explanation at the beginning of the answer with this nonce."""
    words = re.escape(f"{EXPLANATION} {NONCED.format(nonce=nonce)}").replace(r"\ ", r"\s+")
    return re.compile(rf"[^\S\n]*{words}\s*")
