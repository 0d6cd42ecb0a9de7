"""Parses instants as sources write them, in ISO 8601 or seconds since 1970, into UTC."""

import reprlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from memories.errors import InputError
from memories.instant import in_utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(value: object) -> datetime:
    """The instant in UTC; one without an offset is in TIMEZONE. Raises ValueError when the value is not a date."""
    try:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return EPOCH + timedelta(seconds=float(value))
        read = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if isinstance(read, date) and not isinstance(read, datetime):
            read = datetime.combine(read, time())
        if isinstance(read, datetime):
            return in_utc(read)
    except (ValueError, OverflowError, InputError):
        pass
    raise ValueError(f"{shown(value)} is not a date: write ISO 8601 or seconds since 1970, in the years 1 to 9999")


def shown(value: object) -> str:
    """The value for an error message, cut to 100 characters."""
    return reprlib.repr(value)[:100]


def instant_or_none(*values: object) -> datetime | None:
    """The first value that is an instant, or None."""
    for value in values:
        try:
            return instant(value)
        except ValueError:
            continue
    return None
