"""Splits long content into overlapping chunks at paragraph and sentence borders, as Codex does."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from zlib import crc32

from memories.text_borders import character_start, last_border

LIMIT_BYTES = 8192
OVERLAP_BYTES = 200
LONGEST_OVERLAP_CHARACTERS = 400
LONGEST_STEP_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part of a content: its text, and its range in the content's UTF-8 bytes."""

    text: str
    byte_start: int
    byte_end: int

    def place(self) -> dict[str, int]:
        """The byte range, as kept in the metadata of the chunk's row."""
        return {"byte_start": self.byte_start, "byte_end": self.byte_end}


def chunk(content: str, taken: Set[str] = frozenset()) -> Sequence[Chunk]:
    """Splits content of more than 8192 bytes; shorter content is one chunk.

    Consecutive chunks overlap by 200 bytes. A chunk that would equal another of the content, or one of `taken`, ends
    earlier or, failing that, begins earlier: each needs a unique hash. `reassemble` restores the content.
    """
    data = content.encode()
    if len(data) <= LIMIT_BYTES:
        return [Chunk(content, 0, len(data))]
    # Depends on the content, so that contents that begin alike differ at once, not one character at a time.
    step = 1 + crc32(data) % LONGEST_STEP_BYTES
    chunks: list[Chunk] = []
    seen = set(taken)
    covered = 0
    while covered < len(data):
        start = character_start(data, max(0, covered - OVERLAP_BYTES))
        end = last_border(data, start + LIMIT_BYTES // 2, start + LIMIT_BYTES)
        if (text := data[start:end].decode()) in taken:
            end = character_start(data, max(end - step, covered + 1))
        while (text := data[start:end].decode()) in seen and end > covered + 1:
            end = character_start(data, end - 1)
        while text in seen and start > max(0, end - LIMIT_BYTES):
            start = character_start(data, start - 1)
            text = data[start:end].decode()
        seen.add(text)
        chunks.append(Chunk(text, start, end))
        covered = end
    return chunks


def reassemble(chunks: Sequence[Chunk]) -> str:
    """Restores the content from its chunks, in order; if some are missing, what is left of it."""
    data = bytearray()
    covered = 0
    for part in chunks:
        data += part.text.encode()[max(0, covered - part.byte_start) :]
        covered = part.byte_end
    return data.decode(errors="ignore")


def placed(texts: Sequence[str], byte_starts: Sequence[object]) -> Sequence[Chunk]:
    """Makes chunks of stored rows. Codex's own carry no byte range: it is inferred from their overlap."""
    chunks: list[Chunk] = []
    for text, given in zip(texts, byte_starts, strict=True):
        before = chunks[-1] if chunks else Chunk("", 0, 0)
        start = given if isinstance(given, int) else before.byte_end - _overlap_bytes(before.text, text)
        chunks.append(Chunk(text, start, start + len(text.encode())))
    return chunks


def _overlap_bytes(before: str, after: str) -> int:
    for length in range(min(LONGEST_OVERLAP_CHARACTERS, len(before), len(after)), 0, -1):
        if before.endswith(after[:length]):
            return len(after[:length].encode())
    return 0
