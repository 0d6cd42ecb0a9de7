"""Replaces quotations of this store's memories with citations, so that recalled text is not loaded as new.

Marked quotations (`memories.quoting.handed_out`) are recognised in every document. An unmarked quotation is the whole
text of a memory, letter for letter apart from layout, in a document dated after the memory was recalled: anywhere in
what an assistant, a tool or a system said; in any other document, only if it is all that the document says.

Texts are looked up by hash: their openings in a bit field of fixed size, then in `dreams.recalled_texts`. So memory
use does not grow with the number of recalled texts, and nothing is looked up while there are none.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from memories.documents.memoir import memoirs
from memories.documents.write import content_hash, rows_of
from memories.postgres.database import Connection
from memories.quoting.handed_out import with_citations
from memories.quoting.quotation import citation, says_something
from memories.records import Document

QUOTING_ROLES = ("assistant", "tool", "system")
SHORTEST_QUOTATION = 40
OPENING_BITS = 1 << 23
HEAD_CHARACTERS = 400
ROWS_AT_ONCE = 500
# Metadata key of a document whose unmarked quotations became citations: the hash of its original text.
SAID = "said_sha256"
QUOTES = "\"'`*_\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
BARE = f" {QUOTES}"
IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff"
# White space, and quotation and list markers at the beginning of a line.
LAYOUT = re.compile(r"(?>(?:(?:\A|\n)[^\S\n]*+(?>(?:(?:>|[-*+\u2022]|\d{1,3}[.)])[^\S\n]++|>)*)|\s)+)")
# Where a quotation may begin and end: never within a word, nor before "+1".
BEGINNING = re.compile(rf"(?<![^\W_])\S|[{IDEOGRAPHS}]")
ENDING = re.compile(rf"(?>(?:[^\w\s]|_)*)(?!\S)|[\"\u201d\u00bb\u203a\u300d\u300f)\]\u2013\u2014{IDEOGRAPHS}]")

# Recalled memories that dreams.recalled_texts does not have yet, with their earlier versions. The sort makes Postgres
# find all of them before the first is inserted: otherwise each lookup would pass over the rows just inserted.
UNTAKEN = """
with recalled as (
    select memory_id, min(occurred_at) as recalled_at from dreams.recall_events
    where kind in ('listed', 'opened', 'cited')
    group by memory_id
),
untaken as (
    select r.memory_id, r.recalled_at, m.content, m.parent_id
    from recalled as r inner join public.memories as m on m.id = r.memory_id
    where not exists (
        select 1 from dreams.recalled_texts as t where t.memory_id = r.memory_id and t.recalled_at <= r.recalled_at
    )
)
select memory_id, recalled_at, parent_id, content from untaken
union all
select u.memory_id, u.recalled_at, u.parent_id, v.content
from untaken as u inner join dreams.memory_versions as v on v.memory_id = u.memory_id
order by memory_id
"""
TAKE = """
insert into dreams.recalled_texts (memory_id, document_id, recalled_at, text_hash, opening, characters)
select distinct on (memory_id, text_hash) *
from unnest(%s::uuid [], %s::uuid [], %s::timestamptz [], %s::bytea [], %s::bigint [], %s::integer [])
    as taken (memory_id, document_id, recalled_at, text_hash, opening, characters)
