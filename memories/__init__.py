"""A memory for assistants and the people who use them.

    import memories

    memories.store("The spare key hangs behind the clock", tags=["home"])
    memories.search("where is the key?").results[0].memory.content

These functions share one `memories.memory.Memory` on the configured store, opened at the first call and closed when the
program exits. For another store, open a `Memory` yourself. Heavy imports wait until they are needed.
"""

import atexit
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Unpack
from uuid import UUID

from memories.records import Answer, Filters, Memoir, MemoryParts, Term

if TYPE_CHECKING:
    from memories.documents.receipt import Receipt
    from memories.memory import Memory
    from memories.views.explanation import Explanation

__all__ = ["Answer", "Filters", "Memoir", "Term", "forget", "get", "search", "store", "why"]
NO_FILTERS = Filters()


def store(content: str, **parts: Unpack[MemoryParts]) -> UUID:
    """Stores one memory and returns its id; takes `context`, `summary`, `tags`, `metadata` and `created_at` by name.

    `Memory.put` says what each is, and what it raises.
    """
    return _opened().store(content, **parts)


def search(
    query: str,
    k: int = 10,
    filters: Filters = NO_FILTERS,
    *,
    as_of: datetime | None = None,
    without: Collection[Term] = (),
    words_only: bool = False,
) -> Answer:
    """Returns the memories most relevant to a query, each with its reasons: `Memory.search`."""
    return _opened().search(query, k, filters, as_of=as_of, without=without, words_only=words_only)


def get(reference: str | UUID) -> Memoir:
    """Returns the memory with an id: `Memory.get`."""
    return _opened().get(reference)


def forget(reference: str | UUID) -> "Receipt":
    """Deletes a memory and every copy of it permanently: `Memory.forget`."""
    return _opened().forget(reference)


def why(reference: str | UUID, query: str | None = None) -> "Explanation":
    """Explains a memory, and its rank in a search: `Memory.why`."""
    return _opened().why(reference, query)


@lru_cache(maxsize=1)
def _opened() -> "Memory":
    from memories.memory import Memory

    memory = Memory()
    atexit.register(memory.close)
    return memory
