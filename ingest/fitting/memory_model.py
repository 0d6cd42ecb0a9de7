"""The memory model's own SQL as a function of its weights: no equation of it stands here."""

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import jinja2

from ingest.dbt.project import PROJECT, project_vars

WEIGHT_COUNT = 21
Row = tuple[Any, ...]
Ask = Callable[..., list[Row]]


class Placeholder(str):
    """A parameter of the SQL statement in the place of a var's value: what is fitted is then rendered once."""

    __slots__ = ()
    __repr__ = str.__str__


def default_weights() -> Sequence[float]:
    """The project's 21 weights of FSRS-6, the last of them the decay w20 of the forgetting curve."""
    found = project_vars()
    return [*found["fsrs_weights"], found["fsrs_decay"]]


def render(statement: str, **overrides: object) -> str:
    """SQL with the project's macros and vars filled in, the vars given here in their place."""
    macros = "".join(file.read_text(encoding="utf-8") for file in sorted((PROJECT / "macros").glob("*.sql")))
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - what it renders is SQL
    environment.filters["float"] = lambda value: value if isinstance(value, Placeholder) else float(value)
    environment.filters["format"] = lambda form, value: value if isinstance(value, Placeholder) else form % value
    variables = {**project_vars(), **overrides}
    return environment.from_string(macros + statement).render(
        var=variables.__getitem__, ref=str, execute=False, config=lambda **_: "", is_incremental=lambda: False
    )


def by_weights(connection: duckdb.DuckDBPyConnection, statement: str) -> Ask:
    """A query over the macros of FSRS-6 as a function of its 21 weights, and of its other parameters by name."""
    names = [Placeholder(f"$w{number}") for number in range(WEIGHT_COUNT)]
    rendered = render(statement, fsrs_weights=names[:-1], fsrs_decay=names[-1])
    used = connection.extract_statements(rendered)[0].named_parameters

    def ask(weights: Sequence[float], **values: object) -> list[Row]:
        given = values | {f"w{number}": float(weight) for number, weight in enumerate(weights)}
        return connection.execute(rendered, {name: given[name] for name in used}).fetchall()

    return ask
