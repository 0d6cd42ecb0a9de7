"""Reads a text file that an assistant names. Called by the MCP tool `store_file`."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from memories.errors import InputError

LIMIT_MEGABYTES = 10
REMEDY = f"give the absolute path of a UTF-8 text file of at most {LIMIT_MEGABYTES} MB that this user can read"


class TextFile(NamedTuple):
    """A file's text, and where it really lies."""

    path: Path
    text: str


def read_text_file(path: str) -> TextFile:
    """The text of a file; links are followed. Raises InputError, one sentence, for whatever is no such file."""
    given = Path(path)
    if "\0" in path or not given.is_absolute():
        raise _unsuitable(path, "it is not an absolute path")
    try:
        found = given.resolve(strict=True)
        data = _read(found)
    except OSError as error:
        raise _unsuitable(path, (error.strerror or "it cannot be read").lower()) from error
    except RuntimeError as error:
        raise _unsuitable(path, "its links lead in a circle") from error
    if b"\0" in data:
        raise _unsuitable(path, "it is binary")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unsuitable(path, f"byte {error.start} is not UTF-8") from error
    if not text.strip():
        raise _unsuitable(path, "it is empty")
    return TextFile(found, text)


def _read(path: Path) -> bytes:
    # Opening a pipe would wait for whoever writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _unsuitable(str(path), "it is a folder" if stat.S_ISDIR(mode) else "it is no ordinary file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(LIMIT_MEGABYTES * 1_000_000 + 1)
    finally:
        os.close(descriptor)
    if len(data) > LIMIT_MEGABYTES * 1_000_000:
        raise _unsuitable(str(path), "it is larger")
    return data


def _unsuitable(path: str, reason: str) -> InputError:
    return InputError(f"{path!r} cannot be stored ({reason}): {REMEDY}")
