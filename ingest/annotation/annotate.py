"""Annotates memories, once for each content: all of them by rule, and by a chat model if one is set."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import ollama
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ingest.annotation.chat import CHAT_VERSION, InvalidAnnotation, annotate_by_chat
from ingest.annotation.rules import RULES_ANNOTATOR, RULES_VERSION, annotate_by_rule
from ingest.annotation.schema import Annotation
from ingest.child import end_with_starter
from memories.errors import CycleFailed, ModelError, ModelUnreachable
from memories.postgres.database import Connection

PAGE = 1000
# Hash, content, context, tags, title, and the characters of the centre.
Waiting = tuple[str, str, str, list[str] | None, str, int | None, int | None]
# Contents sent to a process at a time.
SHARE = 50
MOST_PROCESSES = 8
# A server that refuses this many contents in a row is broken.
MOST_REFUSALS = 3

# What the source calls a memory: the subject of a commit, the name of a note, the title of the conversation that
# begins with it. A name of digits alone, such as the date of a daily note, tells nothing.
TITLE = """
case
    when coalesce(m.chunk_index, 1) > 1 then ''
    when m.metadata ->> 'channel' = 'git' then split_part(m.content, E'\\n', 1)
    when m.metadata ->> 'title' ~ '[[:alpha:]]' then m.metadata ->> 'title'
    when m.metadata ? 'conversation_id' and not m.metadata ? 'parent_message_id' then m.context
    else ''
end
"""
# A content is annotated once for each annotator and version; one whose answer was invalid is not tried again. Its
# centre is the passage whose vector is nearest to that of the whole.
WAITING = f"""
select distinct on (m.content_hash)
    m.content_hash, m.content, m.context, m.tags, {TITLE} as title, centre.from_character, centre.to_character
from public.memories as m
left join lateral (
    select p.from_character, p.to_character from dreams.passages as p
    where p.memory_id = m.id and p.embedding_model = m.embedding_model
    order by p.embedding::vector <=> m.embedding_vector, p.number limit 1
) as centre on true
where m.content_hash > %(after)s
    and not exists (
        select 1 from dreams.annotations as a
        where a.content_hash = m.content_hash and a.annotator = %(annotator)s and a.annotator_version = %(version)s
    )
    and not exists (
        select 1 from dreams.annotation_quarantine as q
        where q.content_hash = m.content_hash and q.annotator = %(annotator)s and q.annotator_version = %(version)s
    )
order by m.content_hash, m.id limit %(page)s
"""  # noqa: S608 - of the expression above

INSERT = """
insert into dreams.annotations
    (content_hash, annotator, annotator_version, entities, topics, sentiment, task_type, gist, revises)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""

QUARANTINE = """
insert into dreams.annotation_quarantine (content_hash, annotator, annotator_version, reason, answer)
values (%s, %s, %s, %s, %s) on conflict do nothing
"""


@dataclass(slots=True)
class Annotated:
    """How many contents were annotated, and how many answers were put in quarantine."""

    annotated: int = 0
    quarantined: int = 0


def annotate_rules(connection: Connection, on_batch: Callable[[int], None] = lambda _: None) -> Annotated:
    """Annotates by rule every content that has no such annotation; full pages go to several processes.

    Raises CycleFailed when one of these is ended from outside; the annotations made before are kept.
    """
    outcome = Annotated()
    with _processes() as pool:
        for page in _waiting(connection, RULES_ANNOTATOR, RULES_VERSION):
            read = partial(pool.map, chunksize=SHARE) if len(page) == PAGE else map
            hashes = [row[0] for row in page]
            found = read(_annotated, page)
            rows = [
                _row(str(content_hash), RULES_ANNOTATOR, RULES_VERSION, annotation)
                for content_hash, annotation in zip(hashes, found, strict=True)
            ]
            with connection.transaction():
                connection.cursor().executemany(INSERT, rows)
            outcome.annotated += len(rows)
            on_batch(len(rows))
    return outcome


def _annotated(row: Waiting) -> Annotation:
    _, content, context, tags, title, start, end = row
    return annotate_by_rule(content, context, tags or (), title, None if start is None or end is None else (start, end))


@contextmanager
def _processes() -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes start with their first work. Spawned, not forked, since other threads may hold locks."""
    context = multiprocessing.get_context("spawn")
    count = min(os.cpu_count() or 1, MOST_PROCESSES)
    with ProcessPoolExecutor(count, context, initializer=end_with_starter) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise CycleFailed("a process that annotates was ended from outside: run again") from error


def annotate_chat(
    connection: Connection, client: ollama.Client, model: str, on_batch: Callable[[int], None] = lambda _: None
) -> Annotated:
    """Asks a chat model about every content it has not annotated; keeps an invalid answer in quarantine.

    Raises ModelUnreachable when the server does not answer, and ModelError when it refused a content, at the end or at
    the third in a row; the annotations made before are kept, and the next call asks again.
    """
    outcome, failure, in_a_row = Annotated(), None, 0
    for page in _waiting(connection, model, CHAT_VERSION):
        for content_hash, content, *_ in page:
            given = (str(content_hash), model, CHAT_VERSION)
            try:
                annotation = annotate_by_chat(client, model, str(content))
                connection.execute(INSERT, _row(*given, annotation))
                outcome.annotated += 1
                in_a_row = 0
            except InvalidAnnotation as error:
                connection.execute(QUARANTINE, (*given, error.reason, error.answer.replace("\0", "\u2400")))
                outcome.quarantined += 1
                in_a_row = 0
            except ModelUnreachable:
                raise
            except ModelError as error:
                failure, in_a_row = error, in_a_row + 1
                if in_a_row == MOST_REFUSALS:
                    raise
            on_batch(1)
    if failure is not None:
        raise failure
    return outcome


def _waiting(connection: Connection, annotator: str, version: str) -> Iterator[Sequence[Waiting]]:
    after = ""
    cursor = connection.cursor(row_factory=tuple_row)
    while page := cursor.execute(
        WAITING.encode(), {"after": after, "annotator": annotator, "version": version, "page": PAGE}
    ).fetchall():
        yield cast(list[Waiting], page)
        after = str(page[-1][0])


def _row(content_hash: str, annotator: str, version: str, annotation: Annotation) -> tuple[object, ...]:
    return (
        content_hash,
        annotator,
        version,
        Jsonb([entity.model_dump() for entity in annotation.entities]),
        annotation.topics,
        annotation.sentiment,
        annotation.task_type,
        annotation.gist,
        annotation.revises,
    )
