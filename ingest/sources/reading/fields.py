"""Reads fields of an untrusted JSON object. Raises ValueError, with a sentence for the user, when one is wrong."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from ingest.sources.reading.instant import instant, shown

Fields = Mapping[str, object]


def text(fields: Fields, key: str) -> str:
    """An optional string; empty when it is missing."""
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f'"{key}" is {shown(value)}: write a text')
    return value


def identifier(fields: Fields, key: str) -> str:
    """A required identifier: a string that is not blank, or a whole number."""
    value = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{key}" is missing or not an identifier: write a text or a whole number')
    return value


def tags(fields: Fields) -> tuple[str, ...]:
    """The tags, trimmed and without repetitions, in their order."""
    value = [] if fields.get("tags") is None else fields["tags"]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('"tags" is not a list of texts: write ["one", "two"]')
    return tuple(dict.fromkeys(each.strip() for each in value if each.strip()))


def moment(fields: Fields, key: str) -> datetime:
    """A required instant, in UTC."""
    try:
        return instant(fields.get(key))
    except ValueError as error:
        raise ValueError(f'"{key}": {error}') from error


def moment_or_none(fields: Fields, key: str) -> datetime | None:
    """An optional instant, in UTC; an invalid one is an error."""
    return None if fields.get(key) is None else moment(fields, key)


def number_or_none(fields: Fields, key: str) -> int | None:
    """An optional whole number."""
    value = fields.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f'"{key}" is {shown(value)}: write a whole number')
    return value


def as_fields(value: object) -> Fields:
    """The value if it is an object, else an empty one: in exports, any part may be missing."""
    return cast(Fields, value) if isinstance(value, Mapping) else {}


def as_items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""
