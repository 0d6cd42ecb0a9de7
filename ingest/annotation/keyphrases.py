"""Finds the keyphrases of a text: words that are rarer in their language than in the text, and what they form together.

As in RAKE (Rose et al. 2010), words without a topic split the text into phrases. A word weighs as much as it is rare in
the language (the inverse document frequency of Spärck Jones 1972, from wordfreq), and more where it recurs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from ingest.annotation.languages import carries_meaning, is_ordinary, lemma, zipf
from ingest.annotation.schema import MAXIMUM_TOPIC_WORDS, MAXIMUM_TOPICS, TOPIC_CHARACTERS, normalised_topic
from ingest.annotation.segments import UNSPACED, Token, tokens

ELISION = regex.compile(r"^(?:[ldjnmtscLDJNMTSC]|[qQ]u)['’](?=\p{L}{2})")
POSSESSIVE = regex.compile(r"['’]s?$")
# A word of Japanese or Chinese without the particles and endings, in kana, that follow it.
JAPANESE_STEM = regex.compile(r"^(?:[\p{Han}々]+|[\p{Katakana}ー]+)")
# The endings of Korean nouns, which no dictionary here removes.
KOREAN_ENDING = regex.compile(
    r"^(\p{Hangul}{2,}?)(?:에서는|에서|으로|에게|까지|부터|은|는|이|가|을|를|에|의|로|와|과|도|만)$"
)
# An ordinal or a measure: 3rd, 8am. In capitals, as in 2FA, it is a name.
NUMBERED = regex.compile(r"\d+\p{Ll}{1,2}")
NOTHING_ZIPF = 7.5
VERB_SHARE = 0.5
# A phrase of two words says more than each of them, but not twice as much.
PHRASE_SHARES = {1: 1.0, 2: 0.75, 3: 0.45}
RECURRENCE = 0.7
HALF_PLACE = 200
WEAKEST_SHARE = 0.3
LEAST_WEIGHT = 1.1
COMMON_FIRST_ZIPF = 4.5


@dataclass(frozen=True, slots=True)
class Word:
    """A word that may be part of a topic, in its dictionary form."""

    written: str
    form: str
    weight: float
    place: int
    is_verb: bool = False
    is_name: bool = False


@dataclass(slots=True)
class PhraseCandidate:
    """A phrase that may be a topic."""

    topic: str
    weight: float
    place: int
    count: int = 1


def keyphrases(text: str, language: str, skipped: frozenset[str] = frozenset()) -> list[str]:
    """The topics of a text, the most typical first; `skipped` are names in small letters that are none."""
    found: dict[str, PhraseCandidate] = {}
    for run in _runs(tokens(text, language), language):
        for candidate in _candidates(run):
            known = found.setdefault(candidate.topic, candidate)
            if known is not candidate:
                known.count += 1
                known.weight = max(known.weight, candidate.weight)
    return _best([one for one in found.values() if 0 < len(one.topic) <= TOPIC_CHARACTERS and one.topic not in skipped])


def _runs(found: Sequence[Token], language: str) -> Iterator[list[Word]]:
    """Words with a meaning that stand next to one another. A verb stands alone."""
    run: list[Word] = []
    for place, token in enumerate(found):
        word = _word(token, place, language) if token.is_word else None
        ends = token.text.endswith(("'s", "’s", "s'", "s’"))
        if word and not word.is_verb:
            run.append(word)
            if not ends:
                continue
        if run:
            yield run
            run = []
        if word and word.is_verb:
            yield [word]
    if run:
        yield run


def _word(token: Token, place: int, language: str) -> Word | None:
    """The word in its dictionary form, or None if it carries no topic."""
    written = POSSESSIVE.sub("", ELISION.sub("", token.text)).replace("’", "'")
    lowered = written.lower()
    if UNSPACED.match(lowered):
        stem = JAPANESE_STEM.match(lowered) if language == "ja" else None
        lowered = stem[0] if stem else ("" if language == "ja" else lowered)
    if language == "ko":
        lowered = KOREAN_ENDING.sub(r"\1", lowered)
    if not lowered or lowered.isdecimal() or not carries_meaning(lowered, language):
        return None
    if NUMBERED.fullmatch(written):
        return None
    has_case = written.lower() != written.upper()
    if (len(lowered) == 1 and not UNSPACED.match(lowered)) or (
        len(lowered) == 2 and has_case and not written.isupper()
    ):
        return None
    is_name = token.is_capitalised and language != "de" and not is_ordinary(lowered, language)
    form = lowered if is_name else lemma(written if language == "de" else lowered, language)
    commonness = max(zipf(lowered, language), zipf(form, language))
    if not is_name and not carries_meaning(form, language):
        return None
    is_verb = not is_name and _is_verb(token, lowered, form, language)
    common_first = token.starts_sentence and language != "de" and zipf(lowered, language) >= COMMON_FIRST_ZIPF
    weight = (NOTHING_ZIPF - commonness) * (VERB_SHARE if is_verb or common_first else 1)
    return Word(lowered, form, weight, place, is_verb or common_first, is_name)


def _is_verb(token: Token, lowered: str, form: str, language: str) -> bool:
    """Whether the form of a word makes it no noun: a small letter in German; no plural, but inflected, in English."""
    if language == "de":
        return token.text[0].islower()
    return language == "en" and form != lowered and not lowered.endswith("s")


def _candidates(run: Sequence[Word]) -> Iterator[PhraseCandidate]:
    """Each word, and each two or three neighbours: in a phrase only the last word is in its dictionary form."""
    for length in range(1, min(len(run), MAXIMUM_TOPIC_WORDS) + 1):
        for start in range(len(run) - length + 1):
            part = run[start : start + length]
            if length > 1 and any(UNSPACED.match(word.written) for word in part):
                continue
            topic = " ".join([*(word.written for word in part[:-1]), part[-1].form])
            weight = sum(word.weight for word in part) * PHRASE_SHARES[length]
            yield PhraseCandidate(normalised_topic(topic), weight, run[start].place)


def _best(candidates: Sequence[PhraseCandidate]) -> list[str]:
    """The highest-ranked topics that do not repeat one another; a note of few words gets few."""
    word_counts: Counter[str] = Counter()
    for candidate in candidates:
        if " " not in candidate.topic:
            word_counts[candidate.topic] += candidate.count
    ranked = sorted(
        ((one.weight * one.count**RECURRENCE / (1 + one.place / HALF_PLACE), one) for one in candidates),
        key=lambda pair: (-pair[0], pair[1].place, -len(pair[1].topic)),
    )
    limit = min(MAXIMUM_TOPICS, 2 + len(word_counts) // 3)
    chosen: list[tuple[set[str], str]] = []
    for weight, candidate in ranked:
        parts = set(candidate.topic.split())
        if len(chosen) == limit or weight < max(LEAST_WEIGHT, WEAKEST_SHARE * ranked[0][0]):
            break
        if not any(parts & other for other, _ in chosen):
            chosen.append((parts, candidate.topic))
    return [topic for _, topic in chosen]
