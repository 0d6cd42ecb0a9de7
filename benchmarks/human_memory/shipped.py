"""The memory's own SQL, as dbt renders it, run in DuckDB on inputs of one's choice: no equation of it stands here."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from ingest.dbt import PROJECT
from ingest.memory_model import Placeholder, Row, by_weights, default_weights, project_vars, render

__all__ = ["DEFAULT_WEIGHTS", "VARIABLES", "Placeholder", "Row", "build", "by_weights", "database", "render"]

VARIABLES: Mapping[str, Any] = project_vars()
DEFAULT_WEIGHTS: Sequence[float] = default_weights()


def database() -> duckdb.DuckDBPyConnection:
    """An empty database in memory, on the clock that the models run on."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set TimeZone = 'UTC'")
    return connection


def build(connection: duckdb.DuckDBPyConnection, *models: str, **overrides: object) -> None:
    """Builds models, in the order given, over tables that bear the names of the models they read."""
    for model in models:
        (file,) = PROJECT.glob(f"models/*/{model}.sql")
        sql = render(file.read_text(encoding="utf-8"), **overrides)
        connection.execute(f"create or replace table {model} as {sql}")
