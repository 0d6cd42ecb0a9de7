"""The whole cycle on the sample: every stage shows true results, and publishing is all or nothing."""

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest

from ingest import sources
from ingest.cycle.run import cycle_lock, publish_computed, run_cycle
from ingest.dbt.cache import install_extension
from ingest.dbt.project import PROFILES, PROJECT
from ingest.dbt.run import PARSED_FILE, parse_project
from ingest.loading.load import load
from ingest.settings import settings
from memories.documents.write import forget, pin, store
from memories.errors import CacheLocked, CycleFailed, CycleInProgress, InputError, StoreUnreachable
from memories.postgres.database import Connection, connect
from memories.postgres.migrate import migrate
from memories.records import Document, identity
from memories.settings import settings as store_settings
from tests.conftest import ROOT, forget_settings

PUBLISHED = [
    "attention_slots",
    "episodes",
    "episode_members",
    "memory_states",
    "edge_states",
    "semantic_network",
    "communities",
    "memory_insights",
]


def one(connection: Connection, query: str, *arguments: object) -> object:
    row = connection.execute(query, arguments).fetchone()
    return row[0] if row else None


def sample_id(number: str) -> object:
    return identity("sample", number)


def fingerprint(connection: Connection) -> dict[str, object]:
    return {
        name: one(connection, f"select md5(string_agg(t::text, '|' order by t::text)) from dreams.{name} as t")
        for name in PUBLISHED
    }


def test_every_stage_shows_something(dreamt_url: str) -> None:
    with connect() as connection:
        assert one(connection, "select count(*) from dreams.working_memory") > 300
        assert 1 <= one(connection, "select count(*) from dreams.current_context") <= 9
        assert one(connection, "select count(distinct slot_capacity) from dreams.working_memory") >= 3
        assert one(connection, "select max(memory_count) from dreams.episodes") >= 5
        assert one(connection, "select count(*) from dreams.short_term_episodes where level_0_goal is not null") > 50
        fates = dict(connection.execute("select fate, count(*) from dreams.long_term_memories group by 1").fetchall())
        assert set(fates) == {"consolidated", "retained", "fading", "dormant"}
        types = {row[0] for row in connection.execute("select distinct edge_type from dreams.memory_edges")}
        assert types == {"hebbian", "semantic", "temporal", "entity"}
        kinds = {row[0] for row in connection.execute("select distinct knowledge_type from dreams.long_term_memories")}
        assert kinds == {"episodic", "semantic", "procedural"}
        insights = {row[0] for row in connection.execute("select distinct insight_type from dreams.memory_insights")}
        assert insights >= {"pattern", "prediction", "supersession", "anomaly"}
        assert one(connection, "select count(*) from dreams.recent_episodes") > 0
        assert one(connection, "select count(*) from dreams.knowledge_graph where relation = 'path'") > 0
        assert one(connection, "select count(distinct cluster_id) from dreams.long_term_memories") > 5
        assert one(connection, "select count(*) from memories where semantic_cluster is not null") > 300
        stages = {row[0] for row in connection.execute("select processing_stage from dreams.processing_metrics")}
        measured = (
            "select bool_and(memories_processed = %s and duckdb_memory_mb between 50 and 8192), sum(successful_writes)"
        )
        assert connection.execute(
            f"{measured} from dreams.processing_metrics where processing_stage not in ('embed', 'annotate')".encode(),
            (380,),
        ).fetchone() == (True, one(connection, "select sum(rows_changed) from dreams.cycles"))
        assert stages >= {"embed", "annotate", "working_memory", "short_term", "consolidation", "long_term", "insights"}


def test_what_was_changed_is_known_to_be_superseded(dreamt_url: str) -> None:
    """In each pair of the sample, the later note retracts the earlier one."""
    pairs = {"m-0007": "m-0061", "m-0008": "m-0100", "m-0045": "m-0132", "m-0009": "m-0293", "m-0129": "m-0272"}
    with connect() as connection:
        for earlier, later in pairs.items():
            assert one(
                connection,
                "select superseded_by from dreams.long_term_memories where memory_id = %s",
                sample_id(earlier),
            ) == sample_id(later)
            until = one(
                connection, "select valid_until from dreams.long_term_memories where memory_id = %s", sample_id(earlier)
            )
            assert until == one(connection, "select created_at from memories where id = %s", sample_id(later))


