"""Words a reply for people: the answer with its citations, or that nothing is recorded and what comes nearest."""

from collections.abc import Iterator

from memories.evidence.asking import Reply
from memories.evidence.quotes import Quote
from memories.instant import day
from memories.views.reasons import gist, one_line

SHORT_ID = 8
MOST_CHARACTERS = 700


def reply_lines(reply: Reply) -> Iterator[str]:
    """Each quotation with the memory it is from, or the nearest misses; without characters that steer a terminal."""
    if not reply.is_answered:
        yield "Not recorded: no memory answers this."
        if reply.misses:
            yield "What comes nearest:"
        for miss in reply.misses:
            yield f"  {day(miss.memory.created_at)}  {_short(miss.memory.id)}  {gist(miss.memory, miss.excerpt)}"
        return
    for quote in reply.quotes:
        yield f"{one_line(quote.text, MOST_CHARACTERS)} [{_short(quote.memory_id)}]"
    yield ""
    for memory_id, quote in {quote.memory_id: quote for quote in reply.quotes}.items():
        yield f"[{_short(memory_id)}] {day(quote.created_at)}{_since(quote)}"


def _since(quote: Quote) -> str:
    return "" if quote.superseded_by is None else f", since replaced by {_short(quote.superseded_by)}"


def _short(memory_id: object) -> str:
    return str(memory_id)[:SHORT_ID]
