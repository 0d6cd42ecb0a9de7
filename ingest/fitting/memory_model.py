"""Evaluates the SQL of the memory model, from the dbt project's macros, as a function of its weights."""

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import jinja2

from ingest.dbt.project import PROJECT, project_vars

WEIGHT_COUNT = 21
Row = tuple[Any, ...]
Ask = Callable[..., list[Row]]


class Placeholder(str):
    """A parameter of the SQL statement in place of a var's value, so that a fit renders the statement only once."""

    __slots__ = ()
    __repr__ = str.__str__


def default_weights() -> Sequence[float]:
    """The project's 21 weights of FSRS-6; the last is w20, the decay of the forgetting curve."""
    found = project_vars()
    return [*found["fsrs_weights"], found["fsrs_decay"]]


def render(statement: str, **overrides: object) -> str:
    """Renders SQL with the project's macros and vars, of which `overrides` replace some."""
    macros = "".join(file.read_text(encoding="utf-8") for file in sorted((PROJECT / "macros").glob("*.sql")))
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - what it renders is SQL
    environment.filters["float"] = lambda value: value if isinstance(value, Placeholder) else float(value)
    environment.filters["format"] = lambda form, value: value if isinstance(value, Placeholder) else form % value
    variables = {**project_vars(), **overrides}
    return environment.from_string(macros + statement).render(
        var=variables.__getitem__, ref=str, execute=False, config=lambda **_: "", is_incremental=lambda: False
    )


def by_weights(connection: duckdb.DuckDBPyConnection, statement: str) -> Ask:
    """Makes a query over the FSRS-6 macros a function of the 21 weights, and of its other parameters by name."""
    names = [Placeholder(f"$w{number}") for number in range(WEIGHT_COUNT)]
    rendered = render(statement, fsrs_weights=names[:-1], fsrs_decay=names[-1])
    used = connection.extract_statements(rendered)[0].named_parameters

    def ask(weights: Sequence[float], **values: object) -> list[Row]:
        given = values | {f"w{number}": float(weight) for number, weight in enumerate(weights)}
        return connection.execute(rendered, {name: given[name] for name in used}).fetchall()

    return ask