def test_strength_in_the_view_is_that_of_the_models(dreamt_url: str) -> None:
    """The formula exists twice, once for each engine, and both agree on every memory."""
    with connect() as connection:
        rows = connection.execute(
            "select l.memory_id::text, l.strength, l.retrievability, extract(epoch from l.as_of - s.last_reviewed_at) / 86400,"
            " s.encoding, l.association_score / (1 - l.association_score), s.stability_days"
            " from dreams.long_term_memories as l join dreams.memory_states as s using (memory_id) where not l.pinned"
        ).fetchall()
    from jinja2 import Environment

    from ingest.dbt.parameters import run_parameters
    from ingest.dbt.project import PROJECT

    variables = run_parameters({})
    macros = Environment(autoescape=False).from_string(  # noqa: S701 - SQL, not HTML
        (PROJECT / "macros/fsrs.sql").read_text() + (PROJECT / "macros/strength.sql").read_text()
        + "{{ strength(fsrs_retrievability('days', 'stability'), 'encoding', 'association', 'stability') }}"
    )  # fmt: skip
    formula = macros.render(var=variables.__getitem__)
    computed = duckdb.connect().execute(
        "create table t (id varchar, strength double, recalled double, days double, encoding double, association double,"
        " stability double)"
    )
    computed.executemany("insert into t values (?, ?, ?, ?, ?, ?, ?)", rows)
    assert len(rows) > 300
    assert computed.execute(f"select max(abs(strength - ({formula}))) from t").fetchone()[0] < 1e-9


