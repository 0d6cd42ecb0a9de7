"""Searches all memories by words, with BM25, in a cache of Postgres that repairs itself.

Most memories are in an index on disk, shared by all processes; each process holds later changes in RAM, in its tail.
Both score alike. If the files are damaged or missing, the index is rebuilt from Postgres.
"""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from threading import RLock
from uuid import UUID

from memories.errors import CacheUnwritable
from memories.lexical import changes, on_disk
from memories.lexical.bm25 import rarity
from memories.lexical.changes import BEGINNING, WordChanges
from memories.lexical.in_memory import Tail
from memories.lexical.languages import ENGLISH, STEMMERS
from memories.lexical.on_disk import Postings
from memories.lexical.stamp import stamped_at
from memories.lexical.terms import marker, terms
from memories.postgres.database import Connection
from memories.settings import settings

__all__ = ["LexicalIndex", "folder_of", "terms"]

TAIL_ROWS = 1_000
# `settle` writes a tail from this share of its capacity on; `catch_up` when it is full, or shifts the mean length by
# more than this relative tolerance.
WORTH_WRITING = 1 / 8
MEAN_LENGTH_TOLERANCE = 0.01
# Only a rebuild removes earlier states of memories from the files. Rebuilding may take this share of the time.
REBUILDING_SHARE = 0.01
# Any write rebuilds the index when more than this share of its rows are earlier states.
MOST_EARLIER_STATES = 0.2
ATTEMPTS = 10


def folder_of(connection: Connection) -> Path:
    """The folder of a store's index."""
    name = sha256(changes.store_identity(connection).encode()).hexdigest()[:12]
    return settings().dreams_home / "lexical" / name


