"""Quotes a path for DuckDB's SQL, in statements that take no parameters."""

from pathlib import Path


def path_in_sql(path: Path) -> str:
    """The path as an SQL literal, whatever characters it contains."""
    return "'" + str(path).replace("'", "''") + "'"
