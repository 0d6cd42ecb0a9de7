"""Tests working-memory capacity, seven plus or minus two (Miller 1956), on windows of twenty dialogue turns."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy

from benchmarks.human_memory import shipped
from benchmarks.human_memory.result import Chart, Comparison, Figure, Vector, column

OFFERED = 20
TURNS_PER_CONVERSATION = 120
WINDOWS_PER_CONVERSATION = 40
LEAST, MOST, GATE = 5, 9, (6.5, 7.5)
NAMES = ("first", "second")


def read(file: Path) -> list[list[str]]:
    """Up to 120 evenly spaced turns with text from each conversation of a file in LoCoMo's form."""
    conversations = []
    for sample in json.loads(file.read_text(encoding="utf-8")):
        talk = sample["conversation"]
        sessions = [talk[f"session_{number}"] for number in range(1, len(talk)) if f"session_{number}" in talk]
        turns = [turn["text"] for session in sessions for turn in session if turn["text"].strip()]
        conversations.append(turns[:: max(1, len(turns) // TURNS_PER_CONVERSATION)][:TURNS_PER_CONVERSATION])
    return conversations


def windows(conversations: Sequence[Vector]) -> Mapping[str, list[Vector]]:
    """Windows of twenty vectors each: random turns, half of the windows from one conversation and half from all; the
    least similar turns (farthest first); and a turn with its nearest neighbours."""
    chance = numpy.random.default_rng(1)
    together = numpy.concatenate(conversations)
    found: dict[str, list[Vector]] = {"mixed": [], "distinct": [], "near-duplicates": []}
    for conversation in conversations:
        for _ in range(WINDOWS_PER_CONVERSATION):
            for pool in (conversation, together):
                found["mixed"].append(pool[chance.choice(len(pool), OFFERED, replace=False)])
            start = int(chance.integers(len(together)))
            found["distinct"].append(together[farthest_first(together, start)])
            found["near-duplicates"].append(together[numpy.argsort(-(together @ together[start]))[:OFFERED]])
    return found


def farthest_first(vectors: Vector, start: int) -> list[int]:
    """Indices, each of the vector whose greatest similarity to those before it is least (Gonzalez 1985)."""
    chosen = [start]
    nearest = vectors @ vectors[start]
    while len(chosen) < OFFERED:
        chosen.append(int(numpy.argmin(nearest)))
        nearest = numpy.maximum(nearest, vectors @ vectors[chosen[-1]])
    return chosen


def offer(offered: Sequence[Vector]) -> duckdb.DuckDBPyConnection:
    """Offers each window to an agent, ten seconds between items, and computes the shipped activations."""
    connection = shipped.database()
    connection.execute(
        "create table attention_events as"
        " select agent * 1000 + item as item_id, cast(agent as varchar) as agent,"
        " timestamptz '2026-01-01 12:00:00+00' + to_seconds(10 * item) as occurred_at"
        " from range($agents) as agents (agent), range($items) as items (item)",
        {"agents": len(offered), "items": OFFERED},
    )
    connection.execute("create table stg_annotations (memory_id bigint, sentiment double)")
    vectors = numpy.concatenate(offered).astype(">f2")
    places = numpy.arange(len(vectors))
    sent = {  # noqa: F841 - DuckDB reads it by its name
        "memory_id": places // OFFERED * 1000 + places % OFFERED,
        "embedding": numpy.array([vector.tobytes() for vector in vectors], dtype=object),
    }
    connection.execute(
        "create table stg_embeddings as"
        " select memory_id, octet_length(embedding) // 2 as dimensions, embedding, hash(embedding) as embedding_hash"
        " from sent"
    )
    shipped.build(connection, "wm_activations", "wm_windows", "wm_crowding")
    return connection


def capacities(connection: duckdb.DuckDBPyConnection, **overrides: float) -> tuple[Vector, Vector]:
    """The mean similarity and the number of filled slots of each window, by the shipped models."""
    shipped.build(connection, "wm_capacities", "attention_slots", **overrides)
    rows = connection.sql(
        "select mean_cosine_similarity, count(*) from attention_slots inner join wm_capacities"
        " using (agent, window_start) group by agent, window_start, mean_cosine_similarity order by agent"
    ).fetchall()
    return column(rows), column([row[1:] for row in rows])


def compare(conversations: Sequence[Vector]) -> Comparison:
    """Compares slots on the vectors of each conversation's turns. The var interference_similarity is the mean
    similarity of mixed windows in the first half of LoCoMo's development conversations; the second half is held out."""
    figures, points = [], {}
    for half, name in enumerate(NAMES):
        slots = {}
        for kind, offered in windows(conversations[half::2]).items():
            connection = offer(offered)
            similarities, slots[kind] = capacities(connection)
            points[f"{kind}, {name} half"] = list(zip(similarities, slots[kind], strict=True))
            if kind == "mixed":
                similarity = float(similarities.mean())
        mean = float(slots["mixed"].mean())
        beside = {kind: float(found.mean()) for kind, found in slots.items() if kind != "mixed"}
        ordered = beside["distinct"] > mean > beside["near-duplicates"]
        every = numpy.concatenate(list(slots.values()))
        figures += [
            Figure(
                "capacity", f"mean slots, mixed, {name} half of the conversations", mean,
                f"{GATE[0]} to {GATE[1]}", GATE[0] <= mean <= GATE[1], {"mean similarity": similarity},
            ),
            Figure(
                "capacity", f"distinct > mixed > near-duplicates, {name} half", mean, "in this order", ordered, beside,
            ),
            Figure(
                "capacity", f"fewest and most slots, {name} half", f"{every.min():.0f} to {every.max():.0f}",
                f"within {LEAST} to {MOST}", every.min() >= LEAST and every.max() <= MOST,
            ),
        ]  # fmt: skip
    return figures, [
        Chart("capacity", "Slots by mean similarity of twenty turns", "mean cosine similarity", "slots", points, {})
    ]