class LexicalIndex:
    """A word index of all memories. Thread-safe; connections must be in autocommit mode.

    A store of at most `tail_rows` memories is kept in RAM alone, and nothing is written.
    """

    def __init__(self, folder: Path, *, tail_rows: int = TAIL_ROWS) -> None:
        self._folder = folder
        self._tail_rows = tail_rows
        self._lock = RLock()
        self._stamped_at: tuple[int, int] | None = None
        self._forget()

    def catch_up(self, connection: Connection) -> None:
        """Updates the index to what Postgres holds now. Costs one round trip when nothing changed.

        Raises CacheLocked or CacheUnwritable when the changes exceed the tail and cannot be written.
        """
        with self._lock:
            self._follow()
            self._keep(connection, self._few_changes(connection))
            if self._is_tail_full() and self._write(connection, wait=False):
                self._follow()

    def settle(self, connection: Connection) -> None:
        """Writes the tail when it is large enough, and rebuilds occasionally to remove earlier states from the files.

        Meant for a background thread: searches continue meanwhile. Raises CacheLocked and CacheUnwritable as
        `catch_up` does.
        """
        self.catch_up(connection)
        with self._lock:
            afresh, worth_it = self._is_rebuild_due(), self._is_worth_writing()
        if (afresh or worth_it) and self._write(connection, wait=False, afresh=afresh):
            with self._lock:
                self._follow()

    def renew(self, connection: Connection) -> None:
        """Rebuilds the files at once if they hold earlier states of memories, as after a deletion.

        Raises CacheLocked and CacheUnwritable as `catch_up` does.
        """
        self.catch_up(connection)
        with self._lock:
            is_due = self._has_earlier_states()
        if is_due and self._write(connection, wait=True, afresh=True):
            with self._lock:
                self._follow()

    def search(self, weights: Mapping[str, float], limit: int) -> Mapping[UUID, float]:
        """The `limit` memories with the highest BM25 scores, best first; each term's share is multiplied by its weight.

        Searches the state of the last `catch_up`.
        """
        with self._lock:
            disk, hidden = self._disk, frozenset(self._hidden)
            wanted = {term: weight * self._rarity(term) for term, weight in weights.items()}
            found = self._tail.search(wanted, self._mean_length())
        if disk is None:
            return _best(found, limit)
        weights = {term: wanted[term] / alone for term in weights if (alone := disk.rarity(term))}
        from_disk = disk.search(weights, limit + len(hidden))
        if not found and not hidden:
            return from_disk
        return _best({key: value for key, value in from_disk.items() if key not in hidden} | found, limit)

    @property
    def row_count(self) -> int:
        """How many memories there are."""
        with self._lock:
            from_disk = self._disk.live_row_count - len(self._hidden) if self._disk else 0
            return from_disk + self._tail.row_count

    def row_frequency(self, term: str) -> int:
        """How many memories contain a term; earlier states count until a rebuild removes them."""
        with self._lock:
            return (self._disk.frequency(term) if self._disk else 0) + self._tail.frequency(term)

    @property
    def languages(self) -> Sequence[str]:
        """English, and the other languages in which there are memories."""
        return [ENGLISH, *(language for language in STEMMERS if self.row_frequency(marker(language)))]

    def near(self, term: str, most_errors: int, limit: int) -> list[UUID]:
        """Memories with a term at most `most_errors` letters (missing, added, replaced or swapped) from this one."""
        with self._lock:
            from_disk = self._disk.near(term, most_errors, limit) if self._disk else []
            return [key for key in from_disk if key not in self._hidden] + self._tail.near(term, most_errors, limit)

    def close(self) -> None:
        """Closes the files."""
        with self._lock:
            self._stamped_at = None
            self._forget()

    def _forget(self) -> None:
        self._disk: Postings | None = None
        self._hidden: set[UUID] = set()
        self._tail = Tail()
        self._seen = BEGINNING
        self._identity: str | None = None

    def _follow(self) -> None:
        """Opens the index if it was written since, and drops from the tail what it holds."""
        latest = stamped_at(self._folder)
        if latest == self._stamped_at:
            return
        self._stamped_at = latest
        disk = on_disk.opened(self._folder, check=self._disk is None)
        if disk is None or (self._disk is not None and disk.seen.before(self._disk.seen)):
            self._forget()
        if disk is not None:
            self._take(disk)

    def _take(self, disk: Postings) -> None:
        self._disk, self._identity = disk, disk.stamp.identity
        self._tail.drop_seen(disk.seen)
        self._hidden = {memory_id for memory_id in self._tail if disk.holds(memory_id)}
        if self._seen.before(disk.seen):
            self._seen = disk.seen

    def _few_changes(self, connection: Connection) -> WordChanges:
        """Returns the changes, after writing the index until they fit in a tail."""
        for _ in range(ATTEMPTS):
            found = self._changes(connection)
            if len(found.changed_in) <= self._tail_rows:
                return found
            self._write(connection, wait=True)
            self._follow()
        raise CacheUnwritable(f"{self._folder} loses what is written there: check its disk")

    def _changes(self, connection: Connection) -> WordChanges:
        """Returns the changes since the last snapshot; all memories if the store is another, or was set back since."""
        found = changes.since(connection, self._seen, self._tail_rows + 1)
        if found.identity == self._identity and not found.seen.before(self._seen):
            return found
        self._forget()
        changes.mend(connection)
        found = changes.since(connection, BEGINNING, self._tail_rows + 1)
        self._identity = found.identity
        return found

    def _keep(self, connection: Connection, found: WordChanges) -> None:
        if found.changed_in:
            words = changes.words(connection, list(found.changed_in))
            for memory_id, changed_in in found.changed_in.items():
                self._tail.put(memory_id, changed_in, words.get(memory_id))
                if self._disk is not None and self._disk.holds(memory_id):
                    self._hidden.add(memory_id)
        self._seen = found.seen

    def _write(self, connection: Connection, *, wait: bool, afresh: bool = False) -> bool:
        """Updates the files to what Postgres holds; False when another process is writing and `wait` is False."""
        with on_disk.writing(self._folder, wait=wait) as is_mine:
            if not is_mine:
                return False
            base, identity = self._base(connection, afresh)
            with changes.stream(connection, base.seen if base else BEGINNING) as (seen, rows):
                # Someone waits for the first build; later ones leave a core to searches.
                threads = 1 if base or afresh else 2
                on_disk.write(self._folder, identity, base, seen, rows, threads=threads)
        return True

    def _base(self, connection: Connection, afresh: bool) -> tuple[Postings | None, str]:
        """The index to update, and the store's identity.

        The index is None, to be rebuilt, when it is of another store or past, or has too many earlier states.
        """
        disk = None if afresh else on_disk.opened(self._folder, check=self._disk is None)
        now = changes.since(connection, disk.seen if disk else BEGINNING, 1)
        if disk is not None:
            is_of_this_past = disk.stamp.identity == now.identity and not now.seen.before(disk.seen)
            if is_of_this_past and disk.earlier_share <= MOST_EARLIER_STATES:
                return disk, now.identity
        changes.mend(connection)
        return None, now.identity

    def _rarity(self, term: str) -> float:
        rows = (self._disk.stamp.row_count if self._disk else 0) + self._tail.row_count
        return rarity(rows, self.row_frequency(term))

    def _mean_length(self) -> float:
        """The mean length on disk, by which that index scores, so that the tail scores alike; else the tail's own."""
        return (self._disk.stamp.mean_length if self._disk else 0.0) or self._tail.mean_length

    def _is_tail_full(self) -> bool:
        return len(self._tail) > self._tail_rows or self._moves_mean_length()

    def _moves_mean_length(self) -> bool:
        if self._disk is None or not self._tail.row_count:
            return False
        stamp = self._disk.stamp
        rows = stamp.row_count + self._tail.row_count
        mean_length = (stamp.row_count * stamp.mean_length + self._tail.term_count) / rows
        return abs(mean_length - stamp.mean_length) > MEAN_LENGTH_TOLERANCE * stamp.mean_length

    def _is_worth_writing(self) -> bool:
        return self._disk is not None and len(self._tail) > self._tail_rows * WORTH_WRITING

    def _has_earlier_states(self) -> bool:
        return self._disk is not None and (bool(self._hidden) or self._disk.earlier_share > 0)

    def _is_rebuild_due(self) -> bool:
        if self._disk is None or not self._has_earlier_states():
            return False
        stamp = self._disk.stamp
        return not 0 <= time.time() - stamp.built_at < stamp.build_seconds / REBUILDING_SHARE


def _best(found: Mapping[UUID, float], limit: int) -> dict[UUID, float]:
    return dict(sorted(found.items(), key=itemgetter(1), reverse=True)[:limit])
