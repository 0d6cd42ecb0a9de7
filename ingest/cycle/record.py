"""Holds what a dream cycle did, and records it in Postgres as running, published or failed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from ingest.dbt.project import code_version
from ingest.dbt.run import ModelRun
from ingest.publishing.marts import STAGES
from memories.errors import DreamsError
from memories.postgres.database import Connection, connect

PUBLISHED_STAGE = "marts"
MEASURED = """
insert into dreams.processing_metrics (
    session_id, batch_id, processing_stage, memories_processed, successful_writes, failed_writes, processing_time_ms,
    duckdb_memory_mb, start_time, end_time, processing_version
) values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() - make_interval(secs => %s), clock_timestamp(), %s)
"""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a cycle, as recorded in dreams.processing_metrics."""

    name: str
    memories: int
    written: int
    failed: int
    seconds: float
    most_bytes: int | None


@dataclass(slots=True)
class Cycle:
    """What one cycle did: rows of each mart, rows changed, seconds of each step, number of memories."""

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
    memories: int = 0
    problem: str | None = None
    model_runs: Sequence[ModelRun] = ()
    gone: Sequence[UUID] = ()

    def as_dict(self) -> dict[str, object]:
        """The object that `dreams run --json` prints."""
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
            code_version(),
        ),
    )


def finish(connection: Connection, cycle: Cycle) -> None:
    # The latest published_at is the visible cycle, so it has to grow even if the clock was set back.
    connection.execute(
        "update dreams.cycles set state = 'published', published_at = greatest("
        "clock_timestamp(), (select max(published_at) + interval '1 microsecond' from dreams.cycles)),"
        " row_counts = %s, rows_changed = %s where cycle_id = %s",
        (Jsonb(cycle.row_counts), sum(cycle.rows_changed.values()), cycle.cycle_id),
    )
    version = code_version()
    connection.cursor().executemany(MEASURED, [
        (cycle.cycle_id, batch, step.name, step.memories, step.written, step.failed, 1000 * step.seconds,
         step.most_bytes and step.most_bytes / 2**20, step.seconds, version)
        for batch, step in enumerate(_steps(cycle), 1)
    ])  # fmt: skip


def _steps(cycle: Cycle) -> Iterator[Step]:
    """Yields embedding, annotating, and each stage of the dbt project, which processes all memories of the cycle."""
    embedded, annotated = (cycle.embedded, cycle.embedding_failures), (cycle.annotated, cycle.quarantined)
    for name, (written, failed) in (("embed", embedded), ("annotate", annotated)):
        yield Step(name, written + failed, written, failed, cycle.seconds.get(name, 0.0), None)
    stages = dict.fromkeys(model_run.stage for model_run in cycle.model_runs)
    for stage in stages:
        runs = [model_run for model_run in cycle.model_runs if model_run.stage == stage]
        written = sum(cycle.rows_changed.values()) if stage == PUBLISHED_STAGE else 0
        yield Step(stage, cycle.memories, written, 0, sum(run.seconds for run in runs), runs[0].most_bytes)


def fail(database_url: str, cycle: Cycle, error: BaseException) -> None:
    """Records the failure; if that fails too, the next cycle finds this one still running and marks it."""
    try:
        with connect(database_url) as connection:
            connection.execute(
                "update dreams.cycles set state = 'failed', error = %s where cycle_id = %s",
                (str(error)[:2000] or type(error).__name__, cycle.cycle_id),
            )
    except (DreamsError, psycopg.Error) as second:
        logger.warning("the failed cycle could not be marked: %s", second)
