"""Agents are separate: their dreams do not depend on each other; memories without an agent belong to `default`."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

from ingest.cycle.rebuild import compute
from ingest.cycle.run import run_cycle
from ingest.dbt.parameters import run_parameters
from memories.documents.write import forget, put
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.recall.filters import condition
from memories.records import Document, Filters

NOW = datetime.now(UTC)
SAID = (
    "Ola checks the keel bolts of the boat in the harbour.",
    "The storm took the jetty; the boat lies in the harbour of Gothenburg.",
    "Goal: sail the boat to Gothenburg before the autumn storm.",
    "Do the keel bolts of the boat hold in a storm?",
    "Ola lives in Gothenburg, above the harbour.",
    "Ola no longer lives in Gothenburg, she moved to Lisbon.",
)
RECALL = "insert into dreams.recall_events (memory_id, kind, query_id, rank, occurred_at) values (%s, %s, %s, %s, %s)"
OF_AN_AGENT = {
    "attention_slots": "agent = 'ada'",
    "episodes": "agent = 'ada'",
    "episode_members": "memory_id in (select memory_id from memory_states where agent = 'ada')",
    "edge_states": "memory_a in (select memory_id from memory_states where agent = 'ada')",
    "memory_states": "agent = 'ada'",
    "semantic_network": "agent = 'ada'",
    "communities": "agent = 'ada'",
    "memory_insights": "agent = 'ada'",
    "replays": "agent = 'ada'",
    "learned_vectors": "agent = 'ada'",
}
CROSSING = """
select count(*) from dreams.edge_states as e
inner join dreams.memory_states as a on a.memory_id = e.memory_a
inner join dreams.memory_states as b on b.memory_id = e.memory_b
where a.agent <> b.agent
"""


def live(connection: Connection, agent: str) -> list[Document]:
    """An agent notes things over three weeks, each at nearly the same time as every other agent."""
    documents = [
        Document(
            "test", f"{agent} {day}", f"{said} So says {agent} on day {day}.", tags=["boat", "storm", agent][day % 2 :],
            metadata={"agent": agent}, created_at=NOW - timedelta(days=21 - 3 * day, minutes=day),
        )
        for day, said in enumerate(SAID)
    ]  # fmt: skip
    for document in documents:
        put(connection, document)
    return documents


def search_over_all(connection: Connection, found: list[Document], at: datetime) -> None:
    """Records a search that opened the first half of the memories and listed the others."""
    query_id = uuid4()
    for rank, document in enumerate(found, 1):
        kind = "opened" if rank <= len(found) // 2 else "listed"
        connection.execute(RECALL, (document.id, kind, query_id, rank, at))


def marts_of_ada(cache: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(cache), read_only=True) as source:
        return {
            mart: source.sql(f"select * from {mart} where {own} order by all").fetchall()
            for mart, own in OF_AN_AGENT.items()
        }


def test_an_agent_dreams_as_if_there_were_no_other(
    store_url: str, ollama_url: str, duckdb_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search over two agents counts for each with its own results, and links no memory of one to the other's."""
    monkeypatch.setenv("OLLAMA_URL", ollama_url)
    with connect() as connection:
        ada, ben = live(connection, "ada"), live(connection, "ben")
        live(connection, "")
        interleaved = [document for pair in zip(ada, ben, strict=True) for document in pair]
        for hours in (2, 30, 100):
            search_over_all(connection, interleaved, NOW - timedelta(hours=hours))
    cycle = run_cycle()
    assert cycle.published
    together = tmp_path / "together.duckdb"
    shutil.copy(duckdb_file, together)
    with connect() as connection:
        assert connection.execute(CROSSING).fetchone() == (0,)
        for document in ben:
            forget(connection, document.id)
    alone = tmp_path / "alone.duckdb"
    compute(store_url, alone, {**run_parameters({}), "as_of": cycle.as_of.isoformat()}, full_refresh=True)
    found = marts_of_ada(together)
    assert all(found.values()), found
    assert found == marts_of_ada(alone)


@pytest.mark.parametrize("metadata", ["{}", "null", '{"agent": ""}', '{"agent": null}', '{"agent": "default"}'])
def test_who_names_no_agent_is_one(store_url: str, metadata: str) -> None:
    with connect() as connection:
        connection.execute(
            "insert into memories (content, content_hash, context, summary, metadata) values"
            " ('the boat', 'a', '', '', nullif(%s, 'null')::jsonb), ('the boat of Ada', 'b', '', '', '{\"agent\": \"ada\"}')",
            (metadata,),
        )
    with Memory() as memory:
        for agent in ("", "default"):
            results = memory.search("boat", filters=Filters(agent=agent), words_only=True).results
            assert [result.memory.content for result in results] == ["the boat"]


def test_a_search_of_one_agent_among_many_reads_its_memories_alone(store_url: str) -> None:
    asked, values = condition(Filters(agent="agent 7"), None)
    with connect() as connection:
        connection.execute(
            "insert into memories (content, content_hash, context, summary, metadata)"
            " select 'note ' || n, n, '', '', jsonb_build_object('agent', 'agent ' || n % 100)"
            " from generate_series(1, 5000) as n"
        )
        connection.execute("analyze memories")
        plan = connection.execute(
            b"explain select id from memories as m where " + asked.as_string(connection).encode(), values
        ).fetchall()
    assert any("memories_agent_idx" in str(line) for (line,) in plan), plan
