"""Rewrites a text so that splitting it at everything but letters and digits yields the words people search by.

Adds the parts of identifiers, names emoji, drops accents, puts spaces into scripts without them, and marks a stop word
that its capitals make a name (IT, The Who), so that it no longer counts as a stop word.
"""

import re
import unicodedata

import emoji

# English words that do not tell what a text is about, and what an apostrophe leaves of them.
_LISTED = """
a about above after again against all am an and any are aren as at be because been before being below between both
but by can cannot could couldn d did didn do does doesn doing don down during each few for from further had hadn
has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m
ma me might more most must my myself no nor not now o of off on once only or other our ours ourselves out over own
re s same shall she should shouldn so some such t than that the their theirs them themselves then there these they
this those through to too under until up ve very was wasn we weren were what when where which while who whom whose
why will with won would wouldn y you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_LISTED.split())
# Not articles, which begin titles, nor the pronoun I, nor search operators: their capitals do not make them names.
_NAMING_STOP_WORDS = STOP_WORDS - {"a", "an", "i", "the", "and", "or", "not"}
# Appended to a stop word that is a name. A letter in Unicode; `plain` removes it from texts.
NAME_MARK = "\u02b9"

# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U000323af])"
)
# Accents, Hebrew points, Arabic vowel signs and the tatweel: often left out in writing.
_OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
# The characters of emoji, and similar signs.
_PICTOGRAPHS = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff\u200d\ufe0f\U000e0020-\U000e007f]+"
)
# Anything beyond ASCII and typographic punctuation.
_BEYOND_ENGLISH = re.compile("[^\x00-\x7f\u2010-\u2027]")
# Possessive quantifiers keep these linear in the length of a word.
_CAMEL_CASE = re.compile(r"\b(?:[A-Z]*+[a-z0-9]++[A-Z]|[A-Z]{3}[A-Z]*+[a-z]{2})[A-Za-z0-9]*+")
_PART_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# A word in capitals, or a capitalised one that does not begin a sentence.
_CAPITALISED = re.compile(r"\b[A-Z](?:[A-Z]{1,9}+|(?<=[A-Za-z0-9][ ,;:][A-Z])[a-z]{1,9}+)\b")


def plain(text: str) -> str:
    """The text in valid Unicode, with emoji named, accents dropped, and spaces added where its script has none."""
    return without_accents(accented(text))


def accented(text: str) -> str:
    """The text as `plain` makes it, but with the accents of its letters."""
    if is_english(text):
        return text
    valid = text.encode("utf-8", "replace").decode()
    composed = _OPTIONAL_MARKS.sub("", unicodedata.normalize("NFKC", _PICTOGRAPHS.sub(_named_emoji, valid)))
    return _UNSPACED.sub(r" \1 ", composed.replace(NAME_MARK, " "))


def without_accents(text: str) -> str:
    if is_english(text):
        return text
    return unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", unicodedata.normalize("NFKD", text)))


def is_english(text: str) -> bool:
    """Whether every character is of English typography, which needs no rewriting."""
    return text.isascii() or not _BEYOND_ENGLISH.search(text)


def with_parts_and_names(text: str) -> str:
    """Adds the parts of identifiers after them, and `NAME_MARK` to stop words that are names."""
    parted = _CAMEL_CASE.sub(_with_parts, text)
    is_shouted = text.isupper() and len(text.split(maxsplit=1)) > 1
    return parted if is_shouted else _CAPITALISED.sub(_marked, parted)


def _named_emoji(signs: re.Match[str]) -> str:
    bare = _SKIN_TONES.sub("", signs[0])
    return emoji.replace_emoji(bare, lambda _, known: f" {known['en'].strip(':').replace('_', ' ')} ")


def _with_parts(identifier: re.Match[str]) -> str:
    return f"{identifier[0]} {_PART_BEGINS.sub(' ', identifier[0])}"


def _marked(word: re.Match[str]) -> str:
    return f"{word[0]}{NAME_MARK}" if word[0].lower() in _NAMING_STOP_WORDS else word[0]
