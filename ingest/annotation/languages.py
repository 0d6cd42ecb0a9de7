"""Tells a text's language, and what a word is in it: how common, whether it carries a meaning, its dictionary form.

fastText's small model tells the language, wordfreq how common a word is, YAKE's lists which words only join others,
simplemma the dictionary form, dateparser the names of weekdays and months. Each ships its data and fetches nothing.
"""

import calendar
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import simplemma
import wordfreq
from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

from memories.lexical.languages import detector

READ_CHARACTERS = 1_000
# Below this the model guesses: a short technical phrase comes out as any language.
SURE = 0.5
GUESSES = 5
# A word met once in 1,200 words or oftener is read as one that only joins others, in languages without a list.
COMMON_ZIPF = 5.9
# wordfreq's smaller lists end here; what they lack is rarer.
RAREST_ZIPF = 3.0
CALENDAR = frozenset(map(str.casefold, [*calendar.day_name, *calendar.month_name]))
SHORT_CALENDAR_LETTERS = 2
LEMMA_CODES = {"no": "nb", "hr": "hbs", "sr": "hbs", "bs": "hbs", "sh": "hbs"}
FREQUENCY_CODES = {"no": "nb", "nn": "nb", "hr": "sh", "sr": "sh", "bs": "sh"}
ROMANCE = frozenset({"ca", "es", "fr", "gl", "it", "pt", "ro"})
STOP_WORD_CODES = {"cs": "cz", "nb": "no", "nn": "no"}


def language_of(text: str) -> str:
    """The code of the text's language, or "" where nothing tells it."""
    sample = " ".join(text[:READ_CHARACTERS].split())
    if not any(map(str.isalpha, sample)):
        return ""
    guesses = detector().detect(sample, k=GUESSES)
    if not guesses or guesses[0]["score"] >= SURE:
        return str(guesses[0]["lang"]) if guesses else ""
    return _by_words(sample, [str(guess["lang"]) for guess in guesses])


def _by_words(sample: str, languages: list[str]) -> str:
    """The language that knows most of the words; English first, from which technical phrases are, then the likelier."""
    words = [word for word in sample.casefold().split() if word.isalpha()]
    known = {
        language: sum(word in _frequencies(language) for word in words)
        for language in dict.fromkeys(["en", *languages])
    }
    best = max(known, key=lambda language: known[language], default="")
    return best if words and known.get(best, 0) * 2 >= len(words) else ""


@cache
def _frequencies(language: str) -> Mapping[str, float]:
    code = FREQUENCY_CODES.get(language, language)
    return wordfreq.get_frequency_dict(code, "small") if code in wordfreq.available_languages("small") else {}


def zipf(word: str, language: str) -> float:
    """How common a word in small letters is, from 3 (rare or unknown) to 8: the log of its count in 10⁹ words."""
    frequency = _frequencies(language).get(word)
    return math.log10(frequency) + 9 if frequency else RAREST_ZIPF


@cache
def stop_words(language: str) -> frozenset[str]:
    """Words in small letters that carry no topic: those that join others, and the names of weekdays and months."""
    package = find_spec("yake")
    assert package is not None and package.origin is not None  # noqa: S101 - a dependency
    code = STOP_WORD_CODES.get(language, language)
    path = Path(package.origin).parent / "core" / "StopwordsList" / f"stopwords_{code}.txt"
    listed = path.read_text(encoding="utf-8-sig", errors="replace").lower().split() if path.exists() else []
    return frozenset(listed) | calendar_words(language, with_relative=True)


@cache
def calendar_words(language: str, *, with_relative: bool = False) -> frozenset[str]:
    """The names of weekdays and months in small letters; on demand also words such as "ago" and "tomorrow"."""
    try:
        told = import_module(f"dateparser.data.date_translation_data.{language}").info
    except ModuleNotFoundError:
        return frozenset()
    listed = [value for key, value in told.items() if isinstance(value, list) and (with_relative or key in CALENDAR)]
    listed += told.get("relative-type", {}).values() if with_relative else []
    words = (word.casefold().rstrip(".") for value in listed for word in value if isinstance(word, str))
    return frozenset(word for word in words if with_relative or len(word) > SHORT_CALENDAR_LETTERS)


def carries_meaning(word: str, language: str) -> bool:
    return word not in stop_words(language) and zipf(word, language) < COMMON_ZIPF


@lru_cache(maxsize=100_000)
def lemma(word: str, language: str) -> str:
    """The dictionary form of a word, in small letters; the word itself where the language has no dictionary here.

    A longer form is an infinitive, which may as well be another word's (Dutch "fiets" is no form of "fietsen"); a
    Romance noun that is no plural has for its form a masculine adjective ("tinta" has "tinto"). Both are left out.
    """
    lowered = word.lower()
    if language in ROMANCE and not lowered.endswith(("s", "x", "i")):
        return lowered
    form = verb_form(word, language)
    return form if len(form) <= len(lowered) else lowered


@lru_cache(maxsize=100_000)
def verb_form(word: str, language: str) -> str:
    """The dictionary form of a word that is read as a verb, in small letters."""
    code = LEMMA_CODES.get(language, language)
    return (simplemma.lemmatize(word, code, low_memory=True) if code in SUPPORTED_LANGUAGES else word).lower()


@lru_cache(maxsize=100_000)
def is_ordinary(word: str, language: str) -> bool:
    """Whether a word in small letters is in the dictionary as anything but a name: "god" is, "james" is not."""
    code = LEMMA_CODES.get(language, language)
    if code not in SUPPORTED_LANGUAGES or not simplemma.is_known(word, code, low_memory=True):
        return False
    return simplemma.lemmatize(word, code, low_memory=True).islower() or language in ("de", "lb")
