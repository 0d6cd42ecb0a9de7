"""Chooses the folder for the socket of the embedded Postgres: its data folder, or a private temporary one.

Socket paths must be short, and some characters are special in connection strings. For a data folder whose path is long
or not plain, the socket is in a temporary folder with a secret name, recorded in a file beside the data folder.
"""

import os
import re
import stat
import tempfile
from pathlib import Path

from memories.errors import StoreError
from memories.home import FILE_MODE, FOLDER_MODE

LONGEST_FOLDER = 90
PLAIN = re.compile(r"/[\w./-]*", re.ASCII)


def known(data: Path) -> Path | None:
    """The socket folder of a data folder; None when there is none, or none that can be trusted."""
    if is_plain(data):
        return data
    try:
        folder = Path(_memo(data).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return folder if is_plain(folder) and _is_ours(folder) else None


def made(data: Path) -> Path:
    """The socket folder of a data folder, created if none is known. Raises StoreError when there is no place for it."""
    folder = known(data)
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="codex-dreams-", dir=temporary_parent()))
        _memo(data).unlink(missing_ok=True)
        descriptor = os.open(_memo(data), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as memo:
            memo.write(str(folder))
    return folder


def is_plain(folder: Path) -> bool:
    """Whether a path is short, and has no special characters for a shell or a connection string."""
    return len(str(folder)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(folder)) is not None


def _memo(data: Path) -> Path:
    return data.parent / "sockets"


def temporary_parent() -> str:
    """A temporary folder with a path short and plain enough for sockets. Raises StoreError when there is none."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the name below it is secret
        if is_plain(Path(parent, "codex-dreams-12345678")):
            return parent
    raise StoreError("there is no temporary folder for sockets: set TMPDIR to one with a short, plain path")


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_closed = stat.S_IMODE(status.st_mode) == FOLDER_MODE
    return stat.S_ISDIR(status.st_mode) and is_closed and status.st_uid == os.geteuid()
