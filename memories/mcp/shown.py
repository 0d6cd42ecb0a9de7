"""Remembers which search showed an assistant each memory, so that opening one counts as a result of that search."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from uuid import UUID

MOST_SESSIONS = 1_000
MOST_MEMORIES = 5_000


class Shown:
    """The last search that showed each memory, in one session. Thread-safe."""

    def __init__(self) -> None:
        self._searches: OrderedDict[UUID, UUID] = OrderedDict()
        self._changing = Lock()

    def note(self, memory_ids: Iterable[UUID], query_id: UUID) -> None:
        """Remembers which memories a search has shown."""
        with self._changing:
            for memory_id in memory_ids:
                self._searches[memory_id] = query_id
                self._searches.move_to_end(memory_id)
            while len(self._searches) > MOST_MEMORIES:
                self._searches.popitem(last=False)

    def query_id(self, memory_id: UUID) -> UUID | None:
        """The last search that showed a memory; None when none did."""
        return self._searches.get(memory_id)


class Sessions:
    """What each session was shown, by session name; drops the least recently used one above MOST_SESSIONS."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    def of(self, name: str) -> Shown:
        """What this session was shown. Not thread-safe."""
        shown = self._shown.setdefault(name, Shown())
        self._shown.move_to_end(name)
        if len(self._shown) > MOST_SESSIONS:
            self._shown.popitem(last=False)
        return shown
