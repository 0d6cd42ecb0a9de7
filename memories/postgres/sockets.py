"""Where the embedded Postgres listens: in its data folder, or in a folder that nobody else could have made.

Sockets have short names only, and connection strings give some characters a meaning of their own. A data folder whose
path is long, or not plain, gets a temporary folder with a secret name, which a file beside the data folder remembers.
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
    """Where its server listens, if it does; None when no place can be trusted."""
    if is_plain(data):
        return data
    try:
        folder = Path(_memo(data).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return folder if is_plain(folder) and _is_ours(folder) else None


def made(data: Path) -> Path:
    """Where its server is to listen; made where no place is known. Raises StoreError when it cannot be."""
    folder = known(data)
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="codex-dreams-", dir=temporary_parent()))
        _memo(data).unlink(missing_ok=True)
        descriptor = os.open(_memo(data), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as memo:
            memo.write(str(folder))
    return folder


def is_plain(folder: Path) -> bool:
    """Whether a path is short, and means itself in a shell and in a connection string."""
    return len(str(folder)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(folder)) is not None


def _memo(data: Path) -> Path:
    return data.parent / "sockets"


def temporary_parent() -> str:
    """A folder below which a temporary one can hold sockets. Raises StoreError when there is none."""
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
