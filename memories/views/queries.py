"""Runs canned queries on schema `dreams`: SQL files with named parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from memories.errors import InputError
from memories.postgres.database import Connection
from memories.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "sql" / "queries"
DECLARATION = re.compile(
    r"-- :(?P<name>\w+) (?P<kind>text|integer|days|date|\w+(?:\|\w+)+) (?P<default>\S+) -- (?P<meaning>.+)"
)
WHOLE_NUMBER = re.compile(r"[0-9]{1,6}")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Value = str | int | date | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query. A `default` of None binds null, unless the parameter `is_required`.

    `kind` is text, integer, days, date, or the choices, as in `semantic|temporal`.
    """

    name: str
    kind: str
    default: str | None
    is_required: bool
    meaning: str

    def parse(self, text: str) -> Value:
        """Parses a text as this parameter's kind of value. Raises InputError when it is not one."""
        if self.kind in ("integer", "days"):
            if WHOLE_NUMBER.fullmatch(text):
                return int(text)
            raise self._wrong(text, "a whole number from 0 to 999999")
        if self.kind == "date":
            try:
                return date.fromisoformat(text if ISO_DATE.fullmatch(text) else "")
            except ValueError as error:
                raise self._wrong(text, "a date such as 2026-01-31") from error
        if "|" in self.kind:
            if text in self.kind.split("|"):
                return text
            raise self._wrong(text, "one of " + ", ".join(self.kind.split("|")))
        if not text.strip() or "\0" in text or not _is_utf8(text):
            raise self._wrong(text, "some words in UTF-8")
        return text.strip()

    def _wrong(self, text: str, wanted: str) -> InputError:
        return InputError(f"{self.name} must be {wanted}, but is {text!r}: {self.meaning}")


@dataclass(frozen=True, slots=True)
class Query:
    """A question in plain words, and the SQL statement that answers it."""

    name: str
    question: str
    parameters: Sequence[Parameter]
    sql: str

    def bind(self, arguments: Mapping[str, str]) -> dict[str, Value]:
        """Returns a value for every parameter. Raises InputError for an argument that is unknown, wrong or missing."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in arguments:
            if name not in known:
                raise InputError(f"{self.name} has no parameter {name!r}{_suggestion(name, known)}")
        return {name: self._value(parameter, arguments.get(name)) for name, parameter in known.items()}

    def _value(self, parameter: Parameter, given: str | None) -> Value:
        text = parameter.default if given is None else given
        if text is not None:
            return parameter.parse(text)
        if parameter.is_required:
            raise InputError(f"{self.name} needs {parameter.name}: {parameter.meaning}")
        return None


@lru_cache(maxsize=1)
def queries() -> Mapping[str, Query]:
    """Every query, by name."""
    return MappingProxyType({path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))})


def run_query(
    connection: Connection, name: str, arguments: Mapping[str, str]
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Runs a query; returns its column names and its rows.

    Raises InputError, saying what is valid, when the name or an argument is wrong.
    """
    query = queries().get(name)
    if query is None:
        raise InputError(f"there is no query {name!r}{_suggestion(name, queries())}")
    cursor = connection.execute(query.sql.encode(), query.bind(arguments))
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def _read(path: Path) -> Query:
    """Reads a file: its first line is the question, then come declarations and remarks, then the statement."""
    question, *lines = path.read_text(encoding="utf-8").splitlines()
    statement = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    declarations = filter(None, map(DECLARATION.fullmatch, lines[:statement]))
    parameters = tuple(_parameter(found) for found in declarations)
    return Query(path.stem, question.removeprefix("-- "), parameters, "\n".join(lines[statement:]))


def _parameter(found: re.Match[str]) -> Parameter:
    default = found["default"]
    return Parameter(
        name=found["name"],
        kind=found["kind"],
        default=None if default in ("required", "none") else default,
        is_required=default == "required",
        meaning=found["meaning"],
    )


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    there_is = f"there is {', '.join(known)}"
    return f": did you mean {close[0]}? T{there_is[1:]}" if close else f": {there_is}"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
