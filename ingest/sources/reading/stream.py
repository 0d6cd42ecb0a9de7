"""Reads files and standard input: counts bytes for a progress bar, decompresses them, cuts them into lines."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple, cast

from ingest.sources.reading.source import OnBytes, ignore
from memories.errors import SourceError

STANDARD_INPUT = Path("-")
LINE_LIMIT_BYTES = 256 * 1024 * 1024
BUFFER_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
BROKEN_STREAM = (EOFError, OSError, zlib.error)


class Line(NamedTuple):
    """A line and where it starts; `data` is None when it is longer than the limit."""

    number: int
    offset_bytes: int
    data: bytes | None


class Counted(io.RawIOBase):
    """A stream over a read function; reports the number of bytes read.

    The function should return what it has, as `read1` does: one that waits until its buffer is full loses its contents
    when the stream below turns out to be damaged.
    """

    def __init__(self, read_some: Callable[[int], bytes], on_bytes: OnBytes) -> None:
        super().__init__()
        self.read_some = read_some
        self.on_bytes = on_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self.read_some(len(buffer))
        buffer[: len(data)] = data
        self.on_bytes(len(data))
        return len(data)


def display(path: Path) -> str:
    """The path as text that can be printed and stored, whatever its bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check_readable(path: Path) -> None:
    """Raises SourceError unless the path exists and is readable."""
    if not path.exists():
        raise SourceError(f"{display(path)} does not exist: check the path")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{display(path)} cannot be read by this user: change its permissions or run as its owner")


@contextmanager
def opened(path: Path, on_bytes: OnBytes) -> Iterator[io.BufferedReader]:
    """Opens a file, or standard input for `-`; recognises gzip by its first bytes and decompresses it."""
    with nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else path.open("rb") as below:
        buffered = cast(io.BufferedReader, below)
        stream: io.BufferedReader = io.BufferedReader(Counted(buffered.read1, on_bytes), BUFFER_BYTES)
        if stream.peek(2)[:2] == GZIP_MAGIC:
            inflated = gzip.GzipFile(fileobj=stream)
            stream = io.BufferedReader(Counted(inflated.read1, ignore), BUFFER_BYTES)
        yield stream


def lines(stream: io.BufferedReader, limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[Line]:
    """The lines of a stream, numbered from 1, with memory bounded by the line limit."""
    number, offset_bytes = 0, 0
    while data := stream.readline(limit_bytes + 1):
        number += 1
        start_bytes, offset_bytes = offset_bytes, offset_bytes + len(data)
        too_long = len(data) > limit_bytes
        while too_long and data and not data.endswith(b"\n"):
            data = stream.readline(BUFFER_BYTES)
            offset_bytes += len(data)
        yield Line(number, start_bytes, None if too_long else data)