on conflict (memory_id, text_hash) do update set recalled_at = least(recalled_texts.recalled_at, excluded.recalled_at)
"""
LENGTHS = "select distinct opening, characters from dreams.recalled_texts where opening = any(%s) and characters > 0"
OWNERS = "select text_hash, document_id, memory_id, recalled_at from dreams.recalled_texts where text_hash = any(%s)"


class Plain(NamedTuple):
    """A text without its layout: words one space apart, with the offset of each here and in the original."""

    text: str
    starts: Sequence[int]
    origins: Sequence[int]

    def origin(self, position: int) -> int:
        word = bisect_right(self.starts, position) - 1
        return self.origins[word] + position - self.starts[word]


class Text(NamedTuple):
    """A recalled text: one row of `dreams.recalled_texts`."""

    memory_id: UUID
    document_id: UUID
    recalled_at: datetime
    text_hash: bytes
    opening: int
    characters: int


class Repeatable(NamedTuple):
    """A place in a document where a recalled text may begin; if `end` is set, it must end there."""

    document: Document
    plain: Plain
    start: int
    end: int | None
    opening: int


class Repeated(NamedTuple):
    """A recalled text that a document repeats, with its span in the plain text."""

    start: int
    end: int
    memory_id: UUID


class RecalledTexts:
    """Recognises the texts recalled from a store, during one load."""

    def __init__(self) -> None:
        self._openings = bytearray(OPENING_BITS // 8)
        self._is_empty = True
        self.is_current = False

    def catch_up(self, connection: Connection) -> None:
        """Adds what was recalled since the last call; must be called within a transaction."""
        if self._is_empty:
            with connection.cursor(name="recalled_openings") as openings:
                openings.execute("select opening from dreams.recalled_texts")
                self._add(int(str(opening)) for (opening,) in openings)
        with connection.cursor(name="untaken_texts") as untaken:
            untaken.execute(UNTAKEN)
            while rows := untaken.fetchmany(ROWS_AT_ONCE):
                taken = list(_texts(connection, rows))
                connection.execute(TAKE, [list(column) for column in zip(*taken, strict=True)])
                self._add(text.opening for text in taken)
        self.is_current = True

    def sift(self, connection: Connection, documents: Iterable[Document]) -> Mapping[UUID, Document | None]:
        """Maps the ids of documents that repeat recalled texts to their form with citations, or None if nothing is new.

        A document that the store has already keeps its stored form: reading it again changes nothing.
        """
        if self._is_empty:
            return {}
        dated = [each for each in documents if _date(each) is not None]
        kept = _kept(connection, [each for each in dated if _may_quote(each)])
        candidates = [each for document in dated if document.id not in kept for each in self._candidates(document)]
        quotations = _quotations(connection, candidates)
        found = {each.document.id: each for each in candidates if each.document.id in quotations}
        verbatim = _stored_verbatim(connection, [each.document for each in found.values()])
        cut = {key: _cut(each.document, each.plain, quotations[key]) for key, each in found.items()}
        return kept | {key: document for key, document in cut.items() if key not in verbatim}

    def _add(self, openings: Iterable[int]) -> None:
        for opening in openings:
            self._openings[opening % OPENING_BITS >> 3] |= 1 << (opening & 7)
            self._is_empty = False

    def _has(self, opening: int) -> bool:
        return bool(self._openings[opening % OPENING_BITS >> 3] & 1 << (opening & 7))

    def _candidates(self, document: Document) -> Iterator[Repeatable]:
        if not _may_quote(document):
            if self._has(_opening(_beginning(document.content))):
                yield from self._whole(document, _plain(document.content))
            return
        plain = _plain(document.content)
        if len(plain.text) < SHORTEST_QUOTATION:
            yield from self._whole(document, plain)
            return
        text, has = plain.text, self._has
        for found in BEGINNING.finditer(text, 0, len(text) - SHORTEST_QUOTATION + 1):
            start = found.start()
            opening = crc32(text[start : start + SHORTEST_QUOTATION].encode())
            if has(opening):
                yield Repeatable(document, plain, start, None, opening)

    def _whole(self, document: Document, plain: Plain) -> Iterator[Repeatable]:
        text = plain.text.rstrip(BARE)
        start = len(text) - len(text.lstrip(BARE))
        opening = _opening(text[start:])
        if self._has(opening):
            yield Repeatable(document, plain, start, len(text), opening)


def cite_marked(connection: Connection, document: Document) -> Document | None:
    """Replaces marked quotations in a document with citations; returns None when it says nothing else."""
    with connection.transaction():
        text, _ = with_citations(connection, document.content)
    if text == document.content:
        return document
    return replace(document, content=text) if says_something(text) else None


def _cut(document: Document, plain: Plain, quotations: Sequence[Repeated]) -> Document | None:
    parts: list[str] = []
    end = 0
    for each in quotations:
        parts += (document.content[end : plain.origin(each.start)], citation(each.memory_id))
        end = plain.origin(each.end - 1) + 1
    text = "".join([*parts, document.content[end:]])
    metadata = {**document.metadata, SAID: content_hash(document.content)}
    return replace(document, content=text, metadata=metadata) if says_something(text) else None


def _quotations(connection: Connection, candidates: Sequence[Repeatable]) -> Mapping[UUID, Sequence[Repeated]]:
    """Finds the recalled texts that each document repeats: the longest at each place, without overlaps."""
    places = _places(connection, candidates)
    found: dict[UUID, list[Repeated]] = defaultdict(list)
    for text_hash, document_id, memory_id, recalled_at in connection.execute(OWNERS, (list(places),)).fetchall():
        for candidate, end in places[bytes(text_hash)]:  # type: ignore[call-overload]
            document, date = candidate.document, _date(candidate.document)
            if document.id != document_id and date is not None and recalled_at < date:  # type: ignore[operator]
                found[document.id].append(Repeated(candidate.start, end, UUID(str(memory_id))))
    return {document_id: _apart(group) for document_id, group in found.items()}


def _places(
    connection: Connection, candidates: Sequence[Repeatable]
) -> Mapping[bytes, Sequence[tuple[Repeatable, int]]]:
    """Groups, by hash of the text there, the places that match the opening and length of a recalled text."""
    lengths: dict[int, list[int]] = defaultdict(list)
    openings = list({each.opening for each in candidates})
    for opening, characters in connection.execute(LENGTHS, (openings,)).fetchall():
        lengths[int(str(opening))].append(int(str(characters)))
    places: dict[bytes, list[tuple[Repeatable, int]]] = defaultdict(list)
    for each in candidates:
        for characters in lengths[each.opening]:
            end = each.start + characters
            if _ends(each, end):
                places[_hash(each.plain.text[each.start : end])].append((each, end))
    return places


def _ends(candidate: Repeatable, end: int) -> bool:
    if candidate.end is not None:
        return end == candidate.end
    text = candidate.plain.text
    return end - candidate.start >= SHORTEST_QUOTATION and end <= len(text) and ENDING.match(text, end) is not None


def _apart(quotations: Iterable[Repeated]) -> Sequence[Repeated]:
    kept: list[Repeated] = []
    for each in sorted(quotations, key=lambda found: (found.start, -found.end, found.memory_id)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _kept(connection: Connection, documents: Sequence[Document]) -> dict[UUID, Document | None]:
    """Finds documents stored with citations whose original text has not changed, and returns their stored form."""
    said = {each.id: each for each in documents}
    stored = connection.execute(
        "select id from public.memories where id = any(%s) and metadata ? %s", (list(said), SAID)
    ).fetchall()
    kept: dict[UUID, Document | None] = {}
    for document_id, memoir in memoirs(connection, [UUID(str(each)) for (each,) in stored]).items():
        document, hashed = said[document_id], memoir.metadata[SAID]
        if hashed == content_hash(document.content):
            kept[document_id] = replace(document, content=memoir.content, metadata={**document.metadata, SAID: hashed})
    return kept


def _stored_verbatim(connection: Connection, documents: Sequence[Document]) -> set[UUID]:
    """Finds documents stored word for word before it was known that they quote; they stay as they are."""
    rows = {document.id: {row.id: row.content_hash for row in rows_of(document)} for document in documents}
    row_ids = [row_id for hashes in rows.values() for row_id in hashes]
    found = connection.execute("select id, content_hash from public.memories where id = any(%s)", (row_ids,))
    stored = {UUID(str(row_id)): str(row_hash) for row_id, row_hash in found}
    return {document_id for document_id, hashes in rows.items() if hashes.items() <= stored.items()}


def _texts(connection: Connection, rows: Iterable[Sequence[object]]) -> Iterator[Text]:
    """Yields the texts that quote a recalled row: its own; for a chunk, its document; for a first chunk, all chunks."""
    chunks = {UUID(str(row[0])): row for row in rows if row[2] is not None}
    wholes = memoirs(connection, list(chunks))
    siblings = connection.execute(
        "select parent_id, content from public.memories where parent_id = any(%s)", (list(chunks),)
    )
    further = [(*chunks[memory_id][:3], memoir.content) for memory_id, memoir in wholes.items()]
    further += [(*chunks[UUID(str(parent_id))][:3], content) for parent_id, content in siblings]
    for memory_id, recalled_at, parent_id, content in (*rows, *further):
        bare = _bare(str(content))
        assert isinstance(memory_id, UUID) and isinstance(recalled_at, datetime)  # noqa: S101 - as the columns are
        document_id = UUID(str(parent_id or memory_id))
        yield Text(memory_id, document_id, recalled_at, _hash(bare), _opening(bare), len(bare))


def _date(document: Document) -> datetime | None:
    """The date of the document's latest state; a document without one is never taken to quote."""
    return document.updated_at or document.created_at


def _may_quote(document: Document) -> bool:
    return document.metadata.get("role") in QUOTING_ROLES


def _hash(bare: str) -> bytes:
    return sha256(bare.encode()).digest()


def _opening(bare: str) -> int:
    return crc32(bare[:SHORTEST_QUOTATION].encode())


def _bare(text: str) -> str:
    return LAYOUT.sub(" ", text).strip(BARE)


def _beginning(text: str) -> str:
    """The bare text, or only its beginning if that holds the whole opening."""
    head = LAYOUT.sub(" ", text[:HEAD_CHARACTERS]).lstrip(BARE)
    return head if len(text) > HEAD_CHARACTERS and len(head) >= SHORTEST_QUOTATION else _bare(text)


def _plain(text: str) -> Plain:
    gaps = [each.span() for each in LAYOUT.finditer(text)]
    words = zip([0, *(end for _, end in gaps)], [*(start for start, _ in gaps), len(text)], strict=True)
    spans = [(start, end) for start, end in words if end > start]
    starts, length = [], 0
    for start, end in spans:
        starts.append(length)
        length += end - start + 1
    return Plain(" ".join(text[start:end] for start, end in spans), starts, [start for start, _ in spans])
