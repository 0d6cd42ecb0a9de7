"""Runs our flows when Prefect's server says they are due, and no other code that a server may name."""

import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import anyio
from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.types.entrypoint import EntrypointType

from ingest.flows.names import run_name
from ingest.flows.served import NEVER_SET

# A run that waits for the cycle lock takes up a process: beyond this many, runs wait on the server.
MOST_PROCESSES = 4
GRACE_SECONDS = 20
POLL_SECONDS = 0.1


class FlowRunner(Runner):
    """Prefect's runner, for flows passed to it as objects.

    So it never reads from the server where the code of a deployment is, how to fetch it, or in what environment to run
    it. `ingest.flows.served` makes a run fail if the server sets any of these.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(name="dreams", limit=MOST_PROCESSES)
        # Prefect would use a folder with a predictable name, in a place where everybody may write.
        self._tmp_dir = home / "runner"
        self._flows: dict[UUID, str] = {}

    def handle_sigterm(self, *_args: object, **_kwargs: object) -> None:
        """Ends the runner on SIGTERM as Ctrl-C does."""
        signal.raise_signal(signal.SIGINT)

    async def add(self, deployments: Sequence[RunnerDeployment], flows: Mapping[str, Flow[..., Any]]) -> None:
        """Writes the deployments to the server as they are here, overwriting changes made there."""
        async with get_client() as client:
            for deployment in deployments:
                flow = flows[str(deployment.flow_name)]
                identity = await self.aadd_flow(
                    flow,
                    deployment.name,
                    schedules=cast(Sequence[DeploymentScheduleCreate], deployment.schedules),
                    parameters=deployment.parameters,
                    tags=deployment.tags,
                    entrypoint_type=EntrypointType.MODULE_PATH,
                )
                await client.update_deployment(identity, _update(flow))
                self._flows[identity] = flow.name

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends the flows' processes first: Prefect alone would wait for each to finish."""
        await _end_flows()
        await super().__aexit__(*exc_info)

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_named)
            await self.start()
            tasks.cancel_scope.cancel()

    async def _keep_named(self) -> None:
        """Names scheduled runs again and again; only logs failures, since a run may be gone, or the server busy."""
        while True:
            try:
                await self._name_runs()
            except (HTTPError, ObjectNotFound) as error:
                self._logger.warning("The runs to come could not be named: %s", error)
            await anyio.sleep(self.query_seconds)

    async def _name_runs(self) -> None:
        """Names the scheduled runs after what they will do: the server gives them random names."""
        to_come = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(self._flows)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )
        async with get_client() as client:
            for run in await client.read_flow_runs(flow_run_filter=to_come):
                name = run_name(self._flows[run.deployment_id], run.parameters) if run.deployment_id else run.name
                if name != run.name:
                    await client.update_flow_run(run.id, name=name)


def _update(flow: Flow[..., Any]) -> DeploymentUpdate:
    """What Prefect does not write of a deployment: no foreign settings, and no parameters but those of the flow.

    Prefect itself would take any parameter, and then the run would crash.
    """
    schema = {**flow.parameters.model_dump_for_openapi(), "additionalProperties": False}
    return DeploymentUpdate.model_validate({**NEVER_SET, "parameter_openapi_schema": schema})


async def _end_flows() -> None:
    """Terminates the flows' processes, and kills those that do not end in time."""
    flows = multiprocessing.active_children()
    for process in flows:
        process.terminate()
    with anyio.move_on_after(GRACE_SECONDS):
        while any(process.is_alive() for process in flows):
            await anyio.sleep(POLL_SECONDS)
    for process in flows:
        process.kill()
