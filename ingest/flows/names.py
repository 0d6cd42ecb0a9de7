"""Names runs, from when they are scheduled, after what they do."""

from collections.abc import Mapping
from datetime import datetime

from prefect.runtime import flow_run

from memories.views.reasons import one_line

CHARACTERS = 200


def run_name(flow: str, parameters: Mapping[str, object]) -> str:
    """`dream-long_term, full refresh`, `ingest-markdown`, `rebuild`; works with invalid parameters too."""
    if flow == "ingest":
        return one_line(f"ingest-{parameters.get('source', 'source')}", CHARACTERS)
    if flow != "dream":
        return flow
    return one_line(", ".join([f"dream-{parameters.get('stage', 'long_term')}", *_options(parameters)]), CHARACTERS)


def current_run_name() -> str:
    """The name that Prefect gives a run as it starts."""
    return run_name(str(flow_run.flow_name), flow_run.parameters or {})


def _options(parameters: Mapping[str, object]) -> list[str]:
    options = []
    if as_of := parameters.get("as_of"):
        options.append(f"as of {_minutes(str(as_of))}")
    options += [name.replace("_", " ") for name in ("full_refresh", "dry_run") if parameters.get(name)]
    overrides = parameters.get("set")
    if isinstance(overrides, Mapping):
        options += [f"{name}={value}" for name, value in overrides.items()]
    return options


def _minutes(as_of: str) -> str:
    try:
        return f"{datetime.fromisoformat(as_of):%Y-%m-%d %H:%M}"
    except ValueError:
        return as_of
