"""Finds proper names in a text, and which of them are people's.

In scripts with capitals a name is a capitalised phrase; the dictionary tells it from a word that only begins a sentence
or is a German noun. A title, a first name (Faker's lists, ninety countries), or a verb such as "said" or "thinks"
marks a person. In scripts without capitals it finds people alone, by lists of names and by titles.
"""

from collections.abc import Iterator

import regex

from ingest.annotation.languages import calendar_words, carries_meaning, is_ordinary, lemma, stop_words, verb_form, zipf
from ingest.annotation.name_lists import first_names, name_words, person_verbs, places
from ingest.annotation.schema import EntityKind
from ingest.annotation.uncased_names import people_without_capitals

CAPITALISED = r"(?:\p{Lu}\.(?:\s?\p{Lu}\.){0,4}|\p{Lu}[\p{L}\p{M}\p{N}_’'-]{0,40}\.?)"
# The small words within names.
PARTICLE = r"(?:of(?:\sthe)?|de(?:\sl[ao]s?|l|lla)?|d[aiou]|dos|la|v[ao]n(?:\sde[nr])?|bint?|ibn|ap|[fv]erch)"
# With the year of a recurring event and the number of one in a series: the 2024 Summer Games, Apollo 11.
NAME = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}_'’.-])(?:(?<=\b[Tt]he\s)(?:1[89]|20)\d\d\s)?{CAPITALISED}"
    rf"(?:\s(?:{PARTICLE}\s)?{CAPITALISED}){{0,6}}(?:\s[1-9]\d{{0,2}}(?!\w|[.,:]\d))?"
)
# A name continues on the next line only if the line is long enough to have been wrapped there.
SHORT_LINE = regex.compile(r"^([^\n]{0,59})$", regex.MULTILINE)
POSSESSIVE = regex.compile(r"['’]s?$")
PRODUCT = regex.compile(r"^[A-Za-z]+[a-z][A-Z]\w*$")
QUOTATION_MARKS = frozenset('"“”„«»')
QUOTED = regex.compile(r"[\"“„«]([^\s\"“”„«»][^\"“”„«»\n]{1,80}[^\s\"“”„«»])[\"”“»]")
PLACE_BEFORE = regex.compile(
    r"\b(?:in|near|around|towards|outside|from|i|nära|från|nach|bei|aus|à|en|em|na|no|w|we|в|из|у|з|στη|στο|στην)\s$",
    regex.IGNORECASE,
)
ORGANISATION = regex.compile(
    r"\b(?:Inc|Ltd|LLC|GmbH|AG|AB|SA|Universit\w+|Institut\w*|Hospital|Bank|Council|Museum|Agency|Ministry|Committee"
    r"|Church|Universidad\w*)\.?$"
)
PLACE_ENDING = regex.compile(r"\b(?:Street|Road|Avenue|Island|Bridge|River|Lake|Square|Station|Airport)$")
# A word so common is no one's name, unless a title or a first name says so.
COMMON_ZIPF = 4.5
TITLE_WORDS = regex.compile(r"\W*(?:[\p{Lu}\d]|\w{1,3}\b|(?:from|into|over|than|upon|with)\b)")
# After a capital letter and a full stop a new sentence begins, or a surname stands: vitamin B. The cat, T. Christie.
AFTER_INITIAL = regex.compile(r"(?<=\b\p{Lu}\.)\s(?=(\p{L}{2,40}))")
FULL_STOP = regex.compile(r"(?<!\p{L})(\p{L}{2,})\.\s(?=(\p{L}*))")
VOWEL = regex.compile(r"[aeiouyáéíóúäöüåæøàèаеиоуыэюяіїєαεηιουω]", regex.IGNORECASE)
LONGEST_ABBREVIATION = 4
SENTENCE_SIGNS = frozenset(".!?:;…\n|-–—#>")


def names(text: str, language: str) -> Iterator[tuple[str, EntityKind]]:
    """The names in a text, each with its kind, as often as it occurs."""
    yield from ((name, "person") for name in people_without_capitals(text, language))
    titles = [_quoted_title(quoted) for quoted in QUOTED.finditer(text)]
    yield from ((title, "name") for title in titles if title)
    bordered = SHORT_LINE.sub(r"\1|", QUOTED.sub(lambda quoted: "|" if _quoted_title(quoted) else quoted[0], text))
    bordered = AFTER_INITIAL.sub(lambda gap: " " if carries_meaning(gap[1].casefold(), language) else "|", bordered)
    found = [each for match in NAME.finditer(bordered) for each in _proper(bordered, match, language)]
    certain = {name for name, _, is_weak in found if not is_weak}
    people = {name.split()[-1] for name, kind, _ in found if kind == "person" and " of " not in name}
    for name, kind, is_weak in found:
        if not is_weak or name in certain:
            yield name, "person" if kind == "name" and name in people else kind


def _quoted_title(quoted: regex.Match[str]) -> str:
    """The quoted text, without a leading article, if it is written like a title of several words; else empty."""
    words = quoted[1].rstrip(".,;:").split()
    while words and words[0].lower() in ("the", "a", "an"):
        words = words[1:]
    capitals = [word for word in words if word != word.lower()]
    is_title = len(capitals) > 1 and capitals[-1] == words[-1] and all(map(TITLE_WORDS.match, words))
    return " ".join(words) if is_title and not regex.search(r"[.!?]\s", quoted[1]) else ""


