"""For any history and any split into cycles, the marts equal those of one rebuild; the past stays.

HISTORIES=50 tries that many random histories, new ones each time; the default is a few fixed ones.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.cycle.rebuild import compare_with_rebuild, compute, differences
from ingest.cycle.run import run_cycle
from ingest.publishing.marts import STAGES
from ingest.settings import settings as ingest_settings
from memories.documents.edit import MemoryChanges, edit
from memories.documents.write import forget, pin, put
from memories.postgres.database import Connection, connect
from memories.records import Document
from tests.conftest import OWN, carried_to, new_database, use

HISTORIES = os.environ.get("HISTORIES")
NOTHING_DIFFERS = dict.fromkeys(STAGES["long_term"], 0)
RECALL = """
insert into dreams.recall_events (memory_id, kind, grade, query_id, rank, occurred_at)
values (%s, %s, %s, %s, %s, %s)
"""
MEMORIES = "select id from public.memories where chunk_index is null order by created_at, id"
CONTENTS = (
    "Asked Ola whether the keel bolts of the boat hold.",
    "The keel bolts of the boat hold.",
    "The storm took the jetty; the boat lies in the harbour now.",
    "Goal: sail to Gothenburg before the autumn storms.",
    "Lunch with Ola at the harbour: she moved to Gothenburg.",
    "Ola no longer lives in Gothenburg, she moved to Lisbon.",
)
CHANGED_PARAMETERS: Sequence[Mapping[str, object]] = (
    {},
    {"working_memory_capacity": 5},
    {"hebbian_learning_rate": 0.3},
    {"forgetting_rate": 0.2},
    {"excluded_tags": ["private"]},
)

AGENTS = ("", "ada", "ben")
# The index of an existing memory, modulo their number.
which = st.integers(0, 400)
ago = st.builds(timedelta, minutes=st.sampled_from([0, 1, 4, 40, 60 * 24, 60 * 24 * 30]))
new = st.tuples(st.just("store"), st.sampled_from(CONTENTS), ago, st.sampled_from(AGENTS))
stored_again = st.tuples(st.just("store again"), which, st.sampled_from(["", "at sea", "at home"]))
tagged = st.tuples(st.just("tag"), which, st.sampled_from(["boat", "private"]))
given_over = st.tuples(st.just("give over"), which, st.sampled_from(AGENTS))
edited = st.tuples(st.just("edit"), which, st.sampled_from(CONTENTS))
recalled = st.tuples(
    st.just("recall"), st.lists(which, min_size=1, max_size=3), st.sampled_from(["listed", "opened", "cited"]), ago
)
reviewed = st.tuples(st.just("review"), which, st.integers(1, 4), ago)
pinned = st.tuples(st.just("pin"), which, st.booleans())
deleted = st.tuples(st.just("delete"), which)
happening = st.one_of(new, stored_again, tagged, given_over, edited, recalled, reviewed, pinned, deleted)
# What happens before a cycle, the stage it runs to, its parameters.
part = st.tuples(
    st.lists(happening, min_size=1, max_size=8), st.sampled_from(list(STAGES)), st.sampled_from(CHANGED_PARAMETERS)
)
numbers = count()


def happen(connection: Connection, what: str, *how: object) -> None:
    """Makes one thing happen to the store, as a user, Codex or a search would."""
    ids = [row[0] for row in connection.execute(MEMORIES)]

    def of(index: object) -> UUID:
        assert isinstance(index, int)
        return UUID(str(ids[index % len(ids)]))

    now = datetime.now(UTC)
    match what, *how:
        case "store", str(content), timedelta() as since, str(agent):
            said = f"{content} ({next(numbers)})"
            put(connection, Document("test", said, said, metadata={"agent": agent}, created_at=now - since))
        case "store again", index, str(context):
            row = connection.execute("select content from public.memories where id = %s", (of(index),)).fetchone()
            assert row is not None
            put(connection, Document("test", "again", str(row[0]), context=context))
        case "tag", index, str(tag):
            edit(connection, of(index), MemoryChanges(tags=[tag], metadata={"project": tag}))
        case "give over", index, str(agent):
            edit(connection, of(index), MemoryChanges(metadata={"agent": agent}))
        case "edit", index, str(content):
            edit(connection, of(index), MemoryChanges(content=f"{content} ({next(numbers)})"))
        case "recall", list(indexes), str(kind), timedelta() as since:
            query_id = UUID(int=next(numbers))
            for rank, index in enumerate(indexes, 1):
                connection.execute(RECALL, (of(index), kind, None, query_id, rank, now - since))
        case "review", index, int(grade), timedelta() as since:
            connection.execute(RECALL, (of(index), "reviewed", grade, None, None, now - since))
        case "pin", index, bool(is_pinned):
            pin(connection, of(index), pinned=is_pinned)
        case "delete", index:
            forget(connection, of(index))


@settings(
    max_examples=int(HISTORIES or 2),
    derandomize=HISTORIES is None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(part, min_size=2, max_size=3))
def test_any_history_in_any_parts_equals_its_rebuild(
    history: Sequence[tuple[Sequence[tuple[object, ...]], str, Mapping[str, object]]],
    server: str,
    dreamt_template: tuple[str, Path],
    ollama_url: str,
    duckdb_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template, dreamt = dreamt_template
    monkeypatch.setenv("OLLAMA_URL", ollama_url)
    use(new_database(server, template, OWN), carried_to(duckdb_file, dreamt), monkeypatch)
    for happenings, stage, parameters in history:
        with connect(autocommit=True) as connection:
            for what, *how in happenings:
                happen(connection, str(what), *how)
        last = run_cycle(stage, overrides=parameters)
    assert compare_with_rebuild() == NOTHING_DIFFERS
    if last.stage == "long_term":
        again = run_cycle(as_of=last.as_of, overrides=parameters)
        assert not any(again.rows_changed.values())


def test_the_past_is_dreamt_as_it_was(dreamt_url: str, tmp_path: Path) -> None:
    first = run_cycle()
    then = tmp_path / "then.duckdb"
    then.write_bytes(ingest_settings().duckdb_file.read_bytes())
    with connect(autocommit=True) as connection:
        for since in (timedelta(0), timedelta(days=9)):
            happen(connection, "store", CONTENTS[0], since, "ada")
        for index in (3, 30, 90):
            happen(connection, "store again", index, "at sea")
            happen(connection, "tag", index + 1, "boat")
            happen(connection, "review", index + 2, 1, timedelta(days=2))
            happen(connection, "recall", [index, index + 5], "opened", timedelta(hours=1))
    run_cycle()
    with connect() as connection:
        row = connection.execute(
            "select parameters from dreams.cycles where cycle_id = %s", (first.cycle_id,)
        ).fetchone()
    assert row is not None and isinstance(row[0], dict)
    now = tmp_path / "now.duckdb"
    compute(dreamt_url, now, {**row[0], "as_of": first.as_of.isoformat()}, full_refresh=True)
    assert differences(then, now, STAGES["long_term"]) == NOTHING_DIFFERS
