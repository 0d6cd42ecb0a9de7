"""Cuts a content into passages that an embedding model reads whole."""

from collections.abc import Sequence
from typing import NamedTuple

from memories.text_borders import character_start, last_border

# Models such as all-MiniLM read 256 tokens: some 1,000 bytes of English, and about as many of most other scripts.
LIMIT_BYTES = 900
OVERLAP_BYTES = 150


class Passage(NamedTuple):
    """A part of a content, by its characters."""

    text: str
    from_character: int
    to_character: int


def passages(content: str) -> Sequence[Passage]:
    """The passages of a content at sentence borders, each overlapping the one before; a short content is one."""
    data = content.encode("utf-8", "replace")
    if len(data) <= LIMIT_BYTES:
        return [Passage(content, 0, len(content))]
    found: list[Passage] = []
    covered = 0
    while covered < len(data):
        start = _word_start(data, max(0, covered - OVERLAP_BYTES), covered)
        covered = last_border(data, max(start + LIMIT_BYTES // 2, covered + 1), start + LIMIT_BYTES)
        text = data[start:covered].decode()
        from_character = len(data[:start].decode())
        found.append(Passage(text, from_character, from_character + len(text)))
    return found


def _word_start(data: bytes, earliest: int, latest: int) -> int:
    """The beginning of the first whole word between two positions, or of a character where there is none."""
    for position in range(earliest, latest):
        if position == 0 or data[position - 1 : position].isspace():
            return position
    return character_start(data, earliest)
