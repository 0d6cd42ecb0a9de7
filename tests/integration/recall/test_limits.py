"""Oversized input is refused in a sentence, and large rows of other programs stop no search."""

from collections.abc import Iterator, Mapping
from functools import reduce
from uuid import UUID

import pytest

from memories import limits
from memories.errors import InputError
from memories.lexical import changes
from memories.memory import Memory
from memories.postgres.database import Connection, connect
from memories.records import Filters
from tests.conftest import new_database

REFUSALS = r"at most|deeper|more than"
NOTE = "x" * (limits.LONGEST_NOTE_CHARACTERS + 1)
TAGS = [str(number) for number in range(limits.MOST_TAGS + 1)]
DEEP: Mapping[str, object] = reduce(lambda inner, _: {"in": inner}, range(100), {"in": 1})
TOO_LARGE: list[dict[str, object]] = [
    {"content": "x" * (limits.LONGEST_CONTENT_MEGABYTES * 1_000_000 + 1)},
    {"content": "é" * (limits.LONGEST_CONTENT_MEGABYTES * 600_000)},
    {"context": NOTE},
    {"summary": NOTE},
    {"tags": TAGS},
    {"tags": ["x" * (limits.LONGEST_TAG_CHARACTERS + 1)]},
    {"metadata": {"note": "x" * limits.LARGEST_METADATA_BYTES}},
    {"metadata": {"notes": ["x" * 100] * 1000}},
    {"metadata": {"emoji": "💤" * (limits.LARGEST_METADATA_BYTES // 4)}},
    {"metadata": {str(number): 1 for number in range(limits.MOST_METADATA_KEYS + 1)}},
    {"metadata": {"lists": [{"a": 1, "b": 2}] * (limits.MOST_METADATA_KEYS // 2)}},
    {"metadata": DEEP},
]
NARROWED_TOO_FAR = [
    Filters(tags=TAGS),
    Filters(agent="x" * (limits.LONGEST_AGENT_CHARACTERS + 1)),
    Filters(metadata={"note": "x" * limits.LARGEST_METADATA_BYTES}),
    Filters(metadata=DEEP),
]


@pytest.fixture(scope="module")
def memory(server: str, migrated_template: str) -> Iterator[Memory]:
    with Memory(new_database(server, migrated_template), embed=lambda texts: [[1.0] * 8] * len(texts)) as opened:  # type: ignore[arg-type, return-value]
        yield opened


@pytest.mark.parametrize("given", TOO_LARGE, ids=lambda given: next(iter(given)))
def test_a_memory_that_is_too_large_is_refused(memory: Memory, given: dict[str, object]) -> None:
    with pytest.raises(InputError, match=REFUSALS):
        memory.put(**{"content": "tea", **given})  # type: ignore[arg-type]
    kept = memory.store("a memory to edit")
    with pytest.raises(InputError, match=REFUSALS):
        memory.edit(kept, **given)  # type: ignore[arg-type]
    assert memory.get(kept).content == "a memory to edit"


@pytest.mark.parametrize("filters", NARROWED_TOO_FAR)
def test_a_search_that_is_too_large_is_refused(memory: Memory, filters: Filters) -> None:
    with pytest.raises(InputError, match=REFUSALS):
        memory.search("tea", filters=filters)
    with pytest.raises(InputError, match="characters"):
        memory.search("x" * (limits.LONGEST_QUERY_CHARACTERS + 1))


def test_what_is_as_large_as_it_may_be_is_kept(memory: Memory) -> None:
    stored = memory.store(
        "as large as it may be",
        context="c" * limits.LONGEST_NOTE_CHARACTERS,
        summary="s" * limits.LONGEST_NOTE_CHARACTERS,
        tags=["t" * limits.LONGEST_TAG_CHARACTERS, *TAGS[2:]],
        metadata={"note": "x" * (limits.LARGEST_METADATA_BYTES - 20)},
    )
    assert memory.search("large").results[0].memory.id == stored


def test_rows_of_megabytes_are_found_by_their_first_words(memory: Memory, server: str) -> None:
    """Other programs write to the table, too."""
    statement = (
        "insert into public.memories (id, content, content_hash, summary, tags, created_at, updated_at, context, metadata)"
        " values (gen_random_uuid(), %s, encode(sha256(convert_to(%s, 'UTF8')), 'hex'), '', '{}', now(), now(), %s,"
        " jsonb_build_object('people', %s::text))"
    )
    with connect(memory._url, autocommit=True) as connection:
        for number, large in enumerate(("anna berg ", "記憶")):
            content = f"quagga {number}"
            whole = f"zebra {large * (3_000_000 // len(large))}"
            connection.execute(statement, (content, content, whole, whole))
    assert {result.memory.content for result in memory.search("zebra", words_only=True).results} == {
        f"quagga {number}" for number in range(2)
    }
    with connect(memory._url) as connection:
        assert max(map(len, changes.words(connection, memory_ids(connection)).values())) < 200_000


def memory_ids(connection: Connection) -> list[UUID]:
    return [UUID(str(row[0])) for row in connection.execute("select id from public.memories").fetchall()]
