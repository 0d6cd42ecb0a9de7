"""A text as the terms that a search by words compares. Called by the lexical index, for memories and queries alike."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise

import tantivy

# Whoever changes what a text's terms are changes this too: indexes made before are then built anew.
ANALYSIS = f"2 {version('tantivy')}"
LONGEST_WORD_BYTES = 80
# Between the people who take part in a memory and its words, where it is indexed.
SEPARATOR = "\x1f"
# English words that say nothing of what a text is about, and what is left of them at an apostrophe.
_STOP_WORDS = """
a about above after again against all am an and any are aren as at be because been before being below between both but
by can cannot could couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn
have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me might
more most must my myself no nor not now o of off on once only or other our ours ourselves out over own re s same shall
she should shouldn so some such t than that the their theirs them themselves then there these they this those through
to too under until up ve very was wasn we were weren what when where which while who whom whose why will with won would
wouldn y you your yours yourself yourselves
"""

# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U000323af])"
)


def terms(text: str) -> Sequence[str]:
    """The stems of a text's words in their order, without accents and English stop words."""
    return analyser().analyze(plain(text))


def row_terms(text: str) -> Sequence[str]:
    """What an index keeps of a row (people, `SEPARATOR`, words): its terms, each two side by side, and its people."""
    people, _, words = text.partition(SEPARATOR)
    found = terms(words)
    return [*terms(people), *found, *pairs(found), *map(person, dict.fromkeys(names(people)))]


def names(people: str) -> Sequence[str]:
    """The words of people's names, as they are written but for case and accents: Will is a name, will a stop word."""
    return namer().analyze(plain(people))


def pairs(found: Sequence[str]) -> Sequence[str]:
    """Terms side by side, as one term each."""
    return [f"{one}+{other}" for one, other in pairwise(found)]


def person(name: str) -> str:
    """A word of a person's name, as the term that stands where that person takes part."""
    return f"@{name}"


def plain(text: str) -> str:
    """The text as the analyser takes it: composed, valid, and with spaces where its script has none."""
    if text.isascii():
        return text
    valid = text.encode("utf-8", "replace").decode()
    return _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", valid))


@lru_cache(maxsize=1)
def analyser() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(_STOP_WORDS.split()))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@lru_cache(maxsize=1)
def splitter() -> tantivy.TextAnalyzer:
    """For terms that are found already: one blank between each two."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


@lru_cache(maxsize=1)
def namer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .build()
    )
