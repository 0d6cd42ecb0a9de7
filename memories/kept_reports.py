"""Keeps reports in DREAMS_HOME, and removes those that cite a deleted memory."""

import re
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from memories.home import home, make_folder
from memories.settings import settings

FOLDER = "reports"
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def folder() -> Path:
    """The folder of the kept reports, created if missing. Raises HomeUnsuitable as `home` does."""
    kept = home() / FOLDER
    make_folder(kept)
    return kept


def withdraw(gone: Collection[UUID]) -> None:
    """Removes the reports that cite any of these memories: they quote it."""
    known = set(map(str, gone))
    for file in (settings().dreams_home / FOLDER).glob("*"):
        if known.intersection(ID.findall(file.read_text(encoding="utf-8", errors="replace"))):
            file.unlink()
