"""Manages the folders of dbt's parsed projects: locks those in use, and removes those unused for a day.

A project parsed from other files is parsed anew from the beginning: dbt, which would parse only what changed, takes a
test that moved from one file to another for two of one name, and fails.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.dbt.project import PARSED_FILE, code_version

VERSION_FILE = "version.txt"
# Parsing again takes longer than a small cycle, so this many folders are kept, and all that were used within a day.
FEWEST_KEPT = 8
UNUSED_SECONDS = 24 * 60 * 60


@contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Creates a folder if needed, and keeps it from being removed while the block runs."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, fcntl.LOCK_SH) as descriptor:
            # Another process may have removed it just before it was locked.
            if folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat()):
                os.utime(folder)
                yield folder
                return


def remove_unused(folders: Path) -> None:
    """Removes the folders that no run holds or held within a day, except the last few."""
    with _locked(folders, fcntl.LOCK_EX):
        by_use = sorted((folder.stat().st_mtime, folder) for folder in folders.iterdir() if folder.is_dir())
        for used_at, folder in by_use[:-FEWEST_KEPT]:
            if time.time() - used_at > UNUSED_SECONDS:
                _remove(folder)


def is_current(folder: Path) -> bool:
    """Whether a folder holds the project as parsed from the files that are there now."""
    version = folder / VERSION_FILE
    return (folder / PARSED_FILE).exists() and version.exists() and version.read_text() == code_version()


def discard_outdated(folder: Path) -> None:
    """Removes the project as parsed from other files."""
    if not is_current(folder):
        (folder / PARSED_FILE).unlink(missing_ok=True)


def record_version(folder: Path) -> None:
    """Writes beside a parsed project which version of the models it is of."""
    (folder / VERSION_FILE).write_text(code_version())


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder)
    except BlockingIOError:
        return
