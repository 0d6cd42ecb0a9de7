"""Describes the tables of schema `dreams` that a cycle publishes: their stages, keys, time columns and memories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["working_memory", "short_term", "consolidation", "long_term"]


@dataclass(frozen=True, slots=True)
class Mart:
    """One published table: the first stage that publishes it, its key, and its time column `at`, if any.

    `memory_columns` name the memories of a row. If no column does, `memories` is SQL for their array, of a row `t`.
    `computed_in` is the dbt table that shows which rows differ when the mart itself is a view; with `is_in_parts`, dbt
    updates that table part by part (macros/carried.sql).
    """

    stage: Stage
    key: tuple[str, ...]
    at: str | None
    memory_columns: tuple[str, ...] = ()
    memories: str | None = None
    computed_in: str | None = None
    is_in_parts: bool = False


# Episodes are merged before episode_members, which still holds the members of the earlier episode then.
MEMBERS = "array(select m.memory_id from dreams.episode_members as m where m.episode_id = t.episode_id)"
MARTS: Mapping[str, Mart] = {
    "attention_slots": Mart("working_memory", ("snapshot_id", "wm_slot"), "window_start", ("memory_id",)),
    "episodes": Mart("short_term", ("episode_id",), "started_at", memories=MEMBERS, computed_in="stm_episode_goals"),
    "episode_members": Mart("short_term", ("memory_id",), "occurred_at", ("memory_id",), computed_in="stm_members"),
    "semantic_network": Mart("long_term", ("agent", "concept_a", "concept_b", "association_type"), "last_activation"),
    "edge_states": Mart(
        "consolidation",
        ("memory_a", "memory_b", "edge_type"),
        "first_at",
        ("memory_a", "memory_b"),
        computed_in="ltm_edges",
        is_in_parts=True,
    ),
    "memory_states": Mart("consolidation", ("memory_id",), "created_at", ("memory_id",), computed_in="ltm_states"),
    "communities": Mart("long_term", ("community_id",), None),
    "memory_insights": Mart("long_term", ("insight_id",), "discovered_at", memories="t.related_memories"),
}
# Recorded once and never merged: replayed nights and learnt vectors.
RECORDS: Mapping[str, Stage] = {"replays": "long_term", "learned_vectors": "consolidation"}
# Each row of these is about one memory, and is deleted with it.
ABOUT_ONE_MEMORY = tuple(name for name, mart in MARTS.items() if "memory_id" in mart.memory_columns)


def _published_by(stage: Stage) -> Sequence[str]:
    """The tables that a stage publishes: its own, and those of the stages before it."""
    stages: Sequence[Stage] = get_args(Stage)
    so_far = stages[: stages.index(stage) + 1]
    first_stages = {**{name: mart.stage for name, mart in MARTS.items()}, **RECORDS}
    return tuple(name for name, first in first_stages.items() if first in so_far)


STAGES: Mapping[str, Sequence[str]] = {stage: _published_by(stage) for stage in get_args(Stage)}
