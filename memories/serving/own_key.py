"""Creates secrets on first use, and keeps them in files that only their owner may read.

They are the key of `dreams mcp --http` without MCP_API_KEY, the secret by which clients recognise the sidecar, and the
password of Prefect's server.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_urlsafe

from memories.errors import InputError

NAME = "mcp.key"
KEY_BYTES = 32
LONGEST_KEY_BYTES = 4096


def own_key(home: Path, name: str = NAME, user: str = "") -> str:
    """Reads the key in a folder, and creates it first if there is none; with a `user`, a new key begins with `user:`.

    Raises InputError when the file is unreadable or empty, is not this user's, or is open to others.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / name
    with suppress(FileExistsError):
        _make(file, user)
    return _read(file)


def _make(file: Path, user: str) -> None:
    """Writes a new key atomically, so that two servers that start at once agree on one."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.{token_urlsafe(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{user}:" * bool(user) + token_urlsafe(KEY_BYTES))
        os.link(unfinished, file)
    finally:
        unfinished.unlink()


def _read(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            key = opened.read(LONGEST_KEY_BYTES).decode().strip() if stat.S_ISREG(status.st_mode) else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the key in {file} cannot be read: remove it, and the next start makes another") from error
    if not key or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise InputError(f"the key in {file} is not this user's alone: remove it, and the next start makes another")
    return key
