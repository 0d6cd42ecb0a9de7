"""Stores what was said in a conversation: a person's words verbatim, and of the replies what no memory had said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from memories.evidence.conversation import Resting
from memories.evidence.quotes import GENERATOR
from memories.memory import Memory
from memories.quoting.quotation import citation, says_something

CHANNEL = "dreams chat"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person said, and what a generator replied."""

    said_at: datetime
    message: str
    replied_at: datetime
    reply: Sequence[Resting]

    @property
    def memory_ids(self) -> frozenset[UUID]:
        """The memories that the reply rests on."""
        return frozenset(memory_id for each in self.reply for memory_id in each.memory_ids)

    @property
    def text(self) -> str:
        return " ".join(each.sentence for each in self.reply)


def remember(memory: Memory, turns: Sequence[Turn], generator: str) -> int:
    """Stores a conversation, a memory for each message, with citations in place of what was recalled; returns how many.

    A message of nothing but citations is not stored.
    """
    conversation_id = str(uuid4())
    stored = 0
    for said_at, role, text in _messages(turns):
        content = memory.with_citations(text)
        if says_something(content):
            metadata = {"channel": CHANNEL, "conversation_id": conversation_id, "role": role}
            metadata |= {GENERATOR: generator} if role == "assistant" else {}
            memory.put(content, context=f"a conversation with {generator}", metadata=metadata, created_at=said_at)
            stored += 1
    return stored


def _messages(turns: Sequence[Turn]) -> Iterator[tuple[datetime, str, str]]:
    for turn in turns:
        yield turn.said_at, "user", turn.message
        yield turn.replied_at, "assistant", " ".join(map(_new_words, turn.reply))


def _new_words(each: Resting) -> str:
    return " ".join(map(citation, each.memory_ids)) or each.sentence
