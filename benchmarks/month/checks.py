"""Checks what a month left in the store against what it acknowledged, and polls it for incomplete cycles meanwhile."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self, cast
from uuid import UUID

from psycopg import sql

from benchmarks.load import ORPHANS
from memories.documents.memoir import memoirs
from memories.postgres.database import Connection, connect

POLL_SECONDS = 0.1

# Each finds rows only when cycles are mixed or incomplete: a cycle publishes both sides in one transaction.
LOOSE = {
    "episode members without their episode": """
        from dreams.episode_members as m
        where not exists (select from dreams.episodes as e where e.episode_id = m.episode_id)""",
    "episodes without members": """
        from dreams.episodes as e
        where not exists (select from dreams.episode_members as m where m.episode_id = e.episode_id)""",
    "edges of memories without a state": """
        from dreams.edge_states as e
        where
            not exists (select from dreams.memory_states as s where s.memory_id = e.memory_a)
            or not exists (select from dreams.memory_states as s where s.memory_id = e.memory_b)""",
    "states of memories in no episode": """
        from dreams.memory_states as s
        where not exists (select from dreams.episode_members as m where m.memory_id = s.memory_id)""",
    "insights about memories without a state": """
        from dreams.memory_insights as i, unnest(i.related_memories) as r (memory_id)
        where not exists (select from dreams.memory_states as s where s.memory_id = r.memory_id)""",
    "differences of cycles that are not published": """
        from dreams.cycle_changes as d inner join dreams.cycles as c on c.cycle_id = d.cycle_id
        where c.state <> 'published'""",
}
LOOK = ", ".join(
    ["select (select as_of from dreams.visible_cycle)", *(f"exists (select {rows})" for rows in LOOSE.values())]
)
# The excluded tables keep a forgotten memory's id, and hashes of what it said.
TABLES = """
select schemaname, tablename from pg_tables where schemaname in ('public', 'dreams')
and tablename not in ('tombstones', 'content_changes', 'recalled_texts')
"""
RECALLS = ("listed", "opened", "cited", "reviewed")
HAPPENED = """
select memory_id, kind, count(*) from dreams.recall_events where memory_id = any(%s) and kind = any(%s) group by 1, 2
"""
NIGHTS = "select count(*) from dreams.nights"
REPLAYS = "select count(*) from dreams.recall_events where kind = 'rehearsed'"
DOCUMENTS = "select count(distinct coalesce(parent_id, id)) from public.memories"


class Watcher:
    """Polls ten times a second while the block runs; counts looks without a complete cycle, and with parts of two."""

    def __init__(self, url: str) -> None:
        self.looked = self.hidden = 0
        self.mixed: Counter[str] = Counter()
        self._url, self._over = url, Event()
        self._thread = Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        latest: datetime | None = None
        with connect(self._url, autocommit=True) as connection:
            while not self._over.wait(POLL_SECONDS):
                row = connection.execute(LOOK.encode()).fetchone()
                assert row is not None
                self.looked += 1
                as_of = cast(datetime | None, row[0])
                loose = [name for name, rows in zip(LOOSE, row[1:], strict=True) if rows]
                # Before the first cycle there is none to see.
                self.hidden += latest is not None and (as_of is None or as_of < latest)
                self.mixed.update(loose)
                latest = as_of or latest


def lost(connection: Connection, held: Mapping[UUID, str]) -> int:
    """How many memories are missing or altered."""
    found = memoirs(connection, list(held))
    return sum(memory_id not in found or found[memory_id].content != content for memory_id, content in held.items())


def doubled(connection: Connection, held: Collection[UUID]) -> int:
    """How many more memories there are than were acknowledged."""
    return count(connection, DOCUMENTS) - len(held)


def orphans(connection: Connection) -> int:
    return sum(int(str(rows)) for _, rows in connection.execute(ORPHANS.encode()))


def recalls(connection: Connection, held: Collection[UUID], recalled: Counter[tuple[UUID, str]]) -> tuple[int, int]:
    """How many recalls of the held memories are missing, and how many are recorded too often."""
    told = Counter({key: times for key, times in recalled.items() if key[0] in held})
    rows = connection.execute(HAPPENED, (list(held), list(RECALLS)))
    stored: Counter[tuple[UUID, str]] = Counter()
    for memory_id, kind, times in rows:
        stored[UUID(str(memory_id)), str(kind)] = int(str(times))
    return (told - stored).total(), (stored - told).total()


def rows_with(connection: Connection, gone: Mapping[UUID, str]) -> Mapping[str, int]:
    """The number of rows, by table, with the id of a forgotten memory or a word that only it contained."""
    wanted = [f"%{text}%" for memory_id, word in gone.items() for text in (str(memory_id), word)]
    found: Counter[str] = Counter()
    for schema, table in connection.execute(TABLES).fetchall():
        query = sql.SQL("select count(*) from {} as t where t::text like any(%s)")
        row = connection.execute(query.format(sql.Identifier(str(schema), str(table))), (wanted,)).fetchone()
        found[f"{schema}.{table}"] += int(str(row[0] if row else 0))
    return +found


def files_with(folder: Path, gone: Mapping[UUID, str]) -> int:
    """How many caches, spools and logs hold a word that only a forgotten memory contained."""
    words = [word.encode() for word in gone.values()]
    files = [path for path in folder.rglob("*") if path.is_file() and "postgres" not in path.relative_to(folder).parts]
    return sum(any(word in content for word in words) for content in (path.read_bytes() for path in files))


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0] if row else 0))
