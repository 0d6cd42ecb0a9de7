"""Reads a JSON array of any size one element at a time, in memory bounded by the largest element.

A full streaming parser would stop at the first fault. Cutting at brackets and parsing each element separately loses
only the faulty element.
"""

import io
import re
from collections.abc import Iterator

from ingest.sources.reading.stream import LINE_LIMIT_BYTES, UTF8_MARK

CHUNK_BYTES = 256 * 1024
BLANKS = b" \t\r\n"
# Atomic groups, because Python before 3.11.5 matches possessively repeated groups wrongly.
STRING = rb'"(?>(?:[^"\\]++|\\.)*)"'
TO_BRACKET = re.compile(rb'(?>(?:[^"\[\]{}]++|' + STRING + rb")*)", re.DOTALL)
TO_BRACKET_OR_COMMA = re.compile(rb'(?>(?:[^"\[\]{},]++|' + STRING + rb")*)", re.DOTALL)
REST_OF_STRING = re.compile(rb'(?>(?:[^"\\]++|\\.)*)', re.DOTALL)


class Cutter:
    """Finds where the elements end, chunk by chunk."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False
        self.closed = False

    def element_ends(self, chunk: bytes) -> Iterator[int]:
        """The positions in the chunk of the commas between elements and of the bracket that closes the array."""
        position = 0
        while position < len(chunk) and not self.closed:
            position = self.next_mark(chunk, position)
            if position < len(chunk) and self.ends_element(chunk[position]):
                yield position
            position += 1

    def next_mark(self, chunk: bytes, position: int) -> int:
        outside = TO_BRACKET if self.depth else TO_BRACKET_OR_COMMA
        match = (REST_OF_STRING if self.in_string else outside).match(chunk, position)
        return match.end() if match else position

    def ends_element(self, mark: int) -> bool:
        if mark == ord('"'):
            self.in_string = not self.in_string
        elif mark in b"[{":
            self.depth += 1
        elif mark in b"]}" and self.depth:
            self.depth -= 1
        else:
            self.closed = mark != ord(",")
            return True
        return False


def first_byte(stream: io.BufferedReader) -> bytes:
    """Consumes a byte order mark, blanks and the byte after them, and returns that byte; empty at the end."""
    if stream.peek(len(UTF8_MARK)).startswith(UTF8_MARK):
        stream.read(len(UTF8_MARK))
    byte = stream.read(1)
    while byte and byte in BLANKS:
        byte = stream.read(1)
    return byte


def elements(stream: io.BufferedReader) -> Iterator[bytes | None]:
    """The bytes of each element of an open array; None for one that is too long. Raises EOFError when it is cut off."""
    cutter, element, size_bytes = Cutter(), bytearray(), 0
    for chunk in _chunks(stream):
        begin = 0
        for end in cutter.element_ends(chunk):
            element += chunk[begin:end]
            if size_bytes + end - begin > LINE_LIMIT_BYTES:
                yield None
            elif not cutter.closed or element.strip():
                yield bytes(element)
            element, size_bytes, begin = bytearray(), 0, end + 1
        size_bytes += len(chunk) - begin
        if size_bytes <= LINE_LIMIT_BYTES:
            element += chunk[begin:]
        if cutter.closed:
            return
    raise EOFError("it ends before its array does")


def _chunks(stream: io.BufferedReader) -> Iterator[bytes]:
    """Chunks that never separate a backslash from the character it escapes."""
    carried = b""
    while read := stream.read1(CHUNK_BYTES):
        chunk = carried + read
        # An odd run of backslashes at the end escapes the first character of the next chunk.
        carried = b"\\" if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        yield chunk[: len(chunk) - len(carried)]
