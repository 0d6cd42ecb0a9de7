"""Habits are told apart from what chance brings about, however many are tried."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.human_memory.shipped import build, database

SHUFFLES = 20
MEMORIES, CONCEPTS = 300, 40
BEGINNING = datetime(2026, 1, 5, tzinfo=UTC)
Remembered = tuple[str, str, datetime]


def life(seed: int) -> list[Remembered]:
    """Memories of a hundred days at hours of their own, each with three concepts, some common and some rare."""
    chance = random.Random(seed)  # noqa: S311 - it decides nothing
    found = []
    for number in range(MEMORIES):
        at = BEGINNING + timedelta(days=chance.randrange(100), hours=chance.choice([8, 9, 9, 12, 17, 22, 23]))
        shared = {int(CONCEPTS * chance.random() ** 2) for _ in range(3)}
        found += [(f"{number}", f"concept {concept}", at) for concept in sorted(shared)]
    return found


def shuffled(memories: Sequence[Remembered], seed: int) -> list[Remembered]:
    """The same memories, each at the instant of another."""
    instants = {name: at for name, _, at in memories}
    other = list(instants.values())
    random.Random(seed).shuffle(other)  # noqa: S311 - it decides nothing
    moved = dict(zip(instants, other, strict=True))
    return [(name, concept, moved[name]) for name, concept, _ in memories]


def habits(memories: Sequence[Remembered]) -> list[tuple[str, str]]:
    """The concept and slot of each habit that the model finds."""
    connection = database()
    connection.execute(
        "create table ins_habit_inputs as select 'me' as agent, timestamptz '2027-01-01' as night_at, '' as fingerprint"
    )
    connection.execute(
        "create table ltm_concepts (memory_id uuid, item_id uuid, agent text, concept text, created_at timestamptz)"
    )
    names, concepts, instants = (list(column) for column in zip(*memories, strict=True))
    connection.execute(
        "insert into ltm_concepts select md5(name)::uuid, md5(name)::uuid, 'me', concept, instant"
        " from (select unnest($1::text[]) as name, unnest($2::text[]) as concept, unnest($3::timestamptz[]) as instant)",
        [names, concepts, instants],
    )
    build(connection, "ins_habit_slots", "ins_habit_shares", "ins_habits", habit_lift=1)
    return connection.execute("select concept, slot from ins_habits").fetchall()


def test_chance_has_no_habits() -> None:
    memories = life(1)
    assert sum(len(habits(shuffled(memories, seed))) for seed in range(SHUFFLES)) <= 1


def test_a_habit_is_found_among_chance() -> None:
    choir = [(f"choir {week}", "choir", BEGINNING + timedelta(weeks=week, hours=19)) for week in range(10)]
    assert ("choir", "19") in habits(life(2) + choir)
