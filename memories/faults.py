"""Turns any failure into one sentence that says what to do, for all interfaces.

Saves unexpected errors as tracebacks without their messages, which may quote a memory.
"""

import errno
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psycopg

from memories.errors import DreamsError
from memories.home import FILE_MODE, FOLDER_MODE, home
from memories.settings import settings

KEPT_FAULTS = 20
INTERRUPTED = 130
NOT_FOUND = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)
MISFIT = (*NOT_FOUND, psycopg.errors.WrongObjectType, psycopg.errors.InvalidSchemaName)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_LEAVE = (errno.EACCES, errno.EPERM, errno.EROFS)


class Complaint(NamedTuple):
    """The sentence shown for an error, and its exit code."""

    sentence: str
    exit_code: int = 1


def tell(error: BaseException) -> Complaint:
    """Returns the sentence and exit code for an error; saves the traceback of an unexpected one."""
    expected = _expected(error)
    return expected if expected is not None else Complaint(keep(error))


def keep(error: BaseException) -> str:
    """Saves a traceback that its owner alone can read; returns the sentence to show instead."""
    kind = type(error).__name__
    try:
        file = _new_file()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.writelines(_traceback(error))
        for old in kept()[KEPT_FAULTS:]:
            old.unlink(missing_ok=True)
    except (OSError, DreamsError):
        return f"something unexpected happened ({kind}); run this again with `dreams --debug` to see where"
    return f"something unexpected happened ({kind}); `dreams health --report` prints what to send with a report"


def kept() -> Sequence[Path]:
    """The saved tracebacks, newest first."""
    return sorted((settings().dreams_home / "faults").glob("*.txt"), reverse=True)


@contextmanager
def one_sentence(complain: Callable[[str], object], *, debug: bool = False) -> Iterator[None]:
    """Ends the program with one sentence and an exit code when the block fails; with `debug`, re-raises instead."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        told = tell(error)
        complain(told.sentence)
        raise SystemExit(told.exit_code) from error


def _expected(error: BaseException) -> Complaint | None:
    match error:
        case DreamsError():
            return Complaint(str(error), error.exit_code)
        case KeyboardInterrupt():
            return Complaint("interrupted; what was finished is kept, run the same command to go on", INTERRUPTED)
        case psycopg.Error():
            return Complaint(of_postgres(error))
        case OSError():
            return _of_system(error)
        case MemoryError():
            return Complaint("this takes more memory than there is: close other programs, or do less at once")
        case _:
            return None


def of_postgres(error: psycopg.Error) -> str:
    """What to do about an error of Postgres, in one sentence."""
    said = (error.diag.message_primary or str(error)).strip().split("\n")[0]
    match error:
        case psycopg.errors.DiskFull():
            return f"Postgres has no room left on its disk ({said}): make some, then run this again"
        case psycopg.errors.InsufficientPrivilege():
            return f"the database user may not do this ({said}): grant it, or name another user in POSTGRES_DB_URL"
        case psycopg.errors.ReadOnlySqlTransaction():
            return f"this Postgres accepts no changes ({said}): name one that does in POSTGRES_DB_URL"
        case _ if isinstance(error, MISFIT):
            return f"this database is not as this version left it ({said}): `dreams health` says what to do"
        case psycopg.errors.QueryCanceled() | psycopg.errors.LockNotAvailable():
            return f"another program blocks Postgres ({said}): wait for it, then run this again"
        case psycopg.OperationalError():
            return f"Postgres went away ({said}): start it and run this again"
        case _:
            return f"Postgres refused this ({said}): `dreams health` says whether something needs fixing"


def _of_system(error: OSError) -> Complaint | None:
    where = "" if error.filename is None else f" at {os.fsdecode(error.filename)}"
    if error.errno in NO_ROOM:
        return Complaint(f"there is no room left on the disk{where}: make some, then run this again")
    if error.errno in NO_LEAVE:
        return Complaint(
            f"this user may not read or write{where} ({error.strerror}): change that, or name another place"
        )
    if error.errno == errno.EPIPE:
        return Complaint("whoever read the output stopped reading")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Complaint("too many files are open: raise the limit (`ulimit -n`), then run this again")
    return None


def _new_file() -> Path:
    folder = home() / "faults"
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:6]}.txt"


def _traceback(error: BaseException) -> Iterator[str]:
    """The traceback of an error and its causes, with error types (and SQLSTATE) but no messages."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _traceback(cause)
        yield "\nwhich led to\n\n"
    yield from traceback.format_tb(error.__traceback__)
    state = getattr(error, "sqlstate", None)
    yield f"{type(error).__module__}.{type(error).__qualname__}{f' ({state})' if state else ''}\n"
