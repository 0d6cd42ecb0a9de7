"""The flows that Prefect runs: `ingest`, `dream` and `rebuild`. Their tasks call the plain functions of `ingest`."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from prefect import Task, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from ingest import cycle, sources
from ingest.load import Loaded, load
from ingest.rebuild import compare_with_rebuild
from memories.database import connect
from memories.errors import ModelUnreachable, StoreUnreachable
from memories.migrate import migrate

Stage = Literal["working_memory", "short_term", "consolidation", "long_term"]
RETRY_DELAYS_SECONDS = [2.0, 15.0, 60.0]


def _may_answer_later(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """A network may; a model that failed or a file that is wrong would fail again."""
    return isinstance(state.result(raise_on_failure=False), ModelUnreachable | StoreUnreachable)


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def reach_store() -> None:
    """Waits for Postgres to answer, and brings it to this version's schema."""
    migrate()


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def load_source(source: str, path: Path, since: datetime | None, redact: bool) -> Loaded:
    with connect(autocommit=True) as connection:
        return load(connection, sources.read(source, path), since=since, redact=redact)


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def enrich(opened: cycle.OpenCycle) -> None:
    """Embeds and annotates."""
    cycle.enrich(opened)


@task(cache_policy=NO_CACHE)
def run_dbt(opened: cycle.OpenCycle) -> None:
    cycle.dream(opened)


@task(cache_policy=NO_CACHE)
def write_back(opened: cycle.OpenCycle) -> None:
    cycle.write_back(opened)


@task(cache_policy=NO_CACHE)
def compare() -> int:
    """Fails where a full rebuild differs from the DuckDB file; returns the number of marts compared."""
    return len(compare_with_rebuild(wait=True, on_step=get_run_logger().info))


@flow(name="ingest", flow_run_name="ingest-{source}")
def ingest(source: str, path: Path, since: datetime | None = None, redact: bool = False) -> State[None]:
    """Loads a file or folder: `source` names its kind, as in `dreams ingest`; the next dream takes in what is new."""
    reach_store()
    loaded = load_source(source, path, since, redact)
    told = f"{loaded.new} new, {loaded.edited} edited, {loaded.unchanged} unchanged, {len(loaded.rejected)} rejected"
    return Completed(message=told)


@flow(name="dream", flow_run_name="dream-{stage}")
def dream(stage: Stage = "long_term") -> State[None]:
    """One dream cycle up to a stage; while another cycle runs, it waits."""
    reach_store()
    with cycle.open_cycle(stage, wait=True, on_step=get_run_logger().info) as opened:
        try:
            enrich(opened)
        except ModelUnreachable as error:
            # After its retries: dreaming needs no model, and what has no vector yet gets one next time.
            opened.cycle.problem = str(error)
            get_run_logger().warning("%s; this cycle dreams without", error)
        run_dbt(opened)
        write_back(opened)
    told = f"{sum(opened.cycle.rows_changed.values())} rows changed"
    return Completed(
        message=told if opened.cycle.problem is None else f"{told}, without a model: {opened.cycle.problem}"
    )


@flow(name="rebuild", flow_run_name="rebuild")
def rebuild() -> State[None]:
    """Checks that a full rebuild gives what many small cycles have led to, row for row."""
    reach_store()
    return Completed(message=f"{compare()} marts are equal, row for row")
