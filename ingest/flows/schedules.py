"""Defines when each flow runs, and runs them then."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from filelock import FileLock, Timeout
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.schedules import Cron, Schedule
from prefect.server.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_RUNNER_SERVER_ENABLE, temporary_settings
from prefect.types.entrypoint import EntrypointType

from ingest.dbt.parameters import run_parameters
from ingest.flows import HOME
from ingest.flows.dream_cycle import dream, ingest, rebuild, report_weekly
from ingest.flows.runner import FlowRunner
from ingest.flows.server import server
from ingest.settings import settings
from memories.errors import ScheduleError
from memories.home import FILE_MODE


def deployments(parameters: Mapping[str, object] | None = None) -> Sequence[RunnerDeployment]:
    """The deployments: frequent dreams in UTC, nightly and weekly runs on the agent's clock, `ingest` on demand.

    The agent's clock is in `parameters`, by default those of `run_parameters`. The weekly report runs on demand, too,
    unless WEEKLY_REPORT is set.
    """
    parameters = parameters or run_parameters({})
    zone, night_hour = str(parameters["timezone"]), int(str(parameters["night_hour"]))
    on_mondays = Cron(f"0 {(night_hour + 2) % 24} * * 1", timezone=zone) if settings().weekly_report else None
    return [
        _deployment(dream, "working-memory", Cron("*/5 * * * *", timezone="UTC"), stage="working_memory"),
        _deployment(dream, "short-term", Cron("*/30 * * * *", timezone="UTC"), stage="short_term"),
        _deployment(dream, "consolidation", Cron("0 * * * *", timezone="UTC"), stage="consolidation"),
        _deployment(dream, "long-term", Cron(f"0 {night_hour} * * *", timezone=zone), stage="long_term"),
        _deployment(rebuild, "weekly", Cron(f"0 {(night_hour + 1) % 24} * * 0", timezone=zone)),
        _deployment(report_weekly, "last-seven-days", on_mondays),
        _deployment(ingest, "on-demand", None),
    ]


def due(deployment: RunnerDeployment, start: datetime, end: datetime) -> Sequence[datetime]:
    """The instants, from `start` to before `end`, at which Prefect's scheduler runs a deployment."""
    instants: list[datetime] = []
    for schedule in deployment.schedules or []:
        cron = CronSchedule.model_validate(schedule.schedule, from_attributes=True)
        after = start
        # Prefect computes at most a thousand runs at a time.
        while page := [instant for instant in asyncio.run(cron.get_dates(start=after, end=end)) if instant < end]:
            instants += page
            after = page[-1] + timedelta(seconds=1)
    return sorted(instants)


def serve(on_step: Callable[[str], None] = lambda _: None, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Runs the flows when they are due, until interrupted or terminated; `on_ready` receives the address of the UI.

    Uses the server at PREFECT_API_URL, or else starts one, which ends with this call. Raises ScheduleError when the
    schedules are served already, or the server does not start.
    """
    with _only_one(), server(HOME, on_step) as address, temporary_settings({PREFECT_RUNNER_SERVER_ENABLE: False}):
        runner = FlowRunner(HOME)
        asyncio.run(runner.add(deployments(), {flow.name: flow for flow in (dream, ingest, rebuild, report_weekly)}))
        # A shell starts background processes with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        on_ready(address)
        with suppress(KeyboardInterrupt):
            asyncio.run(runner.run())


def is_served() -> bool:
    """Whether a process serves the schedules of this store."""
    try:
        with _only_one():
            return False
    except ScheduleError:
        return True


def _deployment(flow: Flow[..., Any], name: str, schedule: Schedule | None, **parameters: str) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name,
        schedule=schedule,
        parameters=parameters,
        tags=["codex-dreams", flow.name, *parameters.values()],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


@contextmanager
def _only_one() -> Iterator[None]:
    try:
        with FileLock(HOME / "schedule.lock", timeout=0, mode=FILE_MODE):
            yield
    except Timeout as error:
        raise ScheduleError(
            "another `dreams schedule` serves this store: end it first, or leave the work to it"
        ) from error
