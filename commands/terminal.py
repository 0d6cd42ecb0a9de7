"""Parses what the user typed, and prints results: sentences, tables, JSON, progress."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from commands.parameters import EXAMPLE
from memories.errors import InputError
from memories.instant import in_utc, minute

PIPED_WIDTH = 180
UNFOLDED_CHARACTERS = 20

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
DONE = TextColumn("{task.completed:,.0f}")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: object) -> float | str:
    """Converts what JSON cannot represent: Decimals to floats, dates and ids to strings."""
    return float(value) if isinstance(value, Decimal) else str(value)


def say(sentence: str) -> None:
    """Prints a sentence as it is, without interpreting markup in it."""
    console.print(sentence, markup=False)


def aside(sentence: str) -> None:
    """Prints a sentence in the margin."""
    console.print(f"│ {sentence}", markup=False, style="dim")


def piece_by_piece(pieces: Iterable[str]) -> str:
    """Prints a text as it comes, without characters that could steer a terminal, and returns it."""
    text = ""
    for piece in pieces:
        shown = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in piece)
        console.print(shown, end="", markup=False)
        text += piece
    console.print()
    return text


def typed(prompt: str) -> str | None:
    """A line that a person types, or that is piped in; None at the end of the input."""
    # Imported for its effect: `input` then edits lines, and recalls earlier ones.
    import readline  # noqa: F401

    try:
        return input(prompt if sys.stdin.isatty() else "")
    except EOFError:
        if sys.stdin.isatty():
            console.print()
        return None


def complain(sentence: str) -> None:
    """Prints what went wrong to standard error."""
    errors.print(f"dreams: {sentence}", markup=False)


def misuse(error: typer.TyperException) -> str:
    """What is wrong with a command as it was typed, and its example; empty where its help was shown already."""
    told = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    _, separator, example = ((context and context.command.help) or "").rpartition(EXAMPLE)
    hint = f"write it like: {example}" if separator else "`dreams --help` lists the commands"
    return told and f"{told[0].lower()}{told[1:]}{'' if told.endswith('?') else ';'} {hint}"


def show(data: Mapping[str, object], as_json: bool, sentence: str) -> None:
    """Prints a result as one JSON object, or as a sentence."""
    say(json.dumps(data, default=plain) if as_json else sentence)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], as_json: bool = False) -> None:
    """Prints rows as a JSON array of objects, or as a table."""
    if as_json:
        say(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=plain))
        return
    cells = [[_cell(value) for value in row] for row in rows]
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        is_short = all(len(row[place]) <= UNFOLDED_CHARACTERS for row in cells)
        drawn.add_column(column.replace("_", " "), overflow="fold", no_wrap=is_short)
    for row in cells:
        drawn.add_row(*(escape(cell) for cell in row))
    console.print(drawn)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return minute(value)
    return "" if value is None else str(value)


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar on standard error, or off a terminal a line; yields the function that advances it."""
    if not errors.is_terminal:
        complain(what)
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), DONE, TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def steps(what: str) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """Shows on standard error what is being done, and how much of it; off a terminal a line a step.

    Yields what names the next step, and what adds to that which the step has done.
    """
    if not errors.is_terminal:
        complain(what)
        yield lambda step: complain(f"{what}: {step.replace('_', ' ')}"), lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DONE, TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield (
            lambda step: progress.reset(task, total=None, description=f"{what}: {step.replace('_', ' ')}"),
            lambda count: progress.advance(task, count),
        )


@contextmanager
def status(what: str) -> Iterator[Callable[[str], None]]:
    """As steps, of which nothing is counted; yields what names the next step."""
    with steps(what) as (on_step, _):
        yield on_step


def instant(text: str) -> datetime:
    """Parses an ISO 8601 date or instant, and returns it in UTC. Raises InputError when it is neither."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise InputError(f"{text!r} is not a date: write it like 2026-01-31 or 2026-01-31T09:00:00+01:00") from error


def words(text: str) -> list[str]:
    """The items of a comma-separated list, without empty ones."""
    return [word.strip() for word in text.split(",") if word.strip()]


def search_id(text: str) -> UUID:
    """Parses the `query_id` of a search. Raises InputError when it is none."""
    try:
        return UUID(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no query_id: give the one that the search printed in its last line") from error


def assignment(text: str) -> tuple[str, str]:
    """The two sides of name=value. Raises InputError without a name or an equals sign."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InputError(f"{text!r} sets nothing: write --set name=value")
    return name, value


def values(assignments: Sequence[str]) -> Mapping[str, object]:
    """Parses assignments; a value is read as JSON if it is valid JSON, else as text."""
    found: dict[str, object] = {}
    for name, value in map(assignment, assignments):
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found
