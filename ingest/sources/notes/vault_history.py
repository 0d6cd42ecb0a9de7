"""Finds when the notes of a vault in a git repository were first and last committed."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple, cast

from ingest.sources.reading.git_program import command, started, tokens
from ingest.sources.reading.source import ignore

# Names of changed files, with renames followed from the newest commit back; each record begins with an empty token.
LOG_OPTIONS = [
    *("-z", "--name-status", "--find-renames", "-l400", "--no-ext-diff", "--no-textconv", "--relative"),
    *("--diff-merges=off", "-O/dev/null", "--format=%x00%at%x00", "HEAD", "--", "."),
]


class Committed(NamedTuple):
    """`last` is None when the file has changed since it was committed."""

    first: datetime
    last: datetime | None


class VaultHistory:
    """Reads the whole history on first use; a folder outside any repository has none."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def dates(self, path: Path, data: bytes) -> Committed | None:
        name = os.fsencode(path.relative_to(self.root))
        if name not in self.commits or name not in self.blobs:
            return None
        first, last = self.commits[name]
        unchanged = self.blobs[name] in (_blob_hash(each, len(self.blobs[name])) for each in (data, _unix_lines(data)))
        return Committed(first, last if unchanged else None)

    @cached_property
    def is_in_repository(self) -> bool:
        return any((each / ".git").exists() for each in (self.root, *self.root.parents))

    @cached_property
    def is_readable(self) -> bool:
        if not self.is_in_repository:
            return False
        return command(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode == 0

    @property
    def refusal(self) -> str | None:
        """Why the history is missing or incomplete: the repository is another user's, or a shallow clone; else None."""
        answer = command(self.root, "rev-parse", "--is-shallow-repository") if self.is_in_repository else None
        if answer and b"safe.directory" in answer.stderr:
            return f"git keeps its history from other users: git config --global --add safe.directory {self.root}"
        if answer and answer.stdout.strip() == b"true":
            return "its history is cut off, so notes may be older than it says: git fetch --unshallow brings the rest"
        return None

    @cached_property
    def blobs(self) -> dict[bytes, bytes]:
        """The hash of each file at HEAD."""
        if not self.is_readable:
            return {}
        listed = command(self.root, "ls-tree", "-r", "-z", "HEAD", "--", ".").stdout.split(b"\0")
        entries = (entry.partition(b"\t") for entry in listed if entry)
        return {name: details.split(b" ")[-1] for details, _, name in entries}

    @cached_property
    def commits(self) -> dict[bytes, tuple[datetime, datetime]]:
        """The dates of the first and the last commit of each file at HEAD."""
        found: dict[bytes, tuple[datetime, datetime]] = {}
        present = {name: name for name in self.blobs}
        for moment, before, name in _changes(self.root) if present else ():
            current = present.get(name)
            if current is None:
                continue
            found[current] = (moment, found[current][1] if current in found else moment)
            if before != name:
                del present[name]
                present.setdefault(before, current)
        return found


def _changes(root: Path) -> Iterator[tuple[datetime, bytes, bytes]]:
    """Each change of a file, newest first: its date, the name before and the name after."""
    with tempfile.TemporaryFile() as complaints, started(root, complaints, "log", *LOG_OPTIONS) as process:
        found = tokens(cast(IO[bytes], process.stdout), ignore)
        moment: datetime | None = None
        for token in found:
            if not token:
                moment = _moment_of(next(found, b""))
                next(found, b"")
            elif moment and (status := token.strip()):
                before = next(found, b"")
                yield moment, before, next(found, b"") if status.startswith(b"R") else before


def _moment_of(seconds: bytes) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _blob_hash(data: bytes, digits: int) -> bytes:
    """The hash of these bytes as a git blob: SHA-256 for 64 digits, else SHA-1."""
    content = b"blob %d\0" % len(data) + data
    digest = hashlib.sha256(content) if digits == 64 else hashlib.sha1(content, usedforsecurity=False)
    return digest.hexdigest().encode()


def _unix_lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")
