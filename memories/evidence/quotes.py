"""Chooses the sentences of a search's results that answer its question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memories.evidence.sentences import Sentence, sentences
from memories.lexical.languages import language_of
from memories.lexical.terms import terms
from memories.records import Answer, Recalled

# The results that are quoted, and how much less relevant than the first one may be.
MOST_MEMORIES = 3
LEAST_RELEVANCE = 0.85
# How many sentences of one memory, and how much less a further one may cover of the question than the best.
MOST_SENTENCES = 2
LEAST_COVERAGE = 0.6
# Memories of at most this length are quoted whole, as their sentences explain one another.
SHORT_CHARACTERS = 280


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a memory, byte for byte: `text` is `content.encode()[start_byte:end_byte].decode()`."""

    memory_id: UUID
    created_at: datetime
    text: str
    start_byte: int
    end_byte: int
    superseded_by: UUID | None = None


def quotes(answer: Answer) -> Sequence[Quote]:
    """The sentences that answer best, of the most relevant results; questions are no evidence."""
    return [quote for result in _telling(answer.results) for quote in _quoted(answer.query, result)]


def _telling(results: Sequence[Recalled]) -> Iterator[Recalled]:
    # Where even the best one is below zero, no other is near enough to it.
    least = min(LEAST_RELEVANCE * results[0].relevance, results[0].relevance) if results else 0.0
    return (result for result in results[:MOST_MEMORIES] if result.relevance >= least)


def _quoted(question: str, result: Recalled) -> Iterator[Quote]:
    content = result.memory.content
    chosen = [_whole(content)] if len(content) <= SHORT_CHARACTERS else _best(question, result)
    for sentence in chosen:
        yield Quote(
            memory_id=result.memory.id,
            created_at=result.memory.created_at,
            text=sentence.text,
            start_byte=sentence.start_byte,
            end_byte=sentence.end_byte,
            superseded_by=result.superseded_by,
        )


def _whole(content: str) -> Sentence:
    text = content.strip()
    before = len(content[: content.index(text)].encode())
    return Sentence(text, before, before + len(text.encode()))


def _best(question: str, result: Recalled) -> Sequence[Sentence]:
    """The sentences that cover most of the question, in order; those of the excerpt where the words tell nothing."""
    language = language_of(result.memory.content)
    asked = set(terms(question, language))
    found = [
        each for each in sentences(result.memory.content) if not each.text.rstrip("\"')”’").endswith(("?", "？", "؟"))
    ]
    covered = [
        len(asked.intersection(terms(each.text, language))) + 0.5 * (each.text in result.excerpt) for each in found
    ]
    if not found:
        return []
    order = sorted(range(len(found)), key=lambda place: (-covered[place], place))[:MOST_SENTENCES]
    best = covered[order[0]]
    return [found[place] for place in sorted(order) if covered[place] >= LEAST_COVERAGE * best]
