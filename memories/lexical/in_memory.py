"""Holds the memories whose words changed last, searchable in RAM until they are written to disk."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract_iter

from memories.lexical.bm25 import kept_length, saturation
from memories.lexical.changes import Snapshot
from memories.lexical.terms import row_terms


@dataclass(frozen=True, slots=True)
class _Row:
    """One memory: the transaction that changed it, its term counts (None when deleted) and its length in terms."""

    changed_in: int
    counts: Mapping[str, int] | None
    length: int


class Tail:
    """Memories by their latest words, and deleted ones; both override what is on disk."""

    def __init__(self) -> None:
        self.row_count = 0
        self.term_count = 0
        self._rows: dict[UUID, _Row] = {}
        self._lengths: dict[UUID, int] = {}
        self._counts: defaultdict[str, dict[UUID, int]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._rows)

    @property
    def mean_length(self) -> float:
        return self.term_count / self.row_count if self.row_count else 0.0

    def put(self, memory_id: UUID, changed_in: int, text: str | None) -> None:
        """Sets a memory's words, replacing earlier ones here; None when it was deleted."""
        self._remove(memory_id)
        if text is None:
            self._rows[memory_id] = _Row(changed_in, None, 0)
            return
        found = row_terms(text)
        row = self._rows[memory_id] = _Row(changed_in, Counter(found), len(found))
        self.row_count += 1
        self.term_count += row.length
        self._lengths[memory_id] = kept_length(row.length)
        for term, count in (row.counts or {}).items():
            self._counts[term][memory_id] = count

    def drop_seen(self, snapshot: Snapshot) -> None:
        """Removes the memories that an index on disk with this snapshot already holds."""
        for memory_id in [memory_id for memory_id, row in self._rows.items() if snapshot.sees(row.changed_in)]:
            self._remove(memory_id)

    def frequency(self, term: str) -> int:
        """How many memories contain a term."""
        return len(self._counts.get(term, ()))

    def near(self, term: str, most_errors: int, limit: int) -> list[UUID]:
        """Memories with a term at most `most_errors` edits from this one."""
        near = extract_iter(term, list(self._counts), scorer=OSA.distance, score_cutoff=most_errors)
        memory_ids = dict.fromkeys(memory_id for known, _, _ in near for memory_id in self._counts[known])
        return list(islice(memory_ids, limit))

    def search(self, weights: Mapping[str, float], mean_length: float) -> dict[UUID, float]:
        """BM25 of every memory that has one of the terms; a term's weight already includes its rarity."""
        found: dict[UUID, float] = {}
        for term in self._known(weights):
            weight = weights[term]
            for memory_id, count in self._counts[term].items():
                share = weight * saturation(count, self._lengths[memory_id], mean_length)
                found[memory_id] = found.get(memory_id, 0.0) + share
        return found

    def _known(self, wanted: Collection[str]) -> list[str]:
        return [term for term in wanted if term in self._counts]

    def _remove(self, memory_id: UUID) -> None:
        row = self._rows.pop(memory_id, None)
        if row is None or row.counts is None:
            return
        self.row_count -= 1
        self.term_count -= row.length
        del self._lengths[memory_id]
        for term in row.counts:
            del self._counts[term][memory_id]
            if not self._counts[term]:
                del self._counts[term]
