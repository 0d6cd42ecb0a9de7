"""A path as DuckDB's SQL has it: where it takes no parameters, a text in quotes."""

from pathlib import Path


def path_in_sql(path: Path) -> str:
    """The path as a literal, whatever characters are in it."""
    return "'" + str(path).replace("'", "''") + "'"
