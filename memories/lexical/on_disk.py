"""Reads and writes the lexical index on disk: a tantivy index, and a stamp that describes it.

A folder holds `stamp.json` and a subfolder with the generation that it names. A rebuild writes a new generation, then
switches the stamp to it atomically. Writers hold a lock; readers need none.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from uuid import UUID, SafeUUID, uuid4

import tantivy
from filelock import FileLock, Timeout

from memories.errors import CacheLocked, CacheUnwritable
from memories.home import FILE_MODE, FOLDER_MODE, close_all, make_folder
from memories.lexical.bm25 import rarity
from memories.lexical.changes import Row, Snapshot
from memories.lexical.stamp import (
    LIST,
    UNFINISHED,
    Stamp,
    checksum,
    put,
    read,
)
from memories.lexical.terms import ANALYSIS, row_terms, splitter

LONGEST_WAIT_SECONDS = 600
# Memory budget of a writer: for a build, and for changes.
BUILD_BYTES = 768_000_000
CHANGE_BYTES = 64_000_000
# Without these pauses, a search in another thread would wait 5 ms (the switch interval of the GIL) at each step.
ROWS_BETWEEN_PAUSES = 32
PAUSE_SECONDS = 5e-5
LOW_BITS = (1 << 64) - 1
PROBED_TERMS = 20


class Postings:
    """An index on disk, as of when it was opened. Thread-safe."""

    def __init__(self, stamp: Stamp, index: tantivy.Index) -> None:
        self.stamp = stamp
        self.seen = Snapshot.parse(stamp.seen)
        self._schema = index.schema
        self._searcher = index.searcher()

    @property
    def live_row_count(self) -> int:
        return self._searcher.num_docs

    @property
    def earlier_share(self) -> float:
        """The share of its rows that are earlier states of memories, or deleted memories."""
        return 1 - self.live_row_count / self.stamp.row_count if self.stamp.row_count else 0.0

    def frequency(self, term: str) -> int:
        """How many rows contain a term, including earlier states."""
        return self._searcher.doc_freq("text", term)

    def rarity(self, term: str) -> float:
        """The weight that the index itself gives a term; 0 when no row contains it."""
        frequency = self.frequency(term)
        return rarity(self.stamp.row_count, frequency) if frequency else 0.0

    def holds(self, memory_id: UUID) -> bool:
        query = tantivy.Query.term_query(self._schema, "id", memory_id.hex)
        return bool(self._searcher.search(query, 1, count=False).hits)

    def search(self, weights: Mapping[str, float], limit: int) -> dict[UUID, float]:
        """BM25 of the best memories, best first; each term's share is multiplied by its weight."""
        if limit < 1 or not weights:
            return {}
        query = tantivy.Query.boolean_query([self._clause(term, weight) for term, weight in weights.items()])
        return self._found(query, limit)

    def near(self, term: str, most_errors: int, limit: int) -> list[UUID]:
        """Memories with a term at most `most_errors` edits from this one."""
        return list(self._found(tantivy.Query.fuzzy_term_query(self._schema, "text", term, most_errors), limit))

    def _found(self, query: tantivy.Query, limit: int) -> dict[UUID, float]:
        hits = self._searcher.search(query, min(limit, self.live_row_count + 1), count=False).hits
        addresses = [address for _, address in hits]
        highs = self._searcher.fast_field_values("high", addresses)
        lows = self._searcher.fast_field_values("low", addresses)
        return {
            _uuid(int(high or 0) << 64 | int(low or 0)): score
            for (score, _), high, low in zip(hits, highs, lows, strict=True)
        }

    def _clause(self, term: str, weight: float) -> tuple[tantivy.Occur, tantivy.Query]:
        query = tantivy.Query.term_query(self._schema, "text", term, "freq")
        return tantivy.Occur.Should, query if weight == 1.0 else tantivy.Query.boost_query(query, weight)


def opened(folder: Path, *, check: bool) -> Postings | None:
    """Opens the index in a folder; None when it is missing, damaged, or built by another analysis.

    `check` verifies the checksum of every file.
    """
    try:
        stamp = read(folder)
        generation = folder / stamp.generation
        if stamp.analysis != ANALYSIS or (check and not stamp.is_of(folder)):
            return None
        return Postings(stamp, _index(generation))
    except (OSError, ValueError):
        return None


