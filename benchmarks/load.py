"""Load-tests one store with concurrent writers and searchers: measures speed and checks that nothing goes wrong.

    make bench-load SECONDS=60 WRITERS=32 SEARCHERS=8 PROCESSES=4

Writers and searchers are threads, spread over processes that each have the store open. Writers store, edit and delete
through `Memory` and Codex's own SQL: separate notes, the same note at the same moment, long documents that others
change too. Each acknowledged write is a claim, which searchers of any process check at once: a unique word finds its
memory, a word that was deleted or edited away finds nothing. At the end Postgres is compared with all claims. A
stand-in embeds, so that only the store is measured.
"""

import multiprocessing
import os
import queue
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy
import psycopg

from benchmarks.variables import number
from memories.embedding.vectors import Vectors
from memories.errors import DreamsError, InputError
from memories.memory import Memory
from memories.postgres import database
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.records import Answer
from memories.settings import StoreSettings

DIMENSIONS = 64
# Unique words, which identify one memory, begin like this.
MARK = re.compile(r"zq[0-9a-z]+")
SHARED_NOTES_A_SECOND = 10
REMEMBERED_CLAIMS = 1_000
SAME_PROCESS_CHECKS = 0.05
LONGEST_ERRORS = 20
# In a small store a unique word scores little, so similar memories may rank before its own.
CHECKED_RESULTS = 50
HOT_DOCUMENTS = 6

# Codex 3's own statement.
CODEX_3_UPSERT = """
insert into memories (id, content, content_hash, tags, context, summary, chunk_index, total_chunks, parent_id,
    created_at, updated_at)
values (gen_random_uuid(), %(content)s, %(hash)s, %(tags)s, %(context)s, %(summary)s, null, null, null, now(), now())
on conflict (content_hash) do update set
    context = excluded.context, summary = excluded.summary, tags = excluded.tags, updated_at = excluded.updated_at
returning id
"""
DELETE = "delete from memories where id = %s"

# Rows about missing memories, and memories that break an invariant.
ORPHANS = """
select 'recall_events' as relation, count(*) from dreams.recall_events as t
where not exists (select from memories as m where m.id = t.memory_id)
union all
select 'embedding_failures', count(*) from dreams.embedding_failures as t
where not exists (select from memories as m where m.id = t.memory_id)
union all
select 'memory_versions', count(*) from dreams.memory_versions as t
where not exists (select from memories as m where m.id in (t.memory_id, t.document_id))
union all
select 'memories without a creation', count(*) from memories as m
where 1 <> (select count(*) from dreams.recall_events as t where t.memory_id = m.id and t.kind = 'created')
union all
select 'contents twice', count(*) from (select from memories group by content_hash having count(*) > 1) as twice
"""


class Acknowledged(NamedTuple):
    """An acknowledged write: only this memory contains the word; None when no memory does any more."""

    word: str
    memory_id: UUID | None


@dataclass(slots=True)
class LoadCounts:
    """What the threads of a process did: milliseconds of writes and searches, claims, errors, and wrong results."""

    writes: list[float] = field(default_factory=list)
    searches: list[float] = field(default_factory=list)
    claims: list[Acknowledged] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "LoadCounts") -> None:
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))

    @contextmanager
    def timed(self, milliseconds: list[float]) -> Iterator[None]:
        started = time.perf_counter()
        yield
        milliseconds.append(1_000 * (time.perf_counter() - started))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `lost` are contradictions between Postgres and the claims, `deadlocks` those that Postgres broke."""

    seconds: float
    tally: LoadCounts
    lost: Sequence[str]
    deadlocks: int


def embed(texts: Sequence[str]) -> Vectors:
    """The unit mean of a random vector per word: texts that share words are similar, and others are not."""
    vectors = numpy.stack([numpy.sum([_vector(word) for word in text.split() or [""]], axis=0) for text in texts])
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


@lru_cache(maxsize=50_000)
def _vector(word: str) -> Vectors:
    return numpy.random.default_rng(crc32(word.encode())).standard_normal(DIMENSIONS, dtype=numpy.float32)


class Client:
    """The base of writers and searchers: an open store, a random generator, and a tally."""

    def __init__(self, memory: Memory, url: str, name: str, claims: "multiprocessing.Queue[Acknowledged]") -> None:
        self.memory, self.url, self.name, self.claims = memory, url, name, claims
        self.chance = random.Random(name)
        self.tally = LoadCounts()

    def run(self, until: float) -> None:
        """Repeats `step` until a Unix time and tallies errors of the store; any other error ends it."""
        with psycopg.connect(self.url, autocommit=True) as self.codex:
            while time.time() < until:
                try:
                    self.step()
                except InputError as error:
                    self.tally.errors.append(f"{self.name}: refused: {error}")
                except (DreamsError, psycopg.Error, OSError):
                    self.tally.errors.append(f"{self.name}: {traceback.format_exc()}")

    def step(self) -> None:
        raise NotImplementedError

    def check(self, claim: Acknowledged) -> None:
        with self.tally.timed(self.tally.searches):
            answer = self.memory.search(claim.word, CHECKED_RESULTS, words_only=self.chance.random() < 0.5)
        if problem := _problem(claim, answer):
            self.tally.wrong.append(f"{self.name}: {problem}")


def _problem(claim: Acknowledged, answer: Answer) -> str | None:
    if claim.memory_id is None:
        stale = [str(each.memory.id) for each in answer.results if claim.word in each.memory.content.split()]
        return f"{claim.word} is gone, but is found in {stale}" if stale else None
    found = {memory_id for each in answer.results for memory_id in (each.memory.id, *each.duplicates)}
    return None if claim.memory_id in found else f"{claim.word} does not find {claim.memory_id} ({len(found)} others)"


class SearchingClient(Client):
    """Checks the latest claims, or earlier ones when there are none."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: list[Acknowledged] = []

    def step(self) -> None:
        try:
            claim = self.claims.get(timeout=0.05)
            self.known = [*self.known[-REMEMBERED_CLAIMS:], claim]
        except queue.Empty:
            if not self.known:
                return
            claim = self.chance.choice(self.known)
        self.check(claim)


