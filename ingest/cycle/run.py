"""Runs the dream cycle as plain functions: annotate and embed, compute with dbt, publish."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypedDict, Unpack, cast
from uuid import uuid4

import psycopg
from psycopg.pq import TransactionStatus

from ingest.annotation.annotate import annotate_chat, annotate_rules
from ingest.cycle.record import (
    Cycle,
    begin,
    fail,
    finish,
)
from ingest.dbt.model_events import ModelEvent, OnModel
from ingest.dbt.parameters import check_parameters, run_parameters
from ingest.dbt.process import get_ready
from ingest.dbt.run import run_dbt
from ingest.fitting.fitted import fitted_parameters
from ingest.publishing import forgetting, published
from ingest.publishing.marts import MARTS, STAGES
from ingest.publishing.write_back import computed_for, publish, row_counts
from ingest.settings import settings as ingest_settings
from ingest.vectors.embed import count_waiting, embed
from ingest.vectors.embed_tags import embed_tags
from ingest.vectors.reduce import reduce
from memories.embedding.servers import models
from memories.errors import CycleInProgress, DreamsError, InputError, ModelError, ModelUnreachable
from memories.postgres.database import Connection, connect, url
from memories.settings import settings as store_settings

CYCLE_LOCK = "hashtextextended('codex-dreams cycle', 0)"
LOCK_POLL_SECONDS = 0.5
OnStep = Callable[[str], None]
OnDone = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class OpenCycle:
    """A cycle that holds the lock. Its steps are `enrich`, `dream` and `write_back`, in this order."""

    connection: Connection
    database_url: str
    cycle: Cycle
    variables: Mapping[str, object]
    for_now: bool
    publishes: bool
    full_refresh: bool
    on_step: OnStep
    on_done: OnDone

    @property
    def cache(self) -> Path:
        """The DuckDB file it computes in: the store's, or a temporary one if it does not publish."""
        return (
            ingest_settings().duckdb_file
            if self.publishes
            else store_settings().dreams_home / "unpublished" / "memory.duckdb"
        )


class CycleOptions(TypedDict, total=False):
    """How a cycle runs, besides its stage; all are optional.

    `as_of` computes for another instant, and `dry_run` only counts what would change: both publish nothing.
    `full_refresh` computes everything from scratch, and `overrides` replaces parameters of the models. `wait` waits
    while another cycle runs. `on_step` is called with the name of each step, and `on_done` with how many more memories
    or models the step has done.
    """

    as_of: datetime | None
    full_refresh: bool
    dry_run: bool
    overrides: Mapping[str, object] | None
    wait: bool
    on_step: OnStep
    on_done: OnDone


def run_cycle(stage: str = "long_term", **options: Unpack[CycleOptions]) -> Cycle:
    """Runs one dream cycle up to a stage, and publishes it unless it is a dry run or `as_of` is given.

    Raises CycleInProgress when another cycle runs (with `wait`, waits for it instead), and CycleFailed when a stage
    fails; the last complete cycle stays visible. If no model answers it does without, and `problem` says so.
    """
    with open_cycle(stage, **options) as opened:
        try:
            enrich(opened)
        except ModelUnreachable as error:
            # Dreaming needs no model: what has no vector yet gets one next time.
            opened.cycle.problem = str(error)
        dream(opened)
        write_back(opened)
    return opened.cycle


@contextmanager
def open_cycle(
    stage: str = "long_term",
    *,
    as_of: datetime | None = None,
    full_refresh: bool = False,
    dry_run: bool = False,
    overrides: Mapping[str, object] | None = None,
    wait: bool = False,
    on_step: OnStep = lambda _: None,
    on_done: OnDone = lambda _: None,
) -> Iterator[OpenCycle]:
    """Opens a cycle whose steps the caller runs; holds the lock during the block, and records a failure in it."""
    database_url = url()
    # Reports a misspelt parameter at once, not after waiting for another cycle.
    run_parameters(overrides or {})
    with cycle_lock(database_url, wait, on_step) as connection:
        get_ready()
        variables = run_parameters({**fitted_parameters(connection), **(overrides or {})})
        _check_zone(connection, str(variables["timezone"]))
        opened = OpenCycle(
            connection,
            database_url,
            Cycle(uuid4(), stage, as_of or _now(connection), published=False),
            variables,
            for_now=as_of is None,
            publishes=as_of is None and not dry_run,
            full_refresh=full_refresh,
            on_step=on_step,
            on_done=on_done,
        )
        try:
            yield opened
        except (DreamsError, psycopg.Error, KeyboardInterrupt) as error:
            if opened.publishes:
                fail(database_url, opened.cycle, error)
            raise


def enrich(opened: OpenCycle) -> None:
    """Annotates and embeds what is new, calling no model if nothing is; does nothing if `as_of` was given."""
    if not opened.for_now:
        return
    connection, cycle = opened.connection, opened.cycle
    with _timed(cycle, "annotate", opened.on_step):
        cycle.annotated = annotate_rules(connection, opened.on_done).annotated
    with _timed(cycle, "embed", opened.on_step):
        model = store_settings().embedding_model
        if count_waiting(connection, model):
            with models() as client:
                outcome = embed(connection, client, model, opened.on_done)
                embed_tags(connection, client, model)
            cycle.embedded, cycle.embedding_failures = outcome.embedded, outcome.failed
            reduce(connection, model)
    annotator = ingest_settings().annotation_model
    if annotator is not None:
        with _timed(cycle, "ask", opened.on_step), models() as client:
            try:
                answered = annotate_chat(connection, client, annotator, opened.on_done)
            except ModelUnreachable:
                raise
            except ModelError as error:
                # The rules' annotations stand, and the next cycle asks again.
                cycle.problem = str(error)
                return
        cycle.annotated += answered.annotated
        cycle.quarantined = answered.quarantined


