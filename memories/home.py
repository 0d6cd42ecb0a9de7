"""Keeps DREAMS_HOME, and everything in it, private to its owner."""

import os
import stat
from pathlib import Path

from memories.errors import HomeUnsuitable
from memories.settings import StoreSettings, settings

OWNER_ONLY = 0o077
FOLDER_MODE = 0o700
FILE_MODE = 0o600
# The contents of DREAMS_HOME (docs/security.md explains each). Nothing else in the folder is ours to change.
CONTENTS = (
    "dbt_target",
    "duckdb_extensions",
    "duckdb_spill",
    "events",
    "faults",
    "generators",
    "lexical",
    "mcp.key*",
    "memory.duckdb*",
    "postgres",
    "postgres.lock",
    "prefect",
    "rebuild-*",
    "reports",
    "sidecar.*",
    "sockets",
    "unpublished*",
)


def keep_to_owner() -> None:
    """Sets the umask: files that this process and its children create are private to their owner."""
    os.umask(OWNER_ONLY)


def home(store: StoreSettings | None = None) -> Path:
    """Returns DREAMS_HOME, created if missing. Raises HomeUnsuitable as `check` does, or when it cannot be created."""
    folder = (store or settings()).dreams_home
    check(folder)
    try:
        make_folder(folder)
    except OSError as error:
        raise HomeUnsuitable(f"DREAMS_HOME {folder} cannot be created ({error.strerror}): name another one") from error
    return folder


def make_folder(folder: Path) -> None:
    """Creates a folder and its missing parents, private to their owner."""
    for each in reversed((folder, *folder.parents)):
        if not each.is_dir():
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def check(folder: Path) -> None:
    """Raises HomeUnsuitable when the path is not a folder, or another user could have put something there."""
    try:
        link, status = folder.lstat(), folder.stat()
    except FileNotFoundError:
        if folder.is_symlink():
            raise HomeUnsuitable(f"DREAMS_HOME {folder} is a link to nothing: name a folder") from None
        return
    except OSError as error:
        raise HomeUnsuitable(f"DREAMS_HOME {folder} cannot be used ({error.strerror}): name a folder") from error
    if not stat.S_ISDIR(status.st_mode):
        raise HomeUnsuitable(f"DREAMS_HOME {folder} is not a folder: name one")
    if status.st_uid != os.geteuid() or link.st_uid not in (os.geteuid(), 0):
        raise HomeUnsuitable(f"DREAMS_HOME {folder} belongs to another user: name a folder of your own")
    if status.st_mode & stat.S_IWOTH:
        raise HomeUnsuitable(
            f"anyone may write to DREAMS_HOME {folder}: see that what is in it is yours, then run `chmod 700` on it"
        )


def close_to_others(folder: Path) -> None:
    """Removes permissions that an earlier version, or another umask, gave to others.

    Raises HomeUnsuitable as `check` does, when an entry is another user's, or when an open folder holds nothing but
    files of other programs.
    """
    check(folder)
    if not folder.is_dir():
        return
    folder = folder.resolve()
    ours = [path for pattern in CONTENTS for path in folder.glob(pattern)]
    if not ours and any(folder.iterdir()):
        if folder.stat().st_mode & OWNER_ONLY:
            raise HomeUnsuitable(
                f"DREAMS_HOME {folder} holds other files and is open to others: name a folder of its own"
            )
        return
    for path in (folder, *ours):
        _check_owner(path)
    close(folder)
    for path in ours:
        close_all(path)


def close_all(path: Path) -> None:
    """Closes a file, or a folder and its contents, to others. Skips what is in `postgres`: Postgres keeps it closed."""
    close(path)
    if path.name != "postgres" and path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            close_all(inner)


def close(path: Path) -> None:
    """Closes one file or folder to others. Skips links, which have no mode, and paths that no longer exist.

    Raises HomeUnsuitable when this user may not change the mode.
    """
    try:
        mode = path.lstat().st_mode
        if mode & OWNER_ONLY and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~OWNER_ONLY)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise HomeUnsuitable(f"{path} is open to others, and you may not close it: remove it") from error


def _check_owner(path: Path) -> None:
    if path.lstat().st_uid != os.geteuid():
        raise HomeUnsuitable(f"{path} belongs to another user, who may have put it there: remove it")