def test_a_rerun_at_the_same_instant_changes_nothing_and_calls_no_model(
    dreamt_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
    with connect() as connection:
        as_of = one(connection, "select as_of from dreams.visible_cycle")
        assert isinstance(as_of, datetime)
    again = run_cycle(as_of=as_of)
    assert sum(again.rows_changed.values()) == 0
    assert not again.published


def test_a_later_cycle_adds_what_is_new_and_keeps_the_rest(dreamt_url: str) -> None:
    run_cycle("consolidation")
    with connect() as connection:
        store(connection, Document("test", "new", "Bought two litres of varnish for the boat.", tags=["boat"]))
    cycle = run_cycle("consolidation")
    assert cycle.embedded == 1
    assert cycle.rows_changed["episode_members"] <= 3
    assert cycle.rows_changed["memory_states"] <= 3
    with connect() as connection:
        assert (
            one(connection, "select count(*) from dreams.long_term_memories where semantic_gist like 'Bought two%%'")
            == 1
        )
        semantic = one(
            connection,
            "select count(*) from dreams.memory_edges as e join memories as m on m.id in (e.memory_a, e.memory_b)"
            " where m.content like 'Bought two%%' and e.edge_type = 'semantic'",
        )
        assert semantic > 0


def test_a_reader_sees_one_cycle_or_the_other(dreamt_url: str) -> None:
    """While cycles publish, episodes and their members always belong together, and all rows to one as_of."""
    done, broken, seen = threading.Event(), [], set()

    def read() -> None:
        with psycopg.connect(dreamt_url, autocommit=True) as connection:
            while not done.is_set():
                with connection.transaction():
                    connection.execute("set transaction isolation level repeatable read")
                    seen.add(connection.execute("select as_of from dreams.visible_cycle").fetchone())
                    counts = connection.execute(
                        "select (select sum(memory_count) from dreams.episodes),"
                        " (select count(distinct coalesce(m.parent_id, m.id)) from dreams.episode_members as p"
                        " join memories as m on m.id = p.memory_id)"
                    ).fetchone()
                    if counts[0] != counts[1]:
                        broken.append(counts)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with connect() as connection:
            for number in range(60):
                store(connection, Document("test", str(number), f"Reading {number} of the tide gauge at the mole."))
        run_cycle("short_term")
    finally:
        done.set()
        reader.join()
    assert broken == []
    assert len(seen) >= 2


def test_deleting_a_memory_is_seen_at_once_and_gone_with_the_next_cycle(dreamt_url: str) -> None:
    victim = sample_id("m-0302")
    with connect() as connection:
        rows = forget(connection, victim)
        assert rows > 1
        assert one(connection, "select count(*) from dreams.long_term_memories where memory_id = %s", victim) == 0
    run_cycle()
    with duckdb.connect(str(cache_file()), read_only=True) as cache:
        tables = [
            row[0] for row in cache.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        ]
        held = [
            name
            for name in tables
            if cache.execute(f"select count(*) from {name} as t where t::varchar like ?", [f"%{victim}%"]).fetchone()[0]
        ]
        assert held == []


def cache_file() -> Path:
    return settings().duckdb_file


def test_a_pinned_memory_never_fades(dreamt_url: str) -> None:
    with connect() as connection:
        dormant = one(connection, "select memory_id from dreams.long_term_memories where fate = 'dormant' limit 1")
        pin(connection, dormant)  # type: ignore[arg-type]
    run_cycle("consolidation")
    with connect() as connection:
        assert (
            one(connection, "select fate from dreams.long_term_memories where memory_id = %s", dormant)
            == "consolidated"
        )


def test_without_embeddings_nothing_fails(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.cycle import run as cycle

    monkeypatch.setattr(cycle, "count_waiting", lambda *_: 0)
    with connect(autocommit=True) as connection:
        load(connection, sources.sample.read())
    published = run_cycle()
    assert published.row_counts["episodes"] > 50
    with connect() as connection:
        assert one(connection, "select count(*) from dreams.memory_edges where edge_type = 'semantic'") == 0
        assert one(connection, "select count(*) from dreams.memory_edges where edge_type = 'hebbian'") > 0


def test_an_empty_store_dreams_of_nothing(store_url: str) -> None:
    assert sum(run_cycle().row_counts.values()) == 0


def test_another_instant_is_computed_and_never_published(dreamt_url: str) -> None:
    with connect() as connection:
        before = fingerprint(connection)
        cycles = one(connection, "select count(*) from dreams.cycles")
    for days in (-30, 400):
        cycle = run_cycle(as_of=datetime.now(UTC) + timedelta(days=days))
        assert not cycle.published
    with connect() as connection:
        assert fingerprint(connection) == before
        assert one(connection, "select count(*) from dreams.cycles") == cycles


def test_a_dry_run_counts_and_publishes_nothing(dreamt_url: str) -> None:
    with connect() as connection:
        store(connection, Document("test", "new", "A new thought about the tide."))
        before = fingerprint(connection)
    assert run_cycle(dry_run=True).rows_changed["memory_states"] >= 1
    with connect() as connection:
        assert fingerprint(connection) == before


def test_the_night_is_replayed_once_and_a_deleted_cache_is_rebuilt_to_the_same_state(dreamt_url: str) -> None:
    def rehearsed() -> object:
        with connect() as connection:
            return one(connection, "select count(*) from dreams.recall_events where kind = 'rehearsed'")

    with connect() as connection:
        assert one(connection, "select count(*) from dreams.nights") == 7
    assert rehearsed() == 7 * 20
    run_cycle()
    assert rehearsed() == 7 * 20
    with connect() as connection:
        before = fingerprint(connection)
    cache_file().unlink()
    cycle = run_cycle()
    assert sum(cycle.rows_changed.values()) == 0
    with connect() as connection:
        assert fingerprint(connection) == before


def test_a_second_cycle_waits_or_says_so(dreamt_url: str) -> None:
    with cycle_lock(dreamt_url, wait=False), pytest.raises(CycleInProgress, match="another dream cycle"):
        run_cycle("working_memory")
    held = threading.Event()

    def hold() -> None:
        with cycle_lock(dreamt_url, wait=False):
            held.set()
            finished.wait(2)

    finished = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    run_cycle("working_memory", wait=True)
    assert not finished.is_set()
    finished.set()
    holder.join()


def test_a_locked_cache_is_named_in_a_sentence(dreamt_url: str) -> None:
    program = (
        f"import duckdb, sys; c = duckdb.connect({str(cache_file())!r}); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        with pytest.raises(CacheLocked, match="another program has"):
            run_cycle("working_memory")
    finally:
        other.communicate()
    with connect() as connection:
        assert one(connection, "select state from dreams.cycles order by started_at desc limit 1") == "failed"
    assert run_cycle("working_memory").published


def test_a_model_that_fails_leaves_the_last_cycle_visible(dreamt_url: str) -> None:
    with connect() as connection:
        before = fingerprint(connection)
        connection.execute("alter table dreams.nights rename to misplaced")
    with pytest.raises(CycleFailed, match="last complete cycle stays visible"):
        run_cycle()
    with connect() as connection:
        connection.execute("alter table dreams.misplaced rename to nights")
        assert fingerprint(connection) == before
        assert "dbt" in one(connection, "select error from dreams.cycles where state = 'failed'")
    assert run_cycle().published


def test_an_unknown_parameter_is_named(dreamt_url: str) -> None:
    with pytest.raises(InputError, match="no parameter 'forgeting_rate'"):
        run_cycle(overrides={"forgeting_rate": 0.1})


def test_a_stopped_postgres_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_DB_URL", "postgresql://nobody@127.0.0.1:9/none")
    forget_settings()
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1"):
        run_cycle()
    forget_settings()


def test_what_dbt_computed_by_itself_is_published(dreamt_url: str) -> None:
    with connect() as connection:
        store(connection, Document("test", "new", "A thought between two cycles."))
    with pytest.raises(InputError, match="later than the visible cycle"):
        publish_computed()
    environment = {
        **os.environ, "POSTGRES_DB_URL": dreamt_url, "DUCKDB_PATH": str(cache_file()),
        "DUCKDB_EXTENSION_DIRECTORY": str(install_extension()),
    }  # fmt: skip
    target = str(cache_file().parent / "target")
    command = [
        "run",
        "--quiet",
        "--project-dir",
        str(PROJECT),
        "--profiles-dir",
        str(PROFILES),
        "--target-path",
        target,
    ]
    subprocess.run([sys.executable, "-m", "dbt.cli.main", *command], env=environment, cwd=ROOT, check=True)
    assert publish_computed()["memory_states"] >= 1
    with connect() as connection:
        assert one(connection, "select count(*) from dreams.cycles where state = 'published'") == 2


def test_a_dead_embedder_does_not_keep_it_from_dreaming(dreamt_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "new", "Not embedded yet."))
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:9")
    forget_settings()
    cycle = run_cycle("consolidation")
    assert cycle.published
    assert "does not answer" in (cycle.problem or "")
    with connect() as connection:
        assert one(connection, "select count(*) from dreams.long_term_memories where memory_id = %s", memory_id) == 1
    monkeypatch.delenv("OLLAMA_URL")
    forget_settings()
    assert run_cycle("working_memory").embedded == 1


@pytest.mark.parametrize("step", ["annotate", "embed", "dbt", "write_back"])
def test_an_interruption_at_any_step_loses_nothing(dreamt_url: str, step: str) -> None:
    with connect() as connection:
        memory_id = store(connection, Document("test", "new", "Thought of just before the interruption."))
        before = fingerprint(connection)

    def interrupt(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cycle("consolidation", on_step=interrupt)
    with connect() as connection:
        assert fingerprint(connection) == before
    assert run_cycle("consolidation").published
    with connect() as connection:
        assert one(connection, "select count(*) from dreams.long_term_memories where memory_id = %s", memory_id) == 1
        assert one(connection, "select count(*) from dreams.cycles where state = 'running'") == 0


def test_a_stores_first_cycle_has_nothing_to_parse(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The project that `make install` parses works for any store, wherever it is."""
    monkeypatch.setattr("ingest.dbt.run.PARSED", tmp_path)
    migrate(empty_url)
    parsed = tmp_path / PARSED_FILE
    parse_project()
    before = parsed.read_bytes()
    targets = store_settings().dreams_home / "dbt_target"
    shutil.rmtree(targets, ignore_errors=True)
    run_cycle("working_memory")
    (used,) = targets.glob(f"*/{PARSED_FILE}")
    assert used.read_bytes() == before
