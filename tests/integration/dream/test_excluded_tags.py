"""Memories with excluded tags stay out of dreams, but are kept and found like all others."""

from uuid import UUID

from ingest.cycle.run import run_cycle
from ingest.publishing.marts import MARTS
from memories.memory import Memory
from memories.postgres.database import connect


def test_excluded_memories_leave_what_was_dreamt_and_are_still_found(dreamt_url: str) -> None:
    with connect() as connection:
        tagged = {
            UUID(str(memory_id))
            for (memory_id,) in connection.execute("select id from memories where tags @> '{portuguese}'")
        }
    assert len(tagged) > 5

    def dreamt_of() -> set[UUID]:
        with connect() as connection:
            shown = " ".join(
                str(row)
                for name in MARTS
                for (row,) in connection.execute(f"select to_jsonb(t)::text from dreams.{name} as t")
            )
        return {memory_id for memory_id in tagged if str(memory_id) in shown}

    assert dreamt_of() == tagged
    nested = min(tagged)
    with connect() as connection:
        connection.execute("update memories set tags = '{#Portuguese/Verbs}' where id = %s", (nested,))
    run_cycle(overrides={"excluded_tags": ["portuguese", "nobody's"]})
    assert dreamt_of() == set()
    with Memory() as memory:
        found = memory.search("autocarro", words_only=True).results
        assert found[0].memory.id in tagged
    run_cycle()
    assert dreamt_of() == tagged
