"""Reads every instant as one in UTC, in the years 1 to 9999: what a person gives, and what Postgres holds."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzBinaryLoader, TimestamptzLoader

from memories.errors import InputError
from memories.settings import settings

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def in_utc(instant: datetime) -> datetime:
    """The instant in UTC; one that names no zone is read on the clock of TIMEZONE.

    Raises InputError when it lies outside the years 1 to 9999 of UTC.
    """
    try:
        aware = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(settings().timezone))
        return aware.astimezone(UTC)
    except OverflowError as error:
        raise InputError(f"the date {instant} is out of range: give one of the years 1 to 9999, in UTC") from error


def read_in_utc(connection: psycopg.Connection[Any]) -> None:
    """Has a connection read instants in UTC, whatever zone and style the server or the environment asks for."""
    connection.execute("select set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false)")
    connection.adapters.register_loader("timestamptz", _FromText)
    connection.adapters.register_loader("timestamptz", _FromBinary)


class _FromText(TimestamptzLoader):
    """Reads what Python has no date for (infinity, 44 BC) as the earliest or the latest it has."""

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            sent = bytes(data)
            return EARLIEST if sent.startswith(b"-") or sent.endswith(b"BC") else LATEST


class _FromBinary(TimestamptzBinaryLoader):
    """Does the same for Postgres' binary format, a signed number of microseconds."""

    def load(self, data: Buffer) -> datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            is_negative = bytes(data)[0] >= 1 << 7
            return EARLIEST if is_negative else LATEST