@contextmanager
def writing(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the writer's lock; yields False when another process has it and `wait` is False.

    Raises CacheLocked when waiting times out, and CacheUnwritable when the folder cannot be created.
    """
    lock = FileLock(folder / "write.lock", mode=FILE_MODE)
    try:
        make_folder(folder)
        lock.acquire(timeout=LONGEST_WAIT_SECONDS if wait else 0)
    except Timeout as error:
        if wait:
            raise CacheLocked(f"another process keeps writing {folder}: end it, then try again") from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield lock.is_locked
    finally:
        lock.release()


def write(
    folder: Path, identity: str, base: Postings | None, seen: Snapshot, rows: Iterable[Row], *, threads: int = 1
) -> None:
    """Updates `base` to the snapshot `seen` with the rows that changed since; without a base, builds from all rows.

    Raises CacheUnwritable when the disk is full or the folder may not be written.
    """
    started = time.time()
    generation = folder / (base.stamp.generation if base else uuid4().hex[:12])
    unfinished = generation / UNFINISHED
    try:
        generation.mkdir(mode=FOLDER_MODE, exist_ok=True)
        unfinished.touch()
        some_term = _apply(generation, _with_pauses(rows), fresh=base is None, threads=threads)
        row_count, mean_length, some_term = _statistics(generation, [base.stamp.some_term if base else "", some_term])
        stamp = Stamp(
            identity=identity,
            analysis=ANALYSIS,
            generation=generation.name,
            seen=str(seen),
            files=checksum(generation / LIST),
            row_count=row_count,
            mean_length=mean_length,
            some_term=some_term,
            built_at=base.stamp.built_at if base else started,
            build_seconds=base.stamp.build_seconds if base else time.time() - started,
        )
        put(folder, stamp)
        close_all(folder)
        unfinished.unlink()
        _remove_others(folder, generation)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error


def _with_pauses(rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number % ROWS_BETWEEN_PAUSES == 0:
            time.sleep(PAUSE_SECONDS)
        yield row


def _apply(generation: Path, rows: Iterable[Row], *, fresh: bool, threads: int) -> str:
    """Replaces rows, and deletes those without text; returns one of their terms, "" when they have none."""
    some_term = ""
    writer = _index(generation, fresh=fresh).writer(BUILD_BYTES if fresh else CHANGE_BYTES, threads)
    try:
        for memory_id, text in rows:
            if not fresh:
                writer.delete_documents_by_term("id", memory_id.hex)
            if text is not None:
                found = row_terms(text)
                writer.add_document(_document(memory_id, " ".join(found)))
                some_term = some_term or next(iter(found), "")
        writer.commit()
    finally:
        writer.wait_merging_threads()
    return some_term


def _document(memory_id: UUID, text: str) -> tantivy.Document:
    document, number = tantivy.Document(), memory_id.int
    document.add_text("id", memory_id.hex)
    document.add_unsigned("high", number >> 64)
    document.add_unsigned("low", number & LOW_BITS)
    document.add_text("text", text)
    return document


def _index(generation: Path, *, fresh: bool = False) -> tantivy.Index:
    index = tantivy.Index(_schema(), str(generation)) if fresh else tantivy.Index.open(str(generation))
    index.register_tokenizer("terms", splitter())
    index.config_reader("manual")
    return index


@lru_cache(maxsize=1)
def _schema() -> tantivy.Schema:
    """Memories are found by `text`, deleted by `id`, and read back by `high` and `low`, the two halves of the id."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("high", fast=True)
    builder.add_unsigned_field("low", fast=True)
    builder.add_text_field("text", tokenizer_name="terms", index_option="freq")
    return builder.build()


def _statistics(generation: Path, likely_terms: Sequence[str]) -> tuple[int, float, str]:
    """The row count and mean length that the index scores with, and a term of its rows.

    Tantivy exposes the first two only in the explanation of a score.
    """
    index = _index(generation)
    searcher = index.searcher()
    for term in _terms_to_try(searcher, likely_terms):
        query = tantivy.Query.term_query(index.schema, "text", term, "freq")
        hits = searcher.search(query, 1, count=False).hits
        if hits:
            explained = json.loads(query.explain(searcher, hits[0][1]).to_json())
            return int(_named("N,", explained) or 0), _named("avgdl,", explained) or 0.0, term
    return searcher.num_docs, 0.0, ""


def _terms_to_try(searcher: tantivy.Searcher, likely_terms: Sequence[str]) -> Iterator[str]:
    yield from filter(None, likely_terms)
    yield from (term for term, _ in searcher.terms_with_prefix("text", "", limit=PROBED_TERMS))


def _named(beginning: str, explained: Mapping[str, object]) -> float | None:
    """The value of the first part of an explanation whose description starts with `beginning`."""
    if str(explained["description"]).startswith(beginning):
        return float(str(explained["value"]))
    parts = explained.get("details")
    values = (_named(beginning, part) for part in (parts if isinstance(parts, list) else []))
    return next((value for value in values if value is not None), None)


def _remove_others(folder: Path, generation: Path) -> None:
    for other in folder.iterdir():
        if other.is_dir() and other != generation:
            shutil.rmtree(other, ignore_errors=True)


def _uuid(number: int) -> UUID:
    """Returns UUID(int=number), in half the time: a search makes a thousand."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


def _unwritable(folder: Path, error: Exception) -> CacheUnwritable:
    return CacheUnwritable(f"{folder} cannot be written ({error}): make room and let this user write there")
