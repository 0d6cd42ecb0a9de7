"""Runs the shipped dbt models in DuckDB on any inputs: SQL as dbt renders it, Python as dbt calls it.

It repeats none of their equations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from ingest.dbt.project import PROJECT, project_vars
from ingest.fitting.memory_model import (
    Placeholder,
    Row,
    by_weights,
    default_weights,
    render,
)

__all__ = ["DEFAULT_WEIGHTS", "VARIABLES", "Placeholder", "Row", "build", "by_weights", "database", "render"]

VARIABLES: Mapping[str, Any] = project_vars()
DEFAULT_WEIGHTS: Sequence[float] = default_weights()


def database() -> duckdb.DuckDBPyConnection:
    """An empty in-memory database in UTC, as the models run."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    return connection


@dataclass(frozen=True, slots=True)
class WholeBuild:
    """Stands in for the `dbt` object of a Python model without parameters, on a first build."""

    connection: duckdb.DuckDBPyConnection
    is_incremental: bool = False

    def ref(self, model: str) -> duckdb.DuckDBPyRelation:
        return self.connection.table(model)


def build(connection: duckdb.DuckDBPyConnection, *models: str, **overrides: object) -> None:
    """Builds models in the given order, over tables named after the models they read."""
    for model in models:
        (file,) = (path for path in PROJECT.glob(f"models/*/{model}.*") if path.suffix in {".sql", ".py"})
        if file.suffix == ".py":
            build_python(connection, file)
        else:
            sql = render(file.read_text(encoding="utf-8"), **overrides)
            connection.execute(f"create or replace table {model} as {sql}")


def build_python(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    module = import_module(".".join(file.relative_to(PROJECT.parent).with_suffix("").parts))
    built = module.model(WholeBuild(connection), connection)  # noqa: F841 - DuckDB reads it by its name
    connection.execute(f"create or replace table {file.stem} as select * from built")  # noqa: S608 - the name of a model
