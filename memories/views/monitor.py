"""Measures the results of the last cycle, and compares them with the ranges that docs/biology.md expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from memories.postgres.database import Connection

# One row, a column for each figure; null where there is no data for it yet.
FIGURES = """
with windows as (
    select
        count(*) as slots, min(slot_capacity) as capacity, min(window_start) as window_start,
        max(window_end) as window_end
    from dreams.attention_slots group by snapshot_id
),
working as (
    select
        max(slots) as slots_used_most, avg(slots) as slots_used_mean, avg(capacity) as slot_capacity_mean,
        max(extract(epoch from window_end - window_start)) / 60 as window_minutes_longest
    from windows
),
episodic as (
    select
        max(extract(epoch from ended_at - started_at)) / 3600 as episode_hours_longest,
        avg(memory_count) as episode_memories_mean
    from dreams.episodes
),
hebbian as (
    select min(weight) as hebbian_weight_least, max(weight) as hebbian_weight_most, avg(weight) as hebbian_weight_mean
    from dreams.memory_edges where edge_type = 'hebbian'
),
lasting as (
    select
        percentile_cont(0.5) within group (order by forgetting_rate) as forgotten_daily_median,
        avg(retrievability) as retrievability_mean, min(stability_days) as stability_days_least,
        max(stability_days) as stability_days_most, min(difficulty) as difficulty_least,
        max(difficulty) as difficulty_most,
        min(strength) as strength_least, max(strength) as strength_most,
        avg((fate = 'consolidated')::integer) as consolidated_share, avg((fate = 'dormant')::integer) as dormant_share
    from dreams.long_term_memories
),
foreseen as (
    -- The mean of a few says nothing.
    select case when count(validation_score) >= 10 then avg(validation_score) end as prediction_brier
    from dreams.memory_insights where insight_type = 'prediction'
),
nightly as (
    select
        v.forgetting_rate as downscaled_nightly,
        (select max(n.replayed_count) from dreams.nights as n where n.cycle_id = c.cycle_id)
        / nullif((c.parameters ->> 'replay_budget')::double precision, 0) as replayed_of_budget_most
    from dreams.visible_cycle as v inner join dreams.cycles as c on c.cycle_id = v.cycle_id
)
select * from working, episodic, hebbian, lasting, foreseen left join nightly on true
"""

# Lowest and highest expected value: docs/biology.md cites the findings.
RANGES = {
    "slots_used_most": (1, 9),
    "slots_used_mean": (1, 9),
    "slot_capacity_mean": (5, 9),
    "window_minutes_longest": (0, 30),
    "episode_hours_longest": (0, 24),
    "episode_memories_mean": (1, 100),
    "hebbian_weight_least": (0, 1),
    "hebbian_weight_most": (0, 1),
    "hebbian_weight_mean": (0, 0.8),
    "forgotten_daily_median": (0, 0.5),
    "retrievability_mean": (0.3, 1),
    "stability_days_least": (0.001, 36_500),
    "stability_days_most": (0.001, 36_500),
    "difficulty_least": (1, 10),
    "difficulty_most": (1, 10),
    "strength_least": (0, 1),
    "strength_most": (0, 1),
    "consolidated_share": (0, 0.9),
    "dormant_share": (0, 0.9),
    "prediction_brier": (0, 0.25),
    "downscaled_nightly": (0, 0.2),
    "replayed_of_budget_most": (0, 1),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its expected range; `value` is None where there is no data for it yet."""

    figure: str
    value: float | None
    low: float
    high: float

    @property
    def is_within(self) -> bool:
        return self.value is None or self.low <= self.value <= self.high


def readings(connection: Connection) -> Sequence[Measured]:
    """Returns every figure as of the visible cycle; before the first cycle none has a value."""
    cursor = connection.execute(FIGURES)
    names = [column.name for column in cursor.description or ()]
    values = cursor.fetchone() or [None] * len(names)
    return [
        Measured(name, None if value is None else float(cast(float, value)), *RANGES[name])
        for name, value in zip(names, values, strict=True)
    ]
