"""Converts instants to UTC, within the years 1 to 9999: those a person enters and those Postgres returns."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from memories.errors import InputError
from memories.settings import settings

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def in_utc(instant: datetime) -> datetime:
    """Converts an instant to UTC; one without a zone is taken to be in TIMEZONE.

    Raises InputError when the result is outside the years 1 to 9999.
    """
    try:
        aware = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(settings().timezone))
        return aware.astimezone(UTC)
    except OverflowError as error:
        raise InputError(f"the date {instant} is out of range: give one of the years 1 to 9999, in UTC") from error


def in_zone(instant: datetime) -> datetime:
    """An instant on the person's clock; as it is, where that would be outside the years 1 to 9999."""
    try:
        return instant.astimezone(ZoneInfo(settings().timezone))
    except OverflowError:
        return instant


def day(instant: datetime) -> str:
    """The date, its year with four digits (strftime leaves the year 3 as it is)."""
    return instant.date().isoformat()


def minute(instant: datetime) -> str:
    """The date and the time to the minute."""
    return f"{day(instant)} {instant:%H:%M}"


def read_in_utc(connection: psycopg.Connection[Any]) -> None:
    """Makes a connection read instants in UTC, whatever zone and date style the server or the environment sets."""
    connection.execute("select set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false)")
    connection.adapters.register_loader("timestamptz", _FromText)
    connection.adapters.register_loader("timestamptz", _FromBinary)


class _Clamped(Loader):
    """Clamps instants outside Python's range (infinity, 44 BC) to the earliest or latest datetime.

    It wraps psycopg's own loader, which is in C and cannot be subclassed: a search reads hundreds of instants.
    """

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        loader = psycopg.adapters.get_loader(oid, self.format)
        assert loader is not None, "psycopg reads instants"  # noqa: S101
        self._load = loader(oid, context).load

    def load(self, data: Buffer) -> datetime:
        try:
            loaded: datetime = self._load(data)
        except psycopg.DataError:
            return EARLIEST if self._is_early(bytes(data)) else LATEST
        return loaded

    @staticmethod
    def _is_early(sent: bytes) -> bool:
        raise NotImplementedError


class _FromText(_Clamped):
    format = Format.TEXT

    @staticmethod
    def _is_early(sent: bytes) -> bool:
        return sent.startswith(b"-") or sent.endswith(b"BC")


class _FromBinary(_Clamped):
    """The binary format is a signed number of microseconds."""

    format = Format.BINARY

    @staticmethod
    def _is_early(sent: bytes) -> bool:
        return sent[0] >= 1 << 7
