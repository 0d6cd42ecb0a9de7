"""Cycles are listed with their parameters; going back to one restores its results and loses nothing."""

import json
from uuid import UUID

import pytest

from ingest.cycle.history import past_cycles, roll_back
from ingest.cycle.run import run_cycle
from ingest.publishing.marts import MARTS
from memories.documents.write import forget, store
from memories.errors import InputError, NotFound
from memories.postgres.database import connect
from memories.records import Document
from tests.conftest import Dreams
from tests.marts import marts


def dreamt_of() -> list[UUID]:
    with connect() as connection:
        rows = connection.execute("select memory_id from dreams.memory_states order by memory_id").fetchall()
    return [UUID(str(memory_id)) for (memory_id,) in rows]


def latest() -> str:
    with connect() as connection:
        return str(past_cycles(connection, 1)[0].cycle_id)


def test_going_back_shows_what_was_shown_and_the_next_cycle_dreams_on(dreamt_url: str, dreams: Dreams) -> None:
    first, shown_first = latest(), marts()
    with connect(autocommit=True) as connection:
        added = store(connection, Document("test", "keel", "The keel bolts of the boat were checked by Ola today."))
    run_cycle(overrides={"forgetting_rate": 0.2})
    second, shown_second = latest(), marts()
    assert shown_second != shown_first

    changed = roll_back(first[:8])
    assert sum(changed.values()) > 0
    assert marts() == shown_first
    with connect() as connection:
        assert (
            connection.execute("select as_of from dreams.visible_cycle").fetchone()
            == connection.execute("select as_of from dreams.cycles where cycle_id = %s", (first,)).fetchone()
        )
        assert connection.execute("select 1 from memories where id = %s", (added,)).fetchone() == (1,)
    roll_back(second)
    assert marts() == shown_second
    assert set(roll_back(second).values()) == {0}

    listed = dreams("cycles", "--json")
    cycles = json.loads(listed.stdout)["cycles"]
    assert [cycle["state"] for cycle in cycles] == ["published"] * 5
    table = dreams("cycles", "--last", "4").stdout
    assert "forgetting_rate=0.2" in table and first[:8] not in table and second[:8] in table
    assert dreams("cycles", "rollback", first[:8]).returncode == 0
    assert marts() == shown_first
    run_cycle(overrides={"forgetting_rate": 0.2})
    assert added in dreamt_of()


def test_what_was_deleted_does_not_come_back_with_an_earlier_cycle(dreamt_url: str) -> None:
    first, remembered = latest(), dreamt_of()
    gone = remembered[0]
    with connect(autocommit=True) as connection:
        forget(connection, gone)
    run_cycle()
    roll_back(first)
    assert not any(str(gone) in str(rows) for rows in marts().values())
    assert dreamt_of() == remembered[1:]


def test_going_back_leaves_empty_what_was_empty(dreamt_url: str) -> None:
    with connect(autocommit=True) as connection:
        for name in MARTS:
            connection.execute(f"delete from dreams.{name}".encode())
    run_cycle("working_memory")
    awake, shown_awake = latest(), marts()
    run_cycle()
    after = dreamt_of()
    assert len(after) > 300 and shown_awake["attention_slots"] and not shown_awake["memory_states"]
    run_cycle(overrides={"hebbian_learning_rate": 0.3})
    roll_back(awake)
    assert marts() == shown_awake
    run_cycle()
    assert dreamt_of() == after


def test_a_way_back_that_is_no_longer_kept_is_refused(dreamt_url: str) -> None:
    first, shown = latest(), marts()
    run_cycle("working_memory", overrides={"working_memory_capacity": 5})
    with connect() as connection:
        connection.execute("select dreams.cleanup_old_snapshots(0)")
    for reference, error in ((first, InputError), ("0" * 8, NotFound), ("abc", InputError)):
        before = marts()
        with pytest.raises(error):
            roll_back(reference)
        assert marts() == before
    assert before != shown
