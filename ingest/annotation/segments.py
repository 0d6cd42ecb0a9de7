"""Splits a text into sentences, and sentences into words, in scripts with spaces and without."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import budoux
import regex

from ingest.annotation.languages import RAREST_ZIPF, zipf

# A newline within a sentence that was wrapped: no sentence ended, and the next line begins with a small letter.
SOFT_BREAK = regex.compile(r"(?<=[^\n.!?:|])[ \t]{0,8}\n(?=\p{Ll})")
# After a full stop a sentence begins with no small letter; after an abbreviation ("Dr.") or an initial it goes on.
SENTENCE_BORDER = regex.compile(
    r"(?<!\b\p{Lu}\p{Ll}{0,2}\.)(?<=[.!?…])[\"'”’)\]]{0,2}\s+(?=[^\s\p{Ll}])|(?<=[!?…])\s+(?=\p{Lu})|\n+|(?<=[。！？।؟])"
)
# Words with their combining marks and inner apostrophes and hyphens; a name with its number (HTTP/2); other signs.
TOKEN = regex.compile(
    r"\p{Lu}[\p{L}]{1,15}/\d(?:\.\d)?\b|[\p{L}\p{N}][\p{L}\p{M}\p{N}_]*+(?:['’\-‐·][\p{L}][\p{L}\p{M}\p{N}_]*+)*|\S"
)
# Scripts written without spaces between words, except Hangul.
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー々\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+")
LONGEST_CHINESE_WORD = 5
SENTENCE_ENDS = frozenset('.!?:;…。！？।؟|•*#–—"“”„«»()[]')


class Token(NamedTuple):
    """A word or sign of the text as written, and whether a sentence begins with it."""

    text: str
    starts_sentence: bool

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()

    @property
    def is_capitalised(self) -> bool:
        return self.text[0].isupper() and not self.starts_sentence


def sentences(text: str) -> list[str]:
    return [part.strip() for part in SENTENCE_BORDER.split(SOFT_BREAK.sub(" ", text)) if part and part.strip()]


def tokens(text: str, language: str) -> Sequence[Token]:
    found: list[Token] = []
    starts_sentence = True
    for match in TOKEN.finditer(text):
        for word in unspaced(match[0], language) if UNSPACED.match(match[0]) else (match[0],):
            found.append(Token(word, starts_sentence))
            starts_sentence = word in SENTENCE_ENDS or (starts_sentence and not word[0].isalnum())
    return found


def unspaced(run: str, language: str) -> Iterator[str]:
    """The words of a run without spaces: Chinese by wordfreq's words, else as BudouX's small models cut it.

    A script that neither knows stays whole.
    """
    if language == "zh":
        yield from _chinese(run)
        return
    parser = _parser("ja" if regex.search(r"[\p{Hiragana}\p{Katakana}]", run) else language)
    for phrase in parser.parse(run) if parser else [run]:
        yield from TOKEN.findall(phrase)


def _chinese(run: str) -> list[str]:
    """The likeliest words: those whose frequencies have the highest product (a unigram model, by Viterbi's way)."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(run) + 1):
        starts = range(max(0, end - LONGEST_CHINESE_WORD), end)
        best.append(max((best[start][0] + _log_frequency(run[start:end]), start) for start in starts))
    words: list[str] = []
    end = len(run)
    while end:
        start = best[end][1]
        words.append(run[start:end])
        end = start
    return words[::-1]


def _log_frequency(word: str) -> float:
    commonness = zipf(word, "zh")
    # An unknown word is far rarer than the rarest known one, and the rarer the longer.
    return commonness - 9 if commonness > RAREST_ZIPF else -7.0 * len(word)


@cache
def _parser(language: str) -> budoux.Parser | None:
    load = {
        "ja": budoux.load_default_japanese_parser,
        "th": budoux.load_default_thai_parser,
    }.get(language)
    return load() if load else None


def without_marks(sentence: str) -> str:
    """A sentence without the marks of lists, headings and boxes before it, and of emphasis around it."""
    return re.sub(r"^(?:[#>*•+|\s-]|\d{1,3}[.)]\s|\[[ xX]\]|```\w*)+", "", sentence).rstrip("*_# ").strip()
