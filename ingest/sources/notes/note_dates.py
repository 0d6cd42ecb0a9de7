"""Dates a note's creation and last change, from its properties, its name, its vault's git history or its file."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ingest.sources.notes.front_matter import split
from ingest.sources.notes.vault_history import VaultHistory
from ingest.sources.notes.written_date import WrittenDate, written_date
from ingest.sources.reading.fields import Fields
from ingest.sources.reading.instant import EPOCH, shown

CREATED_KEYS = ("created", "createdat", "datecreated", "creationdate", "createddate", "createdtime", "date")
UPDATED_KEYS = (
    "updated", "updatedat", "dateupdated", "modified", "modifiedat", "lastmodified", "datemodified", "lastupdated",
    "edited", "lastedited",
)  # fmt: skip
DATED_NAME = re.compile(
    r"(\d{4}[-_.]\d{1,2}[-_.]\d{1,2}|\d{1,2}[-_.]\d{1,2}[-_.]\d{4}|\d{4}-?W\d{2}(?:-?[1-7])?|\d{14}|\d{12}|\d{8})(?!\d)"
)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
HEAD_BYTES = 64 * 1024


class NoteDates(NamedTuple):
    """`taken` are the property keys that the metadata leaves out, `doubts` the remarks for the user."""

    created_at: datetime
    updated_at: datetime | None
    taken: frozenset[str]
    doubts: tuple[str, ...]


class Calendar:
    """Reads the dates of one vault's notes; other notes help to decide whether an ambiguous date has the day first."""

    def __init__(self, root: Path, paths: Callable[[], Iterable[Path]], zone: tzinfo) -> None:
        self.paths = paths
        self.zone = zone
        self.history = VaultHistory(root)
        self.latest = datetime.now(UTC) + timedelta(days=1)

    @cached_property
    def day_first(self) -> bool | None:
        """Whether most unambiguous dates of the vault have the day first; None when there is no majority."""
        day_first = month_first = 0
        for date in (date for path in self.paths() for date in _dates_in(path)):
            day_first += date.month_first is None
            month_first += date.day_first is None
        return None if day_first == month_first else day_first > month_first

    def dates(self, path: Path, front_matter: Fields, data: bytes, status: os.stat_result) -> NoteDates:
        doubts: list[str] = []
        keys = {re.sub(r"[\s_-]", "", key).lower(): key for key in reversed(list(front_matter))}
        created, taken = self.first(front_matter, [keys[each] for each in CREATED_KEYS if each in keys], doubts)
        updated, also_taken = self.first(front_matter, [keys[each] for each in UPDATED_KEYS if each in keys], doubts)
        committed = self.history.dates(path, data)
        changed = (committed and committed.last) or _file_time(status)
        made = created or self.in_name(path, doubts) or (committed and committed.first) or changed
        return NoteDates(made, updated or (changed if changed > made else None), taken | also_taken, tuple(doubts))

    def first(self, front_matter: Fields, keys: list[str], doubts: list[str]) -> tuple[datetime | None, frozenset[str]]:
        """The first plausible date under these keys, and its key if the date is not in doubt."""
        for key in keys:
            date, asked = written_date(front_matter[key]), len(doubts)
            if date and (moment := self.believed(date, f'"{key}: {shown(front_matter[key])}"', doubts)):
                return moment, frozenset() if len(doubts) > asked else frozenset({key})
        return None, frozenset()

    def in_name(self, path: Path, doubts: list[str]) -> datetime | None:
        date = _date_in_name(path)
        return self.believed(date, "the date in the name", doubts) if date else None

    def believed(self, date: WrittenDate, name: str, doubts: list[str]) -> datetime | None:
        """The instant in UTC, or None when implausible; without a zone it is in the user's. Adds doubts to `doubts`."""
        first_choice, other = reversed(date) if date.is_ambiguous and self.day_first is False else date
        moment = self.in_utc(first_choice or other)
        if moment is None or not EARLIEST <= moment <= self.latest:
            when = "in the future" if moment and moment > self.latest else "before 1900"
            doubts.append(f"{name} is {when} and was ignored: correct it, or leave it as it is")
            return None
        if date.is_ambiguous and self.day_first is None:
            doubts.append(
                f"{name} was read as {moment.astimezone(self.zone):%d %B %Y}, the day first, as no other note shows "
                f"the order: write {moment.astimezone(self.zone):%Y-%m-%d}"
            )
        return moment

    def in_utc(self, moment: datetime | None) -> datetime | None:
        try:
            return moment and (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)
        except OverflowError:
            return None


def _file_time(status: os.stat_result) -> datetime:
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC) if status.st_mtime > 0 else EPOCH
    except (ValueError, OverflowError, OSError):
        return EPOCH


def _date_in_name(path: Path) -> WrittenDate | None:
    """The date at the start of a name (2026-09-07, 2026_09_07, 07.09.2026, 202609071830), or in the whole name."""
    match = DATED_NAME.match(path.stem)
    return written_date(match[1] if match else path.stem)


def _dates_in(path: Path) -> Iterable[WrittenDate]:
    """The dates in the name and the properties of a note."""
    if not path.is_file():
        return ()
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        head = ""
    found = [_date_in_name(path), *map(written_date, _dated_values(split(head).properties))]
    return (each for each in found if each)


def _dated_values(front_matter: Mapping[str, object]) -> list[object]:
    keys = {*CREATED_KEYS, *UPDATED_KEYS}
    return [value for key, value in front_matter.items() if re.sub(r"[\s_-]", "", key).lower() in keys]
