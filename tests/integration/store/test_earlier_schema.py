"""A database with an earlier program's schema `dreams` becomes a store and loses nothing."""

import psycopg
import pytest

from memories.postgres.database import Connection, connect
from memories.postgres.migrate import MIGRATIONS, migrate, pending

EARLIER_PROGRAM = """
create schema dreams;
create type dreams.task_type as enum ('goal', 'task');
create table dreams.working_memory (
    id serial primary key, memory_id uuid, snapshot_id uuid, wm_slot integer, content text, timestamp timestamptz,
    task_type dreams.task_type
);
create table dreams.short_term_episodes (memory_id uuid primary key, level_0_goal text);
create table dreams.long_term_memories (memory_id uuid primary key, semantic_gist text);
create table dreams.semantic_network (
    concept_a text, concept_b text, association_type text, association_strength real,
    unique (concept_a, concept_b, association_type)
);
create table dreams.memory_insights (
    id uuid primary key, insight_type text, related_memories uuid[], validated boolean, validation_score real
);
create table dreams.processing_metrics (
    session_id uuid, batch_id integer, processing_stage text, start_time timestamptz, primary key (session_id, batch_id)
);
create view dreams.current_context as select wm_slot, content from dreams.working_memory order by wm_slot;
create view dreams.knowledge_graph as
select concept_a, concept_b, association_strength from dreams.semantic_network;
create function dreams.get_memory_stats() returns table (stage text, memories bigint) language sql as
$$ select 'working', count(*) from dreams.working_memory $$;
insert into dreams.working_memory (wm_slot, content, task_type) values (1, 'the keel bolts', 'goal');
insert into dreams.semantic_network values ('boat', 'storm', 'causal', 0.5);
"""
STORE = """
insert into memories (content, content_hash, context, summary)
values ('The tide turns at noon.', 'hash', '', '')
"""
KEPT = (
    ("select content, task_type::text from dreams_before.working_memory", ("the keel bolts", "goal")),
    ("select content from dreams_before.current_context", ("the keel bolts",)),
    ("select association_strength from dreams_before.knowledge_graph", (0.5,)),
    ("select count(*) from dreams_before.memory_insights", (0,)),
)


def begin_to_migrate(connection: Connection) -> None:
    """Migrates as earlier versions did, until they stopped at a view with a table's name."""
    connection.execute("create table dreams.migrations (name text primary key, applied_at timestamptz default now())")
    for path in sorted(MIGRATIONS.glob("*.sql"))[:5]:
        connection.execute(path.read_bytes())
        connection.execute("insert into dreams.migrations (name) values (%s)", (path.name,))
    connection.execute(STORE)


@pytest.mark.parametrize("began", [False, True])
def test_its_tables_are_kept_and_it_is_said_where(
    empty_url: str, began: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(autocommit=True) as connection:
        connection.execute(EARLIER_PROGRAM)
        if began:
            begin_to_migrate(connection)
        assert migrate() == sorted(path.name for path in MIGRATIONS.glob("*.sql"))
        assert "dreams_before" in caplog.text
        for question, answer in KEPT:
            assert connection.execute(question.encode()).fetchone() == answer
        if not began:
            connection.execute(STORE)
        events = connection.execute("select kind from dreams.recall_events").fetchall()
        assert events == [("created",)]
        assert connection.execute("select total_memories from dreams.get_memory_stats()").fetchone() == (1,)
    assert migrate() == pending() == []


def test_a_failure_on_the_way_leaves_it_to_be_tried_again(empty_url: str) -> None:
    with connect(autocommit=True) as connection:
        connection.execute(EARLIER_PROGRAM)
        # The first migration creates a table of this name.
        connection.execute("create view memories as select 1 as content, 2 as context, 3 as summary, 4 as content_hash")
        with pytest.raises(psycopg.Error):
            migrate()
        connection.execute("drop view memories")
        assert migrate()
        for question, answer in KEPT:
            assert connection.execute(question.encode()).fetchone() == answer
