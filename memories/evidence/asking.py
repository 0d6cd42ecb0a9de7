"""Asks the memories a question: the answer is what they say, or that nothing is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memories.errors import NotFound
from memories.evidence.quotes import Quote, quotes
from memories.memory import NO_FILTERS, Memory
from memories.records import Answer, Filters, Recalled

RESULTS = 10
MOST_MISSES = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What the memories say to a question: `quotes`, or, where they do not hold the answer, the nearest `misses`.

    `confidence` is that of the search, from 0 to 1; `note` tells of its limitations, as in an `Answer`.
    """

    question: str
    query_id: UUID
    confidence: float
    quotes: Sequence[Quote]
    misses: Sequence[Recalled]
    note: str | None

    @property
    def is_answered(self) -> bool:
        return bool(self.quotes)


def ask(
    memory: Memory,
    question: str,
    filters: Filters = NO_FILTERS,
    *,
    as_of: datetime | None = None,
    words_only: bool = False,
    record: bool = True,
) -> Reply:
    """Answers with the sentences of memories that answer best. No model writes: each is quoted byte for byte.

    What is quoted is recorded as cited, unless `as_of` asks for the past or `record` is False. Raises InputError as
    `Memory.search` does.
    """
    answer = memory.search(question, RESULTS, filters, as_of=as_of, words_only=words_only, record=record)
    return reply(memory, answer, record=record and as_of is None)


def reply(memory: Memory, answer: Answer, *, record: bool) -> Reply:
    """What a search says to its question. With `record`, the quoted memories are recorded as cited."""
    found = quotes(answer) if answer.is_sure else []
    gone = _cite(memory, found, answer.query_id) if record else frozenset[UUID]()
    found = [quote for quote in found if quote.memory_id not in gone]
    left = [result for result in answer.results if result.memory.id not in gone]
    return Reply(
        question=answer.query,
        query_id=answer.query_id,
        confidence=answer.confidence,
        quotes=found,
        misses=[] if found else left[:MOST_MISSES],
        note=answer.note,
    )


def _cite(memory: Memory, found: Sequence[Quote], query_id: UUID) -> frozenset[UUID]:
    """Records the quoted memories as cited; returns those deleted since the search."""
    gone = set()
    for memory_id in dict.fromkeys(quote.memory_id for quote in found):
        try:
            memory.cited(memory_id, query_id)
        except NotFound:
            gone.add(memory_id)
    return frozenset(gone)
