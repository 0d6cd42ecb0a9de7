"""Simulates a person and their assistant over a month: they note, ask, correct, review, pin and forget.

They remember what the store acknowledged: what it must hold word for word, what it must hold nowhere, and what was
recalled.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count, cycle
from uuid import UUID

from benchmarks.load import CODEX_3_UPSERT, DELETE
from benchmarks.month.clock import Clock
from ingest import sources
from ingest.loading.load import load
from memories.documents.write import content_hash, pin
from memories.memory import Memory
from memories.postgres.database import connect
from memories.records import Document, Event

SOURCE = "cards"
# One note in this many is to be forgotten later, and contains a unique word.
FORGOTTEN_NOTES = 8
SHOWN = 10
LONG_SECTIONS = 12
MOST_MINUTES_BETWEEN = 12
LATEST_DAYS = 20
FIRST_NOTES = 10
CARD_IS_OLDER = timedelta(hours=3)
WORD = re.compile(r"zq\d+zq")


class Owner:
    """`held` has contents by id, `gone` the words of forgotten memories by id, `recalled` events by memory and kind."""

    def __init__(self, memory: Memory, url: str, clock: Clock, seed: int) -> None:
        self.memory, self.url, self.clock = memory, url, clock
        self.chance = random.Random(seed)
        self.held: dict[UUID, str] = {}
        self.gone: dict[UUID, str] = {}
        self.recalled: Counter[tuple[UUID, str]] = Counter()
        self.did: Counter[str] = Counter()
        self.found_again = 0
        self._numbers = count(1)
        self._notes = self._told()
        self._cards: dict[UUID, Document] = {}
        self._own: list[UUID] = []
        self._acts: Mapping[Callable[[], None], int] = {
            self.note: 28, self.note_late: 4, self.note_long: 1, self.note_again: 5, self.codex: 6, self.codex_again: 4,
            self.cards: 4, self.ask: 28, self.review: 10, self.correct: 6, self.correct_tags: 2, self.pin: 3,
            self.forget: 4, self.codex_delete: 2,
        }  # fmt: skip

    def begin(self) -> None:
        """Stores the first notes and cards, for later acts to work on."""
        for _ in range(FIRST_NOTES):
            self.note()
        self.cards()

    def act(self) -> None:
        """Does one random thing, some minutes after the last."""
        (chosen,) = self.chance.choices(list(self._acts), list(self._acts.values()))
        self.clock.forward(timedelta(minutes=self.chance.uniform(0, MOST_MINUTES_BETWEEN)))
        chosen()

    def note(self) -> None:
        self._store(next(self._notes))

    def note_late(self) -> None:
        """Stores a note older than memories that cycles have already processed."""
        earlier = timedelta(days=self.chance.uniform(0.5, LATEST_DAYS))
        self._store(replace(next(self._notes), created_at=self.clock.now() - earlier))
        self.did["late arrivals"] += 1

    def note_long(self) -> None:
        number, told = next(self._numbers), WORD.sub("", next(self._notes).content)
        content = "\n\n".join(f"Part {part} of report {number}. {told} " * 8 for part in range(LONG_SECTIONS))
        self._hold(self.memory.store(content, tags=["report"]), content)

    def note_again(self) -> None:
        memory_id = self._any_own()
        assert self.memory.store(self.held[memory_id], context="again") == memory_id
        self.did["upserts"] += 1

    def codex(self) -> None:
        told = next(self._notes)
        memory_id = self._upsert(told.content, told.context)
        self._hold(memory_id, told.content)
        self._own.append(memory_id)

    def codex_again(self) -> None:
        memory_id = self._any_own()
        assert self._upsert(self.held[memory_id], "again") == memory_id
        self.did["upserts"] += 1

    def cards(self) -> None:
        """Reads a source with new cards, a changed one, all earlier ones, and forgotten ones."""
        new = [self._card() for _ in range(2)]
        if kept := self._kept_cards():
            changed = self.chance.choice(kept)
            new.append(replace(changed, content=f"{changed.content} Revised, {next(self._numbers)}."))
        self._cards.update({card.id: card for card in new})
        with connect(self.url, autocommit=True) as connection:
            load(connection, self._cards.values())
        self.did["stores"] += len({card.id for card in new} - self.held.keys())
        self.did["edits"] += len({card.id for card in new} & self.held.keys())
        self.held.update({card.id: card.content for card in new})
        self.did["readings of a source"] += 1

    def ask(self) -> None:
        """Searches, opens the first result, and half of the time cites a random one."""
        # A query can outlive a memory that it names, so it must not contain the unique word.
        about = WORD.sub("", self.held[self._any_own()]).split()
        start = self.chance.randrange(max(1, len(about) - 4))
        answer = self.memory.search(" ".join(about[start : start + 5]), SHOWN)
        self.did["searches"] += 1
        for result in answer.results:
            self.recalled[result.passage_id, "listed"] += 1
            self.found_again += result.memory.id in self.gone
        for result in answer.results[:1]:
            opened = self.memory.get(result.memory.id, query_id=answer.query_id)
            self.recalled[opened.id, "opened"] += 1
        if answer.results and self.chance.random() < 0.5:
            cited = self.chance.choice(answer.results).memory.id
            self.memory.cited(cited, answer.query_id)
            self.recalled[cited, "cited"] += 1

    def review(self) -> None:
        if not (kept := self._kept_cards()):
            return
        card = self.chance.choice(kept)
        event = Event(
            SOURCE, f"review {next(self._numbers)}", card.native_id, "reviewed", self.clock.now(),
            grade=self.chance.choices([1, 2, 3, 4], [2, 2, 5, 1])[0],
        )  # fmt: skip
        with connect(self.url, autocommit=True) as connection:
            load(connection, [event])
        self.recalled[card.id, "reviewed"] += 1
        self.did["reviews"] += 1

    def correct(self) -> None:
        memory_id = self._any_own()
        content = f"{self.held[memory_id]} Correction {next(self._numbers)}: no longer so."
        self.memory.edit(memory_id, content=content)
        self.held[memory_id] = content
        self.did["edits"] += 1

    def correct_tags(self) -> None:
        self.memory.edit(self._any_own(), tags=["corrected", f"week {next(self._numbers) % 5}"])
        self.did["edits"] += 1

    def pin(self) -> None:
        with connect(self.url, autocommit=True) as connection:
            pin(connection, self._any_own(), pinned=self.chance.random() < 0.7)
        self.did["pins"] += 1

    def forget(self) -> None:
        for memory_id in self._forgotten():
            self.memory.forget(memory_id)

    def codex_delete(self) -> None:
        for memory_id in self._forgotten():
            with connect(self.url, autocommit=True) as connection:
                connection.execute(DELETE, (memory_id,))

    def _forgotten(self) -> Iterator[UUID]:
        """Yields a memory to forget, if there is one, and counts it as gone when the caller has deleted it."""
        waiting = [memory_id for memory_id, content in self.held.items() if WORD.search(content)]
        for memory_id in self.chance.sample(waiting, min(1, len(waiting))):
            yield memory_id
            (self.gone[memory_id],) = WORD.findall(self.held.pop(memory_id))
            self.did["deletes"] += 1

    def _told(self) -> Iterator[Document]:
        """The notes of the sample, repeated endlessly with distinct contents."""
        notes = [record for record in sources.sample.read() if isinstance(record, Document)]
        for number, note in enumerate(cycle(notes)):
            again = "" if number < len(notes) else f" ({number // len(notes) + 1})"
            word = "" if number % FORGOTTEN_NOTES else f" zq{number}zq"
            yield replace(note, content=f"{note.content}{word}{again}", created_at=None, updated_at=None)

    def _store(self, note: Document) -> None:
        memory_id = self.memory.store(
            note.content, context=note.context, summary=note.summary, tags=note.tags, metadata=note.metadata,
            created_at=note.created_at,
        )  # fmt: skip
        self._hold(memory_id, note.content)
        self._own.append(memory_id)

    def _hold(self, memory_id: UUID, content: str) -> None:
        self.held[memory_id] = content
        self.did["stores"] += 1

    def _upsert(self, content: str, context: str) -> UUID:
        values = {"content": content, "hash": content_hash(content), "tags": ["codex"], "summary": ""}
        with connect(self.url, autocommit=True) as connection:
            row = connection.execute(CODEX_3_UPSERT.encode(), {**values, "context": context}).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def _card(self) -> Document:
        note = next(self._notes)
        return replace(
            note, source=SOURCE, native_id=f"card {next(self._numbers)}", created_at=self.clock.now() - CARD_IS_OLDER
        )

    def _kept_cards(self) -> Sequence[Document]:
        return [card for card in self._cards.values() if card.id in self.held]

    def _any_own(self) -> UUID:
        return self.chance.choice([memory_id for memory_id in self._own if memory_id in self.held])
