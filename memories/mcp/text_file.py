"""Reads text files for the MCP tool `store_file`, only from folders that the user named."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from memories.errors import InputError

LIMIT_MEGABYTES = 10
REMEDY = f"give the absolute path of a UTF-8 text file of at most {LIMIT_MEGABYTES} MB that this user can read"
# Never read, whichever folders are named: here the kernel exposes environments, memory and devices.
KERNEL_FOLDERS = (Path("/proc"), Path("/sys"), Path("/dev"))
SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC
# On Linux, O_PATH also opens a folder that this user may enter but not list, as a path lookup does.
INTO_FOLDER = SAFELY | os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)


def named_folders(setting: str) -> Sequence[Path]:
    """The folders of MCP_FILE_ROOTS. Raises InputError when one is not an absolute path."""
    folders = [Path(each).expanduser() for each in setting.split(os.pathsep) if each.strip()]
    if relative := [folder for folder in folders if not folder.is_absolute()]:
        raise InputError(f"MCP_FILE_ROOTS names {str(relative[0])!r}: give absolute paths, {os.pathsep!r} between them")
    return folders


def working_folder() -> Sequence[Path]:
    """The folder in which the assistant was started; none if that is /, where some assistants start their servers."""
    folder = Path.cwd()
    return [] if folder == Path(folder.anchor) else [folder]


class TextFile(NamedTuple):
    """A file's text, and its path with links resolved."""

    path: Path
    text: str


def read_text_file(path: str, roots: Sequence[Path]) -> TextFile:
    """Reads a file below one of the folders; resolves links before it checks that.

    Raises InputError when the path is relative or outside the folders, or when it is not a UTF-8 text file of at most
    LIMIT_MEGABYTES that this user can read.
    """
    given = Path(path)
    if "\0" in path or not given.is_absolute():
        raise _unsuitable(path, "it is not an absolute path")
    try:
        found = given.resolve()
        data = _read(path, _root_of(path, found, roots), found)
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


def _root_of(given: str, path: Path, roots: Sequence[Path]) -> Path:
    if not roots:
        raise InputError(f"{given!r} cannot be stored (no folder may be read): the user can set MCP_FILE_ROOTS")
    if any(path.is_relative_to(folder) for folder in KERNEL_FOLDERS):
        raise _unsuitable(given, "it is not an ordinary file")
    for root in (folder.resolve() for folder in roots):
        if path.is_relative_to(root):
            return root
    raise _unsuitable(given, "it is not below a folder of MCP_FILE_ROOTS, where the user names what may be read")


def _read(given: str, root: Path, path: Path) -> bytes:
    """The file's bytes. Opens folder by folder from the root, and fails if one was replaced by a link meanwhile."""
    *folders, name = path.relative_to(root).parts or (os.curdir,)
    folder = os.open(root, INTO_FOLDER)
    try:
        for each in folders:
            inner = os.open(each, INTO_FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Opening a pipe or a device can have side effects, so the type is checked first.
        _check_ordinary(given, os.stat(name, dir_fd=folder, follow_symlinks=False))
        descriptor = os.open(name, SAFELY | os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "rb") as file:
        _check_ordinary(given, os.fstat(descriptor))
        data = file.read(LIMIT_MEGABYTES * 1_000_000 + 1)
    if len(data) > LIMIT_MEGABYTES * 1_000_000:
        raise _unsuitable(given, "it is larger")
    return data


def _check_ordinary(given: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unsuitable(given, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not an ordinary file")


def _unsuitable(path: str, reason: str) -> InputError:
    return InputError(f"{path!r} cannot be stored ({reason}): {REMEDY}")
