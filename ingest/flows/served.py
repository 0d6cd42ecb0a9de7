"""Makes a run fail if its deployment on the server sets more than which flow to run, and with which parameters."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import FlowRunContext

from memories.errors import ScheduleError

# Each of these could make a deployment fetch code, or run in an environment that somebody else chose.
NEVER_SET: dict[str, object] = {
    "pull_steps": [],
    "job_variables": {},
    "path": None,
    "storage_document_id": None,
    "infrastructure_document_id": None,
    "work_pool_name": None,
}


def refuse_foreign_settings() -> None:
    """Raises ScheduleError, naming the foreign settings. A flow called as a function has no deployment, and passes."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if context is None or run is None or run.deployment_id is None:
        return
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment(run.deployment_id)
    entrypoint = f"{context.flow.fn.__module__}.{context.flow.fn.__name__}" if context.flow else None
    foreign = foreign_settings(deployment, run, entrypoint)
    if foreign:
        raise ScheduleError(
            f"this was not written by `dreams schedule`: {', '.join(foreign)}. "
            "End it and start it again, which writes the deployments again"
        )


def foreign_settings(deployment: DeploymentResponse, run: FlowRun, entrypoint: str | None) -> list[str]:
    foreign = [name for name in NEVER_SET if getattr(deployment, name)]
    if deployment.entrypoint != entrypoint:
        foreign.append("entrypoint")
    if run.job_variables:
        foreign.append("job_variables of the run")
    return foreign
