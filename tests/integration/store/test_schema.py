"""Schema dreams holds what the design names, and every part of it has a comment."""

from memories.postgres.database import connect

TABLES = [
    "semantic_network",
    "memory_insights",
    "processing_metrics",
    "recall_events",
    "annotations",
    "cycles",
    "snapshots",
]
VIEWS = [
    "working_memory",
    "short_term_episodes",
    "long_term_memories",
    "memory_edges",
    "current_context",
    "recent_episodes",
    "knowledge_graph",
    "memory_timeline",
    "tag_embedding_stats",
]


def test_every_table_view_and_function_is_described(store_url: str) -> None:
    with connect() as connection:
        undescribed = connection.execute(
            "select c.relname from pg_class as c where c.relnamespace = 'dreams'::regnamespace"
            " and c.relkind in ('r', 'v') and obj_description(c.oid) is null"
            " union all select p.proname from pg_proc as p where p.pronamespace = 'dreams'::regnamespace"
            " and obj_description(p.oid, 'pg_proc') is null"
        ).fetchall()
    assert undescribed == []


def test_the_names_that_people_query_are_there(store_url: str) -> None:
    with connect() as connection:
        kinds = dict(
            connection.execute(
                "select relname, relkind::text from pg_class where relnamespace = 'dreams'::regnamespace"
            ).fetchall()
        )
    assert {name: kinds.get(name) for name in TABLES} == dict.fromkeys(TABLES, "r")
    assert {name: kinds.get(name) for name in VIEWS} == dict.fromkeys(VIEWS, "v")


def test_the_questions_typically_put_to_it(dreamt_url: str) -> None:
    with connect() as connection:
        for question in (
            "select * from dreams.get_memory_stats()",
            "select * from dreams.current_context",
            "select * from dreams.memory_insights where confidence_score > 0.8",
            "select * from dreams.knowledge_graph where strength > 0.7",
            "select * from dreams.memory_timeline where occurred_at > (select as_of - interval '7 days' from dreams.visible_cycle)",
            "select processing_stage, sum(processing_time_ms) from dreams.processing_metrics"
            " where start_time > now() - interval '24 hours' group by 1",
        ):
            assert connection.execute(question).fetchall(), question
        assert connection.execute("select * from dreams.check_tag_embedding_health()").fetchall() == []


def test_cleaning_up_removes_old_differences_and_never_a_memory(dreamt_url: str) -> None:
    with connect() as connection:
        memories = connection.execute("select count(*) from memories").fetchone()
        assert connection.execute("select dreams.cleanup_old_snapshots(30)").fetchone() == (0,)
        connection.execute("update dreams.cycles set started_at = started_at - interval '31 days'")
        kept = connection.execute("select count(*) from dreams.cycle_changes").fetchone()
        assert kept is not None and kept[0] > 5
        assert connection.execute("select dreams.cleanup_old_snapshots(30)").fetchone() == kept
        assert connection.execute("select count(*) from dreams.cycle_changes").fetchone() == (0,)
        assert connection.execute("select count(*) from memories").fetchone() == memories


def test_everything_has_a_comment(store_url: str) -> None:
    """Holds for each table, view, function and column of schema dreams, and each column of public.memories."""
    with connect() as connection:
        without = connection.execute(
            """
            select c.oid::regclass || coalesce('.' || a.attname, '')
            from pg_class as c
            left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where
                c.relkind in ('r', 'v') and c.relnamespace = 'dreams'::regnamespace
                and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)
                or c.oid = 'memories'::regclass and col_description(c.oid, a.attnum) is null
            union all
            select oid::regprocedure::text from pg_proc
            where pronamespace = 'dreams'::regnamespace and obj_description(oid, 'pg_proc') is null
            """
        ).fetchall()
    assert without == []
