"""The stages of a dream cycle, what one did, and the record it leaves in Postgres: begun, published or failed."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from ingest import dbt
from ingest.write_back import MARTS, RECORDS
from memories.database import Connection, connect
from memories.errors import DreamsError

# What each stage publishes; a later stage includes what the earlier ones do.
STAGES: Mapping[str, Sequence[str]] = {
    "working_memory": ("attention_slots",),
    "short_term": ("attention_slots", "episodes", "episode_members"),
    "consolidation": (
        "attention_slots",
        "episodes",
        "episode_members",
        "edge_states",
        "memory_states",
        "learned_vectors",
    ),
    "long_term": (*MARTS, *RECORDS),
}
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Cycle:
    """What one cycle did: rows of each mart, rows it changed, seconds each step took."""

    cycle_id: UUID
    stage: str
    as_of: datetime
    published: bool
    row_counts: Mapping[str, int] = field(default_factory=dict)
    rows_changed: Mapping[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    embedded: int = 0
    embedding_failures: int = 0
    annotated: int = 0
    quarantined: int = 0
    problem: str | None = None
    model_runs: Sequence[dbt.ModelRun] = ()
    gone: Sequence[UUID] = ()

    def as_dict(self) -> dict[str, object]:
        """What `dreams run --json` prints."""
        return {
            "as_of": self.as_of.isoformat(),
            "published": self.published,
            "rows": dict(self.row_counts),
            "changed": dict(self.rows_changed),
            "seconds": self.seconds,
            "embedded": self.embedded,
            "embedding_failures": self.embedding_failures,
            "annotated": self.annotated,
            "quarantined": self.quarantined,
            "problem": self.problem,
        }


def begin(connection: Connection, cycle: Cycle, variables: Mapping[str, object]) -> None:
    connection.execute(
        "update dreams.cycles set state = 'failed', error = 'it was interrupted' where state = 'running'"
    )
    connection.execute(
        "insert into dreams.cycles (cycle_id, as_of, stages, state, parameters, code_version)"
        " values (%s, %s, %s, 'running', %s, %s)",
        (
            cycle.cycle_id,
            cycle.as_of,
            list(STAGES)[: list(STAGES).index(cycle.stage) + 1],
            Jsonb(variables),
            dbt.code_version(),
        ),
    )


def finish(connection: Connection, cycle: Cycle) -> None:
    # What was published last is what is visible, also where the clock was set back meanwhile.
    connection.execute(
        "update dreams.cycles set state = 'published', published_at = greatest("
        "clock_timestamp(), (select max(published_at) + interval '1 microsecond' from dreams.cycles)),"
        " row_counts = %s, rows_changed = %s where cycle_id = %s",
        (Jsonb(cycle.row_counts), sum(cycle.rows_changed.values()), cycle.cycle_id),
    )
    seconds = dict.fromkeys((model_run.stage for model_run in cycle.model_runs), 0.0)
    for model_run in cycle.model_runs:
        seconds[model_run.stage] += model_run.seconds
    steps = {"embed": cycle.seconds.get("embed", 0.0), "annotate": cycle.seconds.get("annotate", 0.0), **seconds}
    rows = {"embed": (cycle.embedded, cycle.embedding_failures), "annotate": (cycle.annotated, cycle.quarantined)}
    for batch, (step, took) in enumerate(steps.items(), 1):
        written, failed = rows.get(step, (0, 0))
        connection.execute(
            "insert into dreams.processing_metrics (session_id, batch_id, processing_stage, memories_processed,"
            " successful_writes, failed_writes, processing_time_ms, start_time, end_time, processing_version)"
            " values (%s, %s, %s, %s, %s, %s, %s,"
            " clock_timestamp() - make_interval(secs => %s), clock_timestamp(), %s)",
            (cycle.cycle_id, batch, step, written + failed, written, failed, 1000 * took, took, dbt.code_version()),
        )


def fail(database_url: str, cycle: Cycle, error: BaseException) -> None:
    """Notes the failure; where even that fails, the next cycle finds this one still running and marks it."""
    try:
        with connect(database_url) as connection:
            connection.execute(
                "update dreams.cycles set state = 'failed', error = %s where cycle_id = %s",
                (str(error)[:2000] or type(error).__name__, cycle.cycle_id),
            )
    except (DreamsError, psycopg.Error) as second:
        logger.warning("the failed cycle could not be marked: %s", second)
