"""Finds where a text can be cut: at the end of a paragraph, a line, a sentence or a word, in bytes of UTF-8."""

import re

# Strongest border first: paragraph, line, sentence (also in scripts without spaces), word.
BORDERS = tuple(
    re.compile(pattern.encode())
    for pattern in (r"\n[ \t\r]*\n\s*", r"\n+", r"(?:[.!?]|…)(?:[\"')\]]|”|’)*\s+|。|！|？", r"\s+")
)


def last_border(data: bytes, earliest: int, latest: int) -> int:
    """The end of the last border of the strongest kind between two positions, or of the last whole character."""
    if latest >= len(data):
        return len(data)
    for border in BORDERS:
        ends = [match.end() for match in border.finditer(data, earliest, latest)]
        if ends:
            return character_start(data, ends[-1])
    return character_start(data, latest)


def character_start(data: bytes, position: int) -> int:
    """The nearest position at or before `position` that is not inside a UTF-8 character."""
    while 0 < position < len(data) and data[position] & 0xC0 == 0x80:
        position -= 1
    return position