class Writer(Client):
    """Stores, edits and deletes, and claims what was acknowledged."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.marks = 0
        self.steps: Mapping[Callable[[], None], int] = {
            self.note: 30, self.note_of_codex: 10, self.shared: 15, self.edited: 10, self.edited_by_codex: 5,
            self.deleted: 10, self.deleted_by_codex: 5, self.document: 5, self.contended: 10,
        }  # fmt: skip

    def step(self) -> None:
        (chosen,) = self.chance.choices(list(self.steps), list(self.steps.values()))
        chosen()

    def note(self) -> None:
        word = self.mark()
        self.claim(word, self.store(self.text(word)))

    def note_of_codex(self) -> None:
        word = self.mark()
        self.claim(word, self.upsert(self.text(word)))

    def shared(self) -> None:
        """Stores the note that all others store at the same moment."""
        word = f"zqshared{int(time.time() * SHARED_NOTES_A_SECOND):x}"
        write = self.chance.choice([self.store, self.upsert])
        self.claim(word, write(f"all of us heard of {word} at once"))

    def edited(self) -> None:
        before, after = self.mark(), self.mark()
        memory_id = self.store(self.text(before))
        with self.tally.timed(self.tally.writes):
            self.memory.edit(memory_id, content=self.text(after), tags=["edited"])
        self.claim(after, memory_id)
        self.claim(before, None)

    def edited_by_codex(self) -> None:
        before, after = self.mark(), self.mark()
        memory_id, content = self.store(self.text(before)), self.text(after)
        with self.tally.timed(self.tally.writes):
            self.codex.execute(
                "update memories set content = %s, content_hash = %s, updated_at = now() where id = %s",
                (content, sha256(content.encode()).hexdigest(), memory_id),
            )
        self.claim(after, memory_id)
        self.claim(before, None)

    def deleted(self) -> None:
        word = self.mark()
        memory_id = self.store(self.text(word))
        with self.tally.timed(self.tally.writes):
            self.memory.forget(memory_id)
        self.claim(word, None)

    def deleted_by_codex(self) -> None:
        word = self.mark()
        memory_id = self.upsert(self.text(word))
        with self.tally.timed(self.tally.writes):
            self.codex.execute(DELETE, (memory_id,))
        self.claim(word, None)

    def document(self) -> None:
        """Stores a long document, then keeps, shortens or forgets it."""
        word, end = self.mark(), self.mark()
        memory_id = self.store(f"{self.long_text()} {word}\n\n{self.long_text()} {end}")
        match self.chance.randrange(3):
            case 0:
                self.claim(word, memory_id)
                self.claim(end, memory_id)
            case 1:
                with self.tally.timed(self.tally.writes):
                    self.memory.edit(memory_id, content=f"{self.text(word)} is all that is left")
                self.claim(word, memory_id)
                self.claim(end, None)
            case _:
                with self.tally.timed(self.tally.writes):
                    self.memory.forget(memory_id)
                self.claim(word, None)
                self.claim(end, None)

    def contended(self) -> None:
        """Stores, then edits or forgets, one of a few shared documents; another client may be quicker."""
        number = self.chance.randrange(HOT_DOCUMENTS)
        sections = [f"Section {part} of document {number}. " * 200 for part in range(self.chance.randrange(1, 5))]
        try:
            memory_id = self.store("\n\n".join(sections))
            with self.tally.timed(self.tally.writes):
                if self.chance.random() < 0.5:
                    self.memory.edit(memory_id, content="\n\n".join(reversed(sections)), summary=self.name)
                else:
                    self.memory.forget(memory_id)
        except InputError:
            return

    def store(self, content: str) -> UUID:
        with self.tally.timed(self.tally.writes):
            return self.memory.store(content, tags=["load"])

    def upsert(self, content: str) -> UUID:
        values = {"content": content, "hash": sha256(content.encode()).hexdigest(), "tags": ["load"]}
        with self.tally.timed(self.tally.writes):
            row = self.codex.execute(CODEX_3_UPSERT, {**values, "context": "load", "summary": ""}).fetchone()
        return UUID(str(row[0] if row else None))

    def claim(self, word: str, memory_id: UUID | None) -> None:
        claim = Acknowledged(word, memory_id)
        self.tally.claims.append(claim)
        with suppress(queue.Full):
            self.claims.put_nowait(claim)
        if self.chance.random() < SAME_PROCESS_CHECKS:
            self.check(claim)

    def mark(self) -> str:
        """A new unique word."""
        self.marks += 1
        return f"zq{self.name}n{self.marks:x}"

    def text(self, word: str) -> str:
        return f"{self.words(6)} {word} {self.words(6)}"

    def long_text(self) -> str:
        return ". ".join(self.words(12) for _ in range(90))

    def words(self, count: int) -> str:
        return " ".join(f"w{int(self.chance.paretovariate(0.6)) % 5_000:x}x" for _ in range(count))


def work(url: str, name: str, writers: int, searchers: int, until: float, claims: Any, tallies: Any) -> None:
    """Runs one process: opens the store, and runs its threads until a Unix time."""
    with Memory(url, embed=embed) as memory:
        clients: list[Client] = [Writer(memory, url, f"{name}w{number}", claims) for number in range(writers)]
        clients += [SearchingClient(memory, url, f"{name}s{number}", claims) for number in range(searchers)]
        with ThreadPoolExecutor(len(clients)) as threads:
            list(threads.map(lambda client: client.run(until), clients))
    whole = LoadCounts()
    for client in clients:
        whole.add(client.tally)
    tallies.put(whole)


def run(url: str, seconds: float, writers: int, searchers: int, processes: int) -> Outcome:
    """Runs all processes for some seconds, then compares the store with their claims."""
    context = multiprocessing.get_context("spawn")
    claims, tallies = context.Queue(maxsize=200), context.Queue()
    starting_seconds = 4.0 + 2.0 * processes
    until = time.time() + starting_seconds + seconds
    workers = [
        context.Process(
            target=work,
            args=(url, f"p{n}", _share(writers, processes, n), _share(searchers, processes, n), until, claims, tallies),
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    whole = LoadCounts()
    for _ in workers:
        whole.add(tallies.get(timeout=seconds + starting_seconds + 120))
    claims.cancel_join_thread()
    for worker in workers:
        worker.join()
    return Outcome(seconds, whole, list(_lost(url, whole.claims)), _deadlocks(url))


def _share(whole: int, parts: int, number: int) -> int:
    return whole // parts + (number < whole % parts)


def _lost(url: str, claims: Sequence[Acknowledged]) -> Iterator[str]:
    """Claims that the store contradicts, and rows that should not exist."""
    documents: defaultdict[str, set[UUID]] = defaultdict(set)
    with connect(url) as connection:
        for document, content in connection.execute("select coalesce(parent_id, id), content from memories"):
            for word in MARK.findall(str(content)):
                documents[word].add(UUID(str(document)))
        for claim in claims:
            expected = set() if claim.memory_id is None else {claim.memory_id}
            if documents[claim.word] != expected:
                yield f"{claim.word} should stand in {expected}, but does in {documents[claim.word]}"
        for relation, count in connection.execute(ORPHANS):
            if count:
                yield f"{count} rows that should not be: {relation}"


def _deadlocks(url: str) -> int:
    with connect(url, autocommit=True) as connection:
        connection.execute("select pg_stat_force_next_flush()")
        row = connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    return int(str(row[0] if row else 0))


def report(outcome: Outcome) -> None:
    """Prints the outcome."""
    tally = outcome.tally
    for kind, milliseconds in (("writes", tally.writes), ("searches", tally.searches)):
        p50, p99 = numpy.percentile(milliseconds or [0.0], [50, 99])
        print(f"{kind:<10} {len(milliseconds) / outcome.seconds:>8.1f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"acknowledged {len(tally.claims)}, errors {len(tally.errors)}, lost writes {len(outcome.lost)}, "
          f"wrong results {len(tally.wrong)}, deadlocks {outcome.deadlocks}")  # fmt: skip
    for problem, count in Counter([*tally.wrong, *outcome.lost, *tally.errors]).most_common(LONGEST_ERRORS):
        print(f"{count} x {problem}")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="dreams-bench-"))
    os.environ["DREAMS_HOME"] = str(home)
    for name in ("POSTGRES_DB_URL", "EMBEDDING_MODEL", "OLLAMA_URL"):
        os.environ.pop(name, None)
    seconds, writers, searchers, processes = (
        number(name, default)
        for name, default in (("SECONDS", 60), ("WRITERS", 32), ("SEARCHERS", 8), ("PROCESSES", 4))
    )
    settings = StoreSettings(postgres_db_url=None, dreams_home=home)
    try:
        url = database.start(settings)
        migrate(url)
        outcome = run(url, seconds, writers, searchers, processes)
        report(outcome)
    finally:
        database.stop(settings)
        if settings.postgres_folder.parent != home:
            shutil.rmtree(settings.postgres_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(bool(outcome.tally.errors or outcome.lost or outcome.tally.wrong))


if __name__ == "__main__":
    main()
