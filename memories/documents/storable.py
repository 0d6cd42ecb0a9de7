"""Checks that Postgres can keep a value as text or as JSON."""

import json
from collections.abc import Iterator, Mapping

from memories.errors import InputError


def check_text(*texts: str) -> None:
    """Raises InputError when Postgres cannot keep one of these as text."""
    for text in texts:
        if "\0" in text:
            raise InputError("the text holds a NUL character, which Postgres cannot keep: remove it")
        if not text.isascii() and text != text.encode("utf-8", "replace").decode():
            raise InputError("the text is not valid UTF-8: convert it first")


def check_metadata(metadata: Mapping[str, object]) -> None:
    """Raises InputError when Postgres cannot keep this as JSON."""
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the metadata is not a JSON object ({error}): give names with JSON values") from error
    check_text(*_texts_in(metadata))


def _texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, inner in value.items():
                yield from _texts_in(name)
                yield from _texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts_in(inner)
