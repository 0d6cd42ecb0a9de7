"""Converts values to JSON that Postgres can store, without NUL characters, lone surrogates or infinite numbers."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
DEPTH_LIMIT = 100
INTEGER_LIMIT_BITS = 10_000


def storable_text(text: str, replaced: Counter[str]) -> str:
    """The text with NUL as U+2400 and lone surrogates as U+FFFD; `replaced` counts both."""
    if not UNSTORABLE.search(text):
        return text
    nul_count = text.count("\x00")
    replaced["replaced_nul"] += nul_count
    text, count = UNSTORABLE.subn("\N{REPLACEMENT CHARACTER}", text.replace("\x00", "\N{SYMBOL FOR NULL}"))
    replaced["replaced_surrogates"] += count
    return text


def storable(value: object, replaced: Counter[str], depth: int = 0) -> object:
    """The value as JSON for jsonb; what JSON cannot express becomes text. Raises ValueError when nested too deeply."""
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep")
    if isinstance(value, str):
        return storable_text(value, replaced)
    if isinstance(value, Mapping):
        return {storable_text(str(key), replaced): storable(each, replaced, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(each, replaced, depth + 1) for each in value]
    return _storable_scalar(value, replaced)


def _storable_scalar(value: object, replaced: Counter[str]) -> object:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > INTEGER_LIMIT_BITS:
        return hex(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return value.isoformat() if isinstance(value, date) else storable_text(str(value), replaced)


def counts(replaced: Counter[str]) -> dict[str, object]:
    """The counts of replacements as metadata, without zeros."""
    return {name: count for name, count in sorted(replaced.items()) if count}


def merged(metadata: Mapping[str, object], further: Mapping[str, object]) -> dict[str, object]:
    """Merges both without loss: a further key that is already taken gets an underscore at its end."""
    result = dict(metadata)
    for key, each in further.items():
        while key in result:
            key += "_"
        result[key] = each
    return result
