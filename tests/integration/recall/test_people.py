"""The names of a person are joined where it is safe, and only there."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
from psycopg.types.json import Jsonb

from ingest.loading.load import load
from memories.postgres.database import Connection, connect
from memories.records import Document

PLACE = """
insert into dreams.episode_members
    (memory_id, episode_id, position, occurred_at, subtask_memory_ids, people, emotional_salience, co_activation_count)
select id, 'one', 1, created_at, '{}', %s, 0, 0 from public.memories where content = %s
"""


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    with connect(autocommit=True) as opened:
        yield opened


def person_by_name(
    connection: Connection,
    memories: Sequence[Sequence[str]],
    addresses: Mapping[str, str] | None = None,
    source: str = "git",
) -> dict[str, str]:
    """Stores a memory for each list of names, and returns the person that each name stands for."""
    for number, names in enumerate(memories):
        metadata = {"people": list(names), "addresses": {name: (addresses or {}).get(name) for name in names}}
        load(connection, [Document(source, str(number), f"{source} {number}", metadata=metadata)])
        connection.execute(PLACE, (list(names), f"{source} {number}"))
    return dict(connection.execute("select distinct name, person from dreams.people()").fetchall())  # type: ignore[arg-type]


def test_a_title_an_initial_and_a_single_word_are_the_same_person(connection: Connection) -> None:
    names = ["Sir William Drake", "Sir W. Drake", "Sir W. Drake", "Drake", "Duke of Kent", "Mr. Moore", "Moore"]
    found = person_by_name(connection, [[name] for name in names])
    assert found["Sir William Drake"] == found["Sir W. Drake"] == found["Drake"] == "Sir W. Drake"
    assert found["Moore"] == found["Mr. Moore"] == "Mr. Moore"
    assert found["Duke of Kent"] == "Duke of Kent"


def test_what_two_may_be_called_is_left_apart(connection: Connection) -> None:
    names = [
        "Tom Drake",
        "Tom Hill",
        "Tom",
        "Mr. Pierce",
        "Mrs. Pierce",
        "Pierce",
        "Anna Lee",
        "Mr. Lee",
        "Ada Poe",
        "Alan Poe",
    ]
    found = person_by_name(connection, [[name] for name in names])
    assert all(name == person for name, person in found.items())


def test_another_source_has_its_own_tom(connection: Connection) -> None:
    person_by_name(connection, [["Tom Drake"]])
    found = person_by_name(connection, [["Tom"]], source="notes")
    assert found["Tom"] == "Tom"


def test_an_address_joins_names_unless_it_masks_others(connection: Connection) -> None:
    addresses = {
        "tdrake": "Tom@drake.net",
        "Tom Drake": "tom@drake.net",
        "Bo": "someone@example.org",
        "Cy": "someone@example.org",
    }
    found = person_by_name(connection, [["Tom Drake"], ["Tom Drake", "Bo"], ["tdrake", "Cy"]], addresses)
    assert found == {"Tom Drake": "Tom Drake", "tdrake": "Tom Drake", "Bo": "Bo", "Cy": "Cy"}


def test_who_says_the_same_text_again_is_there_too(connection: Connection) -> None:
    person_by_name(connection, [["Tom Drake"]])
    connection.execute(
        "insert into dreams.occurrences (document_id, memory_id, context, summary, tags, metadata, created_at, updated_at)"
        " select gen_random_uuid(), id, '', '', '{}', %s, created_at, updated_at from public.memories",
        (Jsonb({"people": ["Bo Li", "robot[bot]"]}),),
    )
    people = connection.execute("select person from dreams.people() order by 1").fetchall()
    assert people == [("Bo Li",), ("Tom Drake",)]
