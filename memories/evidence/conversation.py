"""Recalls memories for a message of a conversation, quotes them before it, and says which of them a reply rests on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from memories.evidence.asking import UNSURE
from memories.evidence.claims import said
from memories.evidence.quotes import Quote, is_evidence, quotes
from memories.evidence.wording import short_id
from memories.limits import LONGEST_QUERY_CHARACTERS
from memories.memory import Memory
from memories.quoting.quotation import Quoter
from memories.records import Answer, Recalled


class Resting(NamedTuple):
    """A sentence of a reply, and the memories that say the same; none where it is the generator's own."""

    sentence: str
    memory_ids: Sequence[UUID]


class Passed(NamedTuple):
    """A result of the search, and the part of it that is passed on."""

    result: Recalled
    quote: Quote


@dataclass(frozen=True, slots=True)
class Recollection:
    """What was recalled for a message; `quotes` are the sentences that answer it, if the search is sure of any."""

    answer: Answer
    passed: Sequence[Passed]
    quotes: Sequence[Quote]

    def before(self, message: str, quoter: Quoter) -> str:
        """The message, with what was recalled before it in marked quotations."""
        if not self.passed:
            return message
        unsure = [] if self.answer.is_sure else [UNSURE.format(self.answer.confidence)]
        quoted = [
            quoter.memory(result.memory, quote.text, superseded_by=result.superseded_by or "")
            for result, quote in self.passed
        ]
        return "\n\n".join([quoter.explanation, *unsure, *quoted, message])

    @property
    def quotations(self) -> Sequence[str]:
        """Each quote with its reference."""
        return [f"{quote.text} [{short_id(quote.memory_id)}]" for quote in self.quotes]

    def resting(self, text: str) -> Sequence[Resting]:
        """The sentences of a reply, each with the memories that it rests on."""
        sources = [*(quote for result, quote in self.passed if is_evidence(result.memory)), *self.quotes]
        return [
            Resting(each.text, list(dict.fromkeys(sources[place].memory_id for place in each.sources)))
            for each in said(text, [source.text for source in sources])
        ]


def recollect(memory: Memory, message: str, k: int, *, as_of: datetime | None = None) -> Recollection:
    """The `k` memories most relevant to a message. Raises InputError as `Memory.search` does."""
    answer = memory.search(message.replace("\0", " ")[:LONGEST_QUERY_CHARACTERS], k, as_of=as_of)
    return Recollection(answer, list(_passed(answer)), quotes(answer) if answer.is_sure else [])


def _passed(answer: Answer) -> Iterator[Passed]:
    for result in answer.results:
        content, excerpt = result.memory.content, result.excerpt
        # An edit since the search began may have removed it.
        if (start := content.find(excerpt)) >= 0:
            begins = len(content[:start].encode())
            ends = begins + len(excerpt.encode())
            about = (result.memory.id, result.memory.created_at)
            yield Passed(result, Quote(*about, excerpt, begins, ends, result.superseded_by))
