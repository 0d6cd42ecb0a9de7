"""Memories opened together after a search are associated, through any interface; false searches are refused."""

import json
import re
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import httpx
import numpy
import pytest
from mcp import Client

from ingest.cycle.run import run_cycle
from memories.embedding.vectors import Vectors
from memories.errors import InputError
from memories.mcp.server import AssistantStore, create_server
from memories.memory import Memory
from memories.postgres.database import connect
from tests.assistant import done, said, talk
from tests.conftest import Dreams
from tests.served import found, serving

DOORS = ("python", "command", "http", "assistant")
WEIGHT = "select forward_weight from dreams.edge_states where edge_type = 'hebbian' and (memory_a, memory_b) = (%s, %s)"


def embed(texts: Sequence[str]) -> Vectors:
    return numpy.ones((len(texts), 384), dtype=numpy.float32) / 384**0.5


@pytest.fixture
def memory(store_url: str) -> Iterator[Memory]:
    with Memory(embed=embed) as opened:
        yield opened


def opened_by_python(query: str, pair: Sequence[UUID]) -> None:
    with Memory(embed=embed) as memory:
        query_id = memory.search(query, words_only=True).query_id
        for memory_id in pair:
            memory.get(memory_id, query_id=query_id)


def opened_by_command(dreams: Dreams, query: str, pair: Sequence[UUID]) -> None:
    shown = dreams("search", query, "--words").stdout
    (query_id,) = re.findall(r"dreams open ID --query-id ([0-9a-f-]{36})", shown)
    for memory_id in pair:
        told = dreams("open", str(memory_id)[:8], "--query-id", query_id)
        assert told.returncode == 0 and told.stdout.splitlines()[-1].startswith(query), told.stderr


def opened_over_http(query: str, pair: Sequence[UUID]) -> None:
    with serving() as client:
        answer = client.post("/v1/memories/search", json={"query": query, "words_only": True}).json()
        for memory_id in pair:
            read = client.get(f"/v1/memories/{memory_id}", params={"query_id": answer["query_id"]})
            assert read.json()["id"] == str(memory_id)


def opened_by_assistant(query: str, pair: Sequence[UUID]) -> None:
    async def conversation(client: Client) -> None:
        answer = await client.call_tool("search_memory", {"query": query, "use_content_embedding": False})
        assert f"(query_id {answer.structured_content['query_id']})" in said(answer)
        for memory_id in pair:
            await done(client, "get_memory", id=str(memory_id)[:8])

    store = AssistantStore()
    talk(create_server(store), conversation)
    store.close()


def test_through_every_door_what_is_opened_together_is_learnt_together(
    store_url: str, dreams: Dreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_URL", "http://127.0.0.1:1")
    with Memory(embed=embed) as memory:
        stored = {
            door: sorted(memory.store(f"{door} {thing}") for thing in ("heron", "otter", "pike")) for door in DOORS
        }
    opened_by_python("python", stored["python"][:2])
    opened_by_command(dreams, "command", stored["command"][:2])
    opened_over_http("http", stored["http"][:2])
    opened_by_assistant("assistant", stored["assistant"][:2])
    run_cycle("consolidation")
    with connect() as connection:
        for door, (first, second, third) in stored.items():
            (together,) = connection.execute(WEIGHT, (first, second)).fetchone() or (0,)
            (beside,) = connection.execute(WEIGHT, (first, third)).fetchone() or (0,)
            assert together > 1.5 * beside > 0, (door, together, beside)


def test_only_a_search_that_listed_a_memory_can_have_led_to_it(memory: Memory) -> None:
    key, boat = memory.store("The key hangs behind the clock"), memory.store("The boat lies on the slip")
    query_id = memory.search("key", words_only=True).query_id
    for wrong in (uuid4(), memory.search("slip", words_only=True, record=False).query_id):
        with pytest.raises(InputError, match="did not list this memory"):
            memory.get(key, query_id=wrong)
    for use in (memory.get, memory.opened, memory.cited):
        with pytest.raises(InputError, match="did not list this memory"):
            use(boat, query_id=query_id)
    memory.get(key, query_id=query_id)
    memory.close()
    with connect() as connection:
        used = connection.execute("select memory_id, query_id from dreams.recall_events where kind <> 'listed'")
        assert [row for row in used if row[1]] == [(key, query_id)]


def test_a_chunk_that_was_listed_opens_its_document(memory: Memory) -> None:
    log = memory.store("\n\n".join(f"Section {number} of the pump log. " * 30 for number in range(40)) + " quagga")
    answer = memory.search("quagga", words_only=True)
    assert answer.results[0].passage_id != log
    assert memory.get(log, query_id=answer.query_id).id == log


def test_the_doors_refuse_a_search_that_did_not_list_it_in_a_sentence(store_url: str, dreams: Dreams) -> None:
    with serving() as client:
        client.post("/v1/memories", json={"content": "The key hangs behind the clock"})
        (memory_id,) = found(client, "key")
        refused = client.get(f"/v1/memories/{memory_id}", params={"query_id": str(uuid4())})
        assert refused.status_code == httpx.codes.CONFLICT and "did not list this memory" in refused.text
    told = dreams("open", memory_id, "--query-id", str(uuid4()))
    assert (told.returncode, told.stdout) == (2, "") and "did not list this memory" in told.stderr


def test_a_memory_is_pinned_through_every_door(memory: Memory) -> None:
    memory_id = memory.store("Father is allergic to penicillin.")

    async def conversation(client: Client) -> None:
        assert (await done(client, "pin_memory", id=str(memory_id)))["pinned"] is True
        assert (await done(client, "pin_memory", id=str(memory_id), pinned=False))["pinned"] is False

    assert memory.pin(str(memory_id)[:8]) == memory_id
    with serving() as client:
        assert client.put(f"/v1/memories/{memory_id}/pin").json() == {"id": str(memory_id), "pinned": True}
        assert client.delete(f"/v1/memories/{memory_id}/pin").json() == {"id": str(memory_id), "pinned": False}
        assert client.put(f"/v1/memories/{uuid4()}/pin").status_code == httpx.codes.NOT_FOUND
    store = AssistantStore()
    talk(create_server(store), conversation)
    store.close()
    with connect() as connection:
        pins = connection.execute(
            "select kind from dreams.recall_events where kind like '%pinned' order by occurred_at"
        )
        assert [kind for (kind,) in pins] == ["pinned", "pinned", "unpinned", "pinned", "unpinned"]


def test_an_opened_memory_cannot_steer_the_terminal(memory: Memory, dreams: Dreams) -> None:
    memory_id = memory.store("Wipe\x1b[2J the screen\nand go on.", context="\x1b[31m")
    told = dreams("open", str(memory_id)).stdout
    assert "\x1b" not in told and told.endswith("Wipe [2J the screen\nand go on.\n")
    assert json.loads(dreams("open", str(memory_id), "--json").stdout)["content"].startswith("Wipe\x1b[2J")
