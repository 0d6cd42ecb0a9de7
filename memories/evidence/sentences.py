"""Cuts a content into sentences, each with its place in the content's bytes."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# A sentence ends at a line's end, or after its mark and a blank; scripts without spaces need no blank.
END = re.compile(r"\n+|(?<=[.!?…])[\"')\]”’»]*\s+|(?<=[。！？])")
# After a short word with a capital (Mr. Smith, W. Batten) or a number (3. Buy milk), a point ends no sentence.
UNFINISHED = re.compile(r"(?:^|\W)(?:[A-ZÀ-ÖØ-Þ]\w{0,3}|\d{1,3})\.\s*$")
LONGEST_CHARACTERS = 600


class Sentence(NamedTuple):
    """A sentence, and where it stands: `content.encode()[start_byte:end_byte].decode()` is its text."""

    text: str
    start_byte: int
    end_byte: int


def sentences(content: str) -> Sequence[Sentence]:
    """The sentences of a content in order, without the blanks between them; a very long one is cut at a blank."""
    found: list[Sentence] = []
    begun = at_byte = 0
    borders = [*(match.end() for match in END.finditer(content)), len(content)]
    for border in borders:
        piece = content[begun:border]
        if not piece or (border < len(content) and "\n" not in piece and UNFINISHED.search(piece)):
            continue
        for part in _cut(piece):
            length = len(part.encode())
            text = part.strip()
            if text:
                before = len(part[: part.index(text)].encode())
                found.append(Sentence(text, at_byte + before, at_byte + before + len(text.encode())))
            at_byte += length
        begun = border
    return found


def _cut(piece: str) -> Sequence[str]:
    """The piece, in parts of at most `LONGEST_CHARACTERS`."""
    parts = []
    while len(piece) > LONGEST_CHARACTERS:
        blank = piece.rfind(" ", LONGEST_CHARACTERS // 2, LONGEST_CHARACTERS) + 1 or LONGEST_CHARACTERS
        parts.append(piece[:blank])
        piece = piece[blank:]
    return [*parts, piece]
