"""Defines the Prefect flows `ingest`, `dream`, `rebuild` and `report-weekly`, over the plain functions of `ingest`.

The report is written by a process of its own, `dreams report`, since nothing of the sidecar is imported here.
"""

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import Task, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from pydantic import JsonValue

from ingest import sources
from ingest.cycle import run as cycle
from ingest.cycle import scrub as scrubbing
from ingest.cycle.rebuild import compare_with_rebuild
from ingest.cycle.record import Cycle
from ingest.flows.dbt_models import shown_as_tasks
from ingest.flows.names import current_run_name
from ingest.flows.report import leave_report
from ingest.flows.served import refuse_foreign_settings
from ingest.loading.load import Loaded, load
from ingest.loading.redactions import redaction
from ingest.publishing.marts import Stage
from memories.errors import ModelUnreachable, ScheduleError, StoreUnreachable
from memories.instant import in_utc
from memories.postgres.database import connect
from memories.postgres.migrate import migrate
from memories.settings import PROJECT_ROOT

RETRY_DELAYS_SECONDS = [2.0, 15.0, 60.0]
REPORT_COMMAND = (sys.executable, "-m", "dreams", "report", "--week")
NOTHING_RECORDED = 4
# The steps of a cycle and of the weekly comparison, as a run's log shows them.
STEPS = {
    "wait": "Waiting: another cycle runs on this store",
    "annotate": "Annotating by rule what has no annotation yet",
    "embed": "Embedding what has no vector yet",
    "ask": "Asking the chat model about what it has not annotated yet",
    "dbt": "Computing the stage's models with dbt",
    "write_back": "Publishing what differs from what was published before",
    "carry on": "Computing the last cycle again, incrementally",
    "rebuild": "Computing the last cycle again, from scratch",
    "compare": "Comparing the two, row for row",
}


def _log_step(step: str) -> None:
    get_run_logger().info(STEPS[step])


