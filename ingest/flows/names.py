"""What a run is called, from when it is scheduled on: what it does, in a few words."""

from collections.abc import Mapping
from datetime import datetime

from prefect.runtime import flow_run


def run_name(flow: str, parameters: Mapping[str, object]) -> str:
    """`dream-long_term, full refresh`, `ingest-markdown`, `rebuild`."""
    if flow == "ingest":
        return f"ingest-{parameters.get('source', 'source')}"
    if flow != "dream":
        return flow
    return ", ".join([f"dream-{parameters.get('stage', 'long_term')}", *_options(parameters)])


def current_run_name() -> str:
    """What Prefect calls a run as it starts."""
    return run_name(str(flow_run.flow_name), flow_run.parameters or {})


def _options(parameters: Mapping[str, object]) -> list[str]:
    options = []
    if as_of := parameters.get("as_of"):
        options.append(f"as of {datetime.fromisoformat(str(as_of)):%Y-%m-%d %H:%M}")
    options += [name.replace("_", " ") for name in ("full_refresh", "dry_run") if parameters.get(name)]
    overrides = parameters.get("set")
    if isinstance(overrides, Mapping):
        options += [f"{name}={value}" for name, value in overrides.items()]
    return options