def _proper(text: str, match: regex.Match[str], language: str) -> Iterator[tuple[str, EntityKind, bool]]:
    """The names in a capitalised phrase, each with its kind, and whether it may as well be an ordinary word."""
    start = match.start()
    for full_stop in FULL_STOP.finditer(match[0]):
        if not _is_abbreviation(match[0][: full_stop.end(1)], full_stop[2], language):
            end = match.start() + full_stop.end(1)
            yield from _one_name(text, start, end, language)
            start = end + 2
    yield from _one_name(text, start, match.end(), language)


def _is_abbreviation(phrase: str, following: str, language: str) -> bool:
    """Whether a phrase ends with a short form, and not with its sentence: Mr. Moore, Sir Thos. Harvey, St. James."""
    *before, last = phrase.split()
    if len(last) > LONGEST_ABBREVIATION or following.casefold() in stop_words(language):
        return False
    return _is_title(last) or not VOWEL.search(last) or (before[-1:] != [] and _is_title(before[-1]))


def _is_title(word: str) -> bool:
    return word.casefold().rstrip(".") in name_words("titles")


def _one_name(text: str, start: int, end: int, language: str) -> Iterator[tuple[str, EntityKind, bool]]:
    words = text[start:end].split()
    begins = _starts_sentence(text, start)
    while words and _is_before_name(words, begins, language):
        start += len(words[0])
        start += len(text[start:end]) - len(text[start:end].lstrip())
        words, begins = words[1:], False
    while words and (
        _is_title(words[-1]) or words[-1] == "I" or (len(words) > 1 and words[-1].lower() in stop_words(language))
    ):
        words = words[:-1]
    name = POSSESSIVE.sub("", " ".join(words))
    name = name if len(words) > 1 and regex.search(r"\.\s?\p{Lu}\.$", name) else name.rstrip(".")
    if len(name) < 2 or name.isdecimal():
        return
    before = text[max(0, start - 16) : start]
    kind = _kind(name, before, text[end : end + 24], language, begins=_starts_sentence(text, start))
    kin = before.split()[-1:] if kind == "person" and before.endswith(" ") else []
    yield (
        " ".join([*(word for word in kin if word in name_words("kin")), name]),
        kind,
        _is_weak(text, start, end, name, kind, language),
    )


def _is_weak(text: str, start: int, end: int, name: str, kind: EntityKind, language: str) -> bool:
    """Whether a capitalised word may as well be an ordinary one: it begins a sentence, or is a German noun."""
    is_quoted = text[start - 1 : start] in QUOTATION_MARKS and text[end : end + 1] in QUOTATION_MARKS
    is_alone = sum(not word.isdecimal() for word in name.split()) == 1
    if kind not in ("name", "place") or is_quoted or not is_alone:
        return False
    begins = _starts_sentence(text, start)
    return begins or (language == "de" and kind == "name" and is_ordinary(name.casefold(), "de"))


def _is_before_name(words: list[str], begins: bool, language: str) -> bool:
    """Whether the first word is no part of the name: it begins a sentence, or names a day, a language or an article."""
    lowered = POSSESSIVE.sub("", words[0].replace("’", "'")).casefold().rstrip(".")
    if lowered in ("i", "i'm", "i'll", "i've", "i'd", "the", "a", "an") or lowered in calendar_words(language):
        return True
    if _is_title(words[0]):
        return len(words) == 1
    if begins or language == "de":
        common = lowered in stop_words(language) or zipf(lowered, language) >= COMMON_ZIPF
        inflected = language == "en" and begins and lemma(lowered, "en") != lowered
        return (common or inflected) and is_ordinary(lowered, language) and words[0] not in first_names()
    return len(words) == 1 and lowered in stop_words(language)


def _starts_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 4) : start].rstrip(" \"'“”«»*_(")
    return not before or before[-1] in SENTENCE_SIGNS


def _kind(name: str, before: str, after: str, language: str, *, begins: bool) -> EntityKind:
    if ORGANISATION.search(name):
        return "organisation"
    if PRODUCT.search(name):
        return "product"
    if PLACE_ENDING.search(name):
        return "place"
    if _is_person(name, before, after, language, begins=begins):
        return "person"
    return "place" if not name.isupper() and PLACE_BEFORE.search(before) else "name"


def _is_person(name: str, before: str, after: str, language: str, *, begins: bool) -> bool:
    first, *others = name.split()
    said_before = before.split()[-1] if before.endswith(" ") and before.strip() else ""
    if (_is_title(first) and others) or _is_title(said_before):
        return True
    if name.isupper():
        return False
    lowered = first.casefold()
    is_common = language != "de" and zipf(lowered, language) >= COMMON_ZIPF and is_ordinary(lowered, language)
    may_be_other = (begins and is_common) or first in places() or PLACE_BEFORE.search(before)
    if first in first_names() and (others or not may_be_other):
        return True
    # A word that begins a sentence is a name only if it is no word.
    may_be_word = is_common or (begins and ("-" in lowered or is_ordinary(lowered, language)))
    if may_be_word and not others:
        return False
    said_after = regex.match(r"['’]?s?\s(\p{L}+)(\sI\b)?", after)
    if said_after and (_says(said_after[1], language) or (said_after[1] == "and" and said_after[2])):
        return True
    return before.endswith(" I and ") or _says(said_before, language)


def _says(verb: str, language: str) -> bool:
    return verb.islower() and verb_form(verb, language) in person_verbs(language)
