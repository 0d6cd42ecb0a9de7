"""Words a reply for people: the answer with its citations, or that nothing is recorded and what comes nearest."""

from collections.abc import Iterator

from memories.evidence.asking import NOT_RECORDED, Reply
from memories.evidence.quotes import Quote
from memories.instant import day
from memories.views.reasons import gist, one_line

SHORT_ID = 8
MOST_CHARACTERS = 700


def reply_lines(reply: Reply) -> Iterator[str]:
    """Each quotation with the memory it is from, or the nearest misses; without characters that steer a terminal."""
    if not reply.is_answered:
        yield NOT_RECORDED
        if reply.misses:
            yield "What comes nearest:"
        for miss in reply.misses:
            yield f"  {day(miss.memory.created_at)}  {short_id(miss.memory.id)}  {gist(miss.memory, miss.excerpt)}"
        return
    if reply.sentences:
        yield from _worded(reply)
        return
    for quote in reply.quotes:
        yield f"{one_line(quote.text, MOST_CHARACTERS)} [{short_id(quote.memory_id)}]"
    yield ""
    for memory_id, quote in {quote.memory_id: quote for quote in reply.quotes}.items():
        yield f"[{short_id(memory_id)}] {day(quote.created_at)}{_since(quote)}"


def _worded(reply: Reply) -> Iterator[str]:
    """Each sentence of a model with the memories that say it, then the quotations themselves."""
    for sentence in reply.sentences:
        cited = dict.fromkeys(short_id(reply.quotes[place].memory_id) for place in sentence.quotes)
        yield f"{one_line(sentence.text, MOST_CHARACTERS)} {' '.join(f'[{each}]' for each in cited)}"
    yield ""
    for quote in reply.quotes:
        about = f"[{short_id(quote.memory_id)}] {day(quote.created_at)}{_since(quote)}"
        yield f"{about}: “{one_line(quote.text, MOST_CHARACTERS)}”"


def _since(quote: Quote) -> str:
    return "" if quote.superseded_by is None else f", since replaced by {short_id(quote.superseded_by)}"


def short_id(memory_id: object) -> str:
    """The beginning of an id, by which people name a memory."""
    return str(memory_id)[:SHORT_ID]
