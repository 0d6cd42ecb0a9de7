"""Shows dbt's models as Prefect tasks of the run: when each ran, how it ended, and what dbt logged about it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from prefect.client.schemas.objects import State, TaskRun, TaskRunResult
from prefect.context import TaskRunContext
from prefect.logging.loggers import task_run_logger
from prefect.states import Completed, Failed, Pending, Running
from prefect.utilities.engine import emit_task_run_state_change_event

from ingest.dbt.model_events import ModelEvent, OnModel

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


@contextmanager
def shown_as_tasks() -> Iterator[OnModel]:
    """Yields a callback for dbt's events; at the end of the block each task has ended, even if dbt was stopped.

    Emits the same state changes as Prefect's engine does for tasks that it runs, with the times of dbt.
    """
    running: dict[str, TaskRun] = {}

    def show(event: ModelEvent) -> None:
        at = datetime.fromisoformat(event.at)
        if event.model not in running:
            running[event.model] = _begin(event, at)
        run = running[event.model]
        task_run_logger(run, task_name="dbt").log(LEVELS[event.level], event.message)
        if event.status is not None:
            del running[event.model]
            end = Failed if event.is_failure else Completed
            _end(run, end(message=event.message, timestamp=at))

    try:
        yield show
    finally:
        for run in running.values():
            _end(run, Failed(message="dbt ended before this model did"))


def _begin(event: ModelEvent, at: datetime) -> TaskRun:
    parent = TaskRunContext.get()
    assert parent is not None, "models are shown within the task that runs dbt"  # noqa: S101
    run = TaskRun.model_validate(
        {
            "id": uuid4(),
            "name": event.model,
            "flow_run_id": parent.task_run.flow_run_id,
            "task_key": f"dbt.{event.model}",
            "dynamic_key": str(uuid4()),
            "tags": ["dbt", event.stage],
            "task_inputs": {"__parents__": [TaskRunResult(id=parent.task_run.id)]},
            "run_count": 1,
            "expected_start_time": at,
            "start_time": at,
            "state": Pending(timestamp=at - timedelta(microseconds=1)),
        }
    )
    _tell(run, Running(timestamp=at))
    return run


def _end(run: TaskRun, state: State[None]) -> None:
    assert run.state is not None, "it has begun"  # noqa: S101
    update = {"end_time": state.timestamp, "total_run_time": state.timestamp - run.state.timestamp}
    _tell(run.model_copy(update=update), state)


def _tell(run: TaskRun, state: State[None]) -> None:
    before, run.state = run.state, state
    emit_task_run_state_change_event(run, before, state)