def dream(opened: OpenCycle, on_model: OnModel = lambda _: None) -> None:
    """Fixes the instant of the cycle, and has dbt compute everything for it in the DuckDB file."""
    cycle = opened.cycle

    def on_event(event: ModelEvent) -> None:
        on_model(event)
        if event.status is not None:
            opened.on_done(1)

    if opened.for_now:
        cycle.as_of = _now(opened.connection)
    if opened.publishes:
        begin(opened.connection, cycle, opened.variables)
        if cycle.stage == "long_term":
            cycle.gone = forgetting.waiting(opened.connection)
    with _timed(cycle, "dbt", opened.on_step):
        cycle.model_runs = run_dbt(
            opened.database_url,
            opened.cache,
            {**opened.variables, "as_of": cycle.as_of.isoformat()},
            select=[*(f"+{name}" for name in STAGES[cycle.stage]), "dream"],
            full_refresh=opened.full_refresh or not opened.publishes,
            settings=ingest_settings(),
            on_model=on_event,
        )
    if cycle.gone or opened.full_refresh:
        published.drop(opened.cache)
    if cycle.gone:
        forgetting.rewrite(opened.cache)
    cycle.row_counts = row_counts(opened.cache, STAGES[cycle.stage])
    cycle.memories = row_counts(opened.cache, ["stg_memories"])["stg_memories"]


def write_back(opened: OpenCycle) -> None:
    """Publishes what dbt computed, in one transaction; a cycle that does not publish only counts what would change."""
    connection, cycle = opened.connection, opened.cycle
    before = published.last_cycle(connection)
    with _timed(cycle, "write_back", opened.on_step):
        with connection.transaction(force_rollback=not opened.publishes):
            if not opened.publishes:
                begin(connection, cycle, opened.variables)
            publication = publish(connection, opened.cache, cycle.cycle_id, STAGES[cycle.stage])
            cycle.rows_changed = publication.rows_changed
            if opened.publishes:
                finish(connection, cycle)
        if opened.publishes:
            marts = [name for name in STAGES[cycle.stage] if name in MARTS]
            published.keep(opened.cache, before, cycle.cycle_id, marts, publication.waiting)
    if cycle.gone:
        forgetting.forget(connection, cycle.gone)
    cycle.published = opened.publishes
    if not opened.publishes:
        _discard(opened.cache)


def publish_computed() -> Mapping[str, int]:
    """Publishes what a bare `dbt run` left in the DuckDB file; returns the rows changed in each mart.

    Raises InputError when the file holds no finished run, when the run is not later than the visible cycle or is in the
    future, or when a parameter is out of its range, and CycleInProgress when a cycle runs.
    """
    cache = ingest_settings().duckdb_file
    with cycle_lock(url(), wait=False) as connection:
        as_of, variables = computed_for(cache)
        check_parameters(variables)
        _check_zone(connection, str(variables["timezone"]))
        visible = connection.execute("select as_of from dreams.visible_cycle").fetchone()
        now = _now(connection)
        if as_of > now or (visible is not None and as_of <= cast(datetime, visible[0])):
            raise InputError(
                f"the DuckDB file holds a run as of {as_of:%Y-%m-%d %H:%M:%S}: to be published, it must "
                "be later than the visible cycle and not in the future; run dbt again"
            )
        cycle = Cycle(uuid4(), "long_term", as_of, published=True, row_counts=row_counts(cache, STAGES["long_term"]))
        with connection.transaction():
            begin(connection, cycle, variables)
            cycle.rows_changed = publish(connection, cache, cycle.cycle_id, STAGES["long_term"]).rows_changed
            finish(connection, cycle)
    return cycle.rows_changed


@contextmanager
def cycle_lock(database_url: str, wait: bool, on_step: OnStep = lambda _: None) -> Iterator[Connection]:
    """Holds the store's advisory lock, so that one cycle runs at a time; yields the connection that holds it.

    A cycle works with that connection: if it is lost, so is the lock, and nothing can be published. Raises
    CycleInProgress when another holds the lock, unless it is to `wait`.
    """
    with connect(database_url, autocommit=True) as connection:
        waits = False
        while not _try_lock(connection):
            if not wait:
                raise CycleInProgress("another dream cycle is running on this store: wait for it, or run with --wait")
            if not waits:
                on_step("wait")
                waits = True
            time.sleep(LOCK_POLL_SECONDS)
        try:
            yield connection
        finally:
            # Without this the server releases the lock only a moment after the connection closes.
            if connection.info.transaction_status == TransactionStatus.IDLE:
                connection.execute(f"select pg_advisory_unlock({CYCLE_LOCK})")


def _try_lock(holder: Connection) -> bool:
    row = holder.execute(f"select pg_try_advisory_lock({CYCLE_LOCK})").fetchone()
    return bool(row and row[0])


def _check_zone(connection: Connection, zone: str) -> None:
    if connection.execute("select dreams.known_zone(%s)", (zone,)).fetchone() != (zone,):
        raise InputError(f"this Postgres knows no time zone {zone!r}: set TIMEZONE to another")


def _now(connection: Connection) -> datetime:
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None and isinstance(row[0], datetime)  # noqa: S101 - Postgres always has a clock
    return row[0]


@contextmanager
def _timed(cycle: Cycle, step: str, on_step: OnStep) -> Iterator[None]:
    on_step(step)
    started = time.monotonic()
    yield
    cycle.seconds[step] = round(time.monotonic() - started, 3)


def _discard(cache: Path) -> None:
    shutil.rmtree(cache.parent)
