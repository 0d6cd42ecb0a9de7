"""When each flow runs, and the process that runs them then. Called by `dreams schedule`."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.server.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from ingest import dbt
from ingest.flows.dream_cycle import dream, ingest, rebuild
from ingest.flows.server import server
from memories.errors import ScheduleError
from memories.home import FILE_MODE
from memories.settings import settings as store_settings

# Runs that wait for the cycle lock are processes: beyond these, a run waits with the server.
MOST_PROCESSES = 4


def deployments(parameters: Mapping[str, object] | None = None) -> Sequence[RunnerDeployment]:
    """What is served: dreams by day in UTC, those of the night and the week by the agent's clock, `ingest` on demand.

    The agent's clock is in the parameters: those of `dbt.parameters`, unless others are given.
    """
    parameters = parameters or dbt.parameters({})
    zone, night_hour = str(parameters["timezone"]), int(str(parameters["night_hour"]))
    return [
        _deployment(dream, "working-memory", Cron("*/5 * * * *", timezone="UTC"), stage="working_memory"),
        _deployment(dream, "short-term", Cron("*/30 * * * *", timezone="UTC"), stage="short_term"),
        _deployment(dream, "consolidation", Cron("0 * * * *", timezone="UTC"), stage="consolidation"),
        _deployment(dream, "long-term", Cron(f"0 {night_hour} * * *", timezone=zone), stage="long_term"),
        _deployment(rebuild, "weekly", Cron(f"0 {(night_hour + 1) % 24} * * 0", timezone=zone)),
        _deployment(ingest, "on-demand", None),
    ]


def due(deployment: RunnerDeployment, start: datetime, end: datetime) -> Sequence[datetime]:
    """When a deployment runs, from `start` to before `end`: the instants that Prefect's scheduler computes."""
    instants: list[datetime] = []
    for schedule in deployment.schedules or []:
        cron = CronSchedule.model_validate(schedule.schedule, from_attributes=True)
        after = start
        # Prefect looks a thousand runs ahead at most.
        while page := [instant for instant in asyncio.run(cron.get_dates(start=after, end=end)) if instant < end]:
            instants += page
            after = page[-1] + timedelta(seconds=1)
    return sorted(instants)


class _Runner(Runner):
    def handle_sigterm(self, *_args: object, **_kwargs: object) -> None:
        """Being terminated ends it as Ctrl-C does."""
        signal.raise_signal(signal.SIGINT)


def serve(on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Runs the flows when they are due, until interrupted or terminated; `on_ready` is told the address of the UI.

    The server at PREFECT_API_URL keeps the runs, or else one that is started here and ends with this. Raises
    ScheduleError when the schedules are served already, or the server does not start.
    """
    home = store_settings().dreams_home / "prefect"
    with _only_one(home), server(home) as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        runner = _Runner(name="dreams", limit=MOST_PROCESSES)
        for deployment in deployments():
            runner.add_deployment(deployment)
        # Whoever a shell started in the background was told to ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        on_ready(address)
        with suppress(KeyboardInterrupt):
            asyncio.run(runner.start())


def _deployment(flow: Flow[..., Any], name: str, schedule: Schedule | None, **parameters: str) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name,
        schedule=schedule,
        parameters=parameters,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    try:
        with FileLock(home / "schedule.lock", timeout=0, mode=FILE_MODE):
            yield
    except Timeout as error:
        raise ScheduleError(
            "another `dreams schedule` serves this store: end it first, or leave the work to it"
        ) from error
