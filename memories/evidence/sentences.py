"""Cuts a content into sentences, each with its place in the content's bytes."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple
from unicodedata import name

# A sentence ends at a line's end, or after its mark and a blank; scripts without spaces need no blank.
END = re.compile(r"\n+|(?<=[.!?…؟۔।])[\"')\]”’»]*\s+|(?<=[。！？])")
# After a short word with a capital (Mr. Smith, W. Batten) or a number (3. Buy milk), a point ends no sentence.
UNFINISHED = re.compile(r"(?:^|\W)(?:[A-ZÀ-ÖØ-Þ]\w{0,3}|\d{1,3})\.$")
LONGEST_UNFINISHED = 6
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
    borders = [*(match.span() for match in END.finditer(content)), (len(content), len(content))]
    for mark_end, border in borders:
        if border < len(content) and _is_unfinished(content, begun, mark_end, border):
            continue
        for part in _cut(content[begun:border]):
            length = len(part.encode())
            text = part.strip()
            if text:
                before = len(part[: part.index(text)].encode())
                found.append(Sentence(text, at_byte + before, at_byte + before + len(text.encode())))
            at_byte += length
        begun = border
    return found


def is_question(sentence: str) -> bool:
    """Whether a question mark, of any script, is among the signs that the sentence ends with."""
    ending = takewhile(lambda sign: not sign.isalnum(), reversed(sentence.rstrip()))
    return any("QUESTION MARK" in name(sign, "") for sign in ending)


def _is_unfinished(content: str, begun: int, mark_end: int, border: int) -> bool:
    """Whether the sentence goes on after the border, looking only at its last word."""
    last_word = content[max(begun, mark_end - LONGEST_UNFINISHED) : mark_end]
    blanks = content[mark_end:border]
    return blanks.isspace() and "\n" not in blanks and UNFINISHED.search(last_word) is not None


def _cut(piece: str) -> Iterator[str]:
    """The piece, in parts of at most `LONGEST_CHARACTERS`."""
    start = 0
    while len(piece) - start > LONGEST_CHARACTERS:
        latest = start + LONGEST_CHARACTERS
        end = piece.rfind(" ", start + LONGEST_CHARACTERS // 2, latest) + 1 or latest
        yield piece[start:end]
        start = end
    yield piece[start:]
