"""Chooses the sentences of memories to quote: those that answer a question, that say a name, that tell the gist."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from memories.evidence.sentences import Sentence, is_question, sentences
from memories.lexical.languages import language_of
from memories.lexical.terms import names, terms
from memories.records import Answer, Memoir, Recalled

# The results that are quoted, and how much less relevant than the first one may be.
MOST_MEMORIES = 3
LEAST_RELEVANCE = 0.85
# How many sentences of one memory, and how much less a further one may cover of the question than the best.
MOST_SENTENCES = 2
LEAST_COVERAGE = 0.6
# Metadata key of what a generator of ours has said.
GENERATOR = "generator"
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
    return [quote for result in _telling(answer.results) for quote in telling(answer.query, result)]


def telling(question: str, result: Recalled) -> Sequence[Quote]:
    """The sentences of one result that answer best; a short memory is quoted whole."""
    content = result.memory.content
    chosen = [_whole(content)] if len(content) <= SHORT_CHARACTERS else _best(question, result)
    return [_quote(result.memory, sentence, result.superseded_by) for sentence in chosen]


def naming(memory: Memoir, name: str) -> Quote | None:
    """The first sentence that says all words of a person's name, ignoring case and accents; None without one."""
    said = set(names(name))
    return _first(memory, lambda text: bool(said) and said.issubset(names(text)))


def about(memory: Memoir, topic: str) -> Quote | None:
    """The first sentence that says all words of a topic in any of their forms; None without one."""
    said = set(terms(topic))
    return _first(memory, lambda text: bool(said) and said.issubset(terms(text)))


def gist_of(memory: Memoir, gist: str) -> Quote | None:
    """The sentence that the gist of a memory is taken from, else the first one; None for a memory of blanks."""
    begun = gist.removesuffix("…")
    found = _first(memory, lambda text: bool(begun) and (begun in text or text in begun))
    return found or _first(memory, bool)


def _first(memory: Memoir, fits: Callable[[str], bool]) -> Quote | None:
    return next((_quote(memory, each) for each in sentences(memory.content) if fits(each.text)), None)


def _telling(results: Sequence[Recalled]) -> Iterator[Recalled]:
    evidence = list(islice((each for each in results if is_evidence(each.memory)), MOST_MEMORIES))
    # Where even the best one is below zero, no other is near enough to it.
    least = min(LEAST_RELEVANCE * evidence[0].relevance, evidence[0].relevance) if evidence else 0.0
    return (result for result in evidence if result.relevance >= least)


def is_evidence(memory: Memoir) -> bool:
    """Whether an answer may rest on a memory: not on one that only asks, nor on what a generator of ours once said."""
    return GENERATOR not in memory.metadata and not _only_asks(memory.content)


def _only_asks(content: str) -> bool:
    """Whether a short content holds nothing but questions."""
    return len(content) <= SHORT_CHARACTERS and all(is_question(each.text) for each in sentences(content))


def one_by_one(quoted: Iterable[Quote]) -> Sequence[Quote]:
    """The same quotes, a sentence each and without the questions among them."""
    return [
        replace(
            quote,
            text=each.text,
            start_byte=quote.start_byte + each.start_byte,
            end_byte=quote.start_byte + each.end_byte,
        )
        for quote in quoted
        for each in sentences(quote.text)
        if not is_question(each.text)
    ]


def _quote(memory: Memoir, sentence: Sentence, superseded_by: UUID | None = None) -> Quote:
    return Quote(
        memory_id=memory.id,
        created_at=memory.created_at,
        text=sentence.text,
        start_byte=sentence.start_byte,
        end_byte=sentence.end_byte,
        superseded_by=superseded_by,
    )


def _whole(content: str) -> Sentence:
    text = content.strip()
    before = len(content[: content.index(text)].encode())
    return Sentence(text, before, before + len(text.encode()))


def _best(question: str, result: Recalled) -> Sequence[Sentence]:
    """The sentences that cover most of the question, in order; those of the excerpt where the words tell nothing."""
    language = language_of(result.memory.content)
    asked = set(terms(question, language))
    found = [each for each in sentences(result.memory.content) if not is_question(each.text)]
    covered = [
        len(asked.intersection(terms(each.text, language))) + 0.5 * (each.text in result.excerpt) for each in found
    ]
    if not found:
        return []
    order = sorted(range(len(found)), key=lambda place: (-covered[place], place))[:MOST_SENTENCES]
    best = covered[order[0]]
    return [found[place] for place in sorted(order) if covered[place] >= LEAST_COVERAGE * best]
