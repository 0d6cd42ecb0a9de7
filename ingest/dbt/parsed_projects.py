"""The folders in which dbt keeps what it parsed: none goes while a run has it in use, nor soon after."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Parsing anew takes longer than a small cycle. So many are kept, and all that a run had within a day.
FEWEST_KEPT = 8
UNUSED_SECONDS = 24 * 60 * 60


@contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Makes a folder, if need be, and keeps it while the block runs."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, fcntl.LOCK_SH) as descriptor:
            # Another process may have removed it just before it was locked.
            if folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat()):
                os.utime(folder)
                yield folder
                return


def remove_unused(folders: Path) -> None:
    """Removes the folders that nobody holds, or held within a day, but for the last few."""
    with _locked(folders, fcntl.LOCK_EX):
        by_use = sorted((folder.stat().st_mtime, folder) for folder in folders.iterdir() if folder.is_dir())
        for used_at, folder in by_use[:-FEWEST_KEPT]:
            if time.time() - used_at > UNUSED_SECONDS:
                _remove(folder)


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