def _may_answer_later(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to try again: an unreachable server may answer; a failed model or a wrong file would fail again."""
    return isinstance(state.result(raise_on_failure=False), ModelUnreachable | StoreUnreachable)


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def reach_store() -> None:
    """Waits for Postgres to answer, and migrates it to this version's schema."""
    migrate()


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def load_source(source: str, path: Path, since: datetime | None, redact: bool | None) -> Loaded:
    with connect(autocommit=True) as connection:
        masks = redaction(connection, source, path, redact)
        if masks.sentence:
            get_run_logger().info(masks.sentence)
        return load(connection, sources.read(source, path), since=since, redact=masks.is_on)


@task(retries=3, retry_delay_seconds=RETRY_DELAYS_SECONDS, retry_condition_fn=_may_answer_later, cache_policy=NO_CACHE)
def enrich(opened: cycle.OpenCycle) -> None:
    """Annotates and embeds what is new."""
    cycle.enrich(opened)
    done = opened.cycle
    get_run_logger().info(
        "%s memories annotated, %s embedded; %s could not be embedded",
        done.annotated,
        done.embedded,
        done.embedding_failures,
    )


@task(cache_policy=NO_CACHE)
def run_dbt(opened: cycle.OpenCycle) -> None:
    with shown_as_tasks() as on_model:
        cycle.dream(opened, on_model)
    done = opened.cycle
    get_run_logger().info(
        "dbt computed %s models in %s s, as of %s", len(done.model_runs), done.seconds["dbt"], done.as_of
    )


@task(cache_policy=NO_CACHE)
def write_back(opened: cycle.OpenCycle) -> None:
    cycle.write_back(opened)
    get_run_logger().info(_told(opened.cycle))


@task(cache_policy=NO_CACHE)
def report(opened: cycle.OpenCycle) -> None:
    leave_report(opened)


@task(cache_policy=NO_CACHE)
def compare() -> int:
    """Fails if a full rebuild differs from the DuckDB file; returns the number of marts compared."""
    return len(compare_with_rebuild(wait=True, on_step=_log_step))


@task(cache_policy=NO_CACHE)
def scrub() -> None:
    """Erases deleted memories from the disk, if any were deleted since the last scrub."""
    if scrubbing.is_due():
        for each in scrubbing.scrub(wait=True).again:
            get_run_logger().warning("%s: until %s", each.what, each.until)


@flow(name="ingest", flow_run_name=current_run_name)
def ingest(source: str, path: Path, since: datetime | None = None, redact: bool | None = None) -> State[None]:
    """Loads a file or folder: `source` names its kind, as in `dreams ingest`; the next dream takes in what is new.

    `redact` masks secrets; without it they are masked if they were at an earlier reading.
    """
    refuse_foreign_settings()
    reach_store()
    loaded = load_source(source, path, since, redact)
    told = f"{loaded.new} new, {loaded.edited} edited, {loaded.unchanged} unchanged, {len(loaded.rejected)} rejected"
    return Completed(message=told)


@flow(name="dream", flow_run_name=current_run_name)
def dream(
    stage: Stage = "long_term",
    as_of: datetime | None = None,
    full_refresh: bool = False,
    set: dict[str, JsonValue] | None = None,
    dry_run: bool = False,
) -> State[None]:
    """Runs one dream cycle up to a stage; waits while another cycle runs.

    Args:
        stage: The last stage to compute.
        as_of: Computes for another instant (on the clock of TIMEZONE if it names no zone), and publishes nothing.
        full_refresh: Computes everything from scratch.
        set: Parameters, by name, that replace those in biological_memory/dbt_project.yml.
        dry_run: Counts the rows that would change, and publishes nothing.
    """
    refuse_foreign_settings()
    reach_store()
    with cycle.open_cycle(
        stage,
        as_of=as_of and in_utc(as_of),
        full_refresh=full_refresh,
        dry_run=dry_run,
        overrides=set,
        wait=True,
        on_step=_log_step,
    ) as opened:
        try:
            enrich(opened)
        except ModelUnreachable as error:
            # After its retries: dreaming needs no model, and what has no vector yet gets one next time.
            opened.cycle.problem = str(error)
            get_run_logger().warning("%s; this cycle uses no model", error)
        run_dbt(opened)
        write_back(opened)
        # A failed report does not fail the cycle: only its task shows the failure.
        report(opened, return_state=True)
    return Completed(message=_told(opened.cycle))


def _told(done: Cycle) -> str:
    changed = {table: count for table, count in done.rows_changed.items() if count}
    total = f"{sum(changed.values())} rows {'changed' if done.published else 'would change'}"
    each = f" ({', '.join(f'{table} {count}' for table, count in changed.items())})" if changed else ""
    return total + each + (f", without a model: {done.problem}" if done.problem is not None else "")


@flow(name="rebuild", flow_run_name=current_run_name)
def rebuild() -> State[None]:
    """Checks that a full rebuild equals the result of many small cycles, row for row; then scrubs the disk."""
    refuse_foreign_settings()
    reach_store()
    compared = compare(return_state=True)
    scrub()
    return Completed(message=f"{compared.result()} marts are equal, row for row")


@task(cache_policy=NO_CACHE)
def write_report() -> str:
    """Keeps the report on the last seven days in DREAMS_HOME/reports; returns what it says."""
    done = subprocess.run(REPORT_COMMAND, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode == NOTHING_RECORDED:
        return "nothing is remembered of the last seven days"
    if done.returncode:
        raise ScheduleError(f"see to it, then start this run again: {done.stderr.strip()}")
    return " ".join(done.stdout.split())


@flow(name="report-weekly", flow_run_name=current_run_name)
def report_weekly() -> State[None]:
    """Writes the report on the last seven days into DREAMS_HOME/reports, as `dreams report --week` does."""
    refuse_foreign_settings()
    reach_store()
    return Completed(message=write_report())
