"""Finds proper names in a text, and which of them are people's.

In scripts with capitals a name is a capitalised phrase; the dictionary tells it from a word that only begins a sentence
or is a German noun. A person is told by a title, by a first name (Faker's lists, ninety countries), or by saying or
thinking something. In scripts without capitals only people are found, by lists of names and by titles.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module, resources
from pkgutil import iter_modules

import faker.providers.person
import regex

from ingest.annotation.languages import calendar_words, carries_meaning, is_ordinary, lemma, stop_words, verb_form, zipf
from ingest.annotation.schema import EntityKind
from ingest.annotation.segments import UNSPACED, tokens

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
# Titles before a person's name: of courtesy, rank, office and kinship, with and without a full stop.
TITLES = frozenset(
    "mr mrs ms miss dr prof sir lord lady madam dame master captain capt colonel col major general admiral lieutenant"
    " sergeant commissioner alderman president king queen prince princess duke duchess earl count countess baron"
    " baroness bishop pope father mother brother sister uncle aunt cousin herr frau fru monsieur madame mme mlle señor"
    " señora sr sra don dona signor signora pan pani пан пані г-н г-жа κύριος κυρία κ".split()
)
KIN = frozenset("father mother brother sister uncle aunt cousin".split())
HONORIFICS_AFTER = {
    "ja": ("さん", "さま", "様", "くん", "君", "ちゃん", "氏", "先生"),
    "zh": ("先生", "女士", "小姐", "老师"),
    "ko": ("씨", "님", "선생님"),
}
HONORIFICS_BEFORE = {
    "hi": ("श्री", "श्रीमती"), "ar": ("السيد", "السيدة", "الأستاذ", "الدكتور"), "he": ("מר", "גברת", "ד״ר"),
    "th": ("คุณ", "นาย", "นาง", "นางสาว"),
}  # fmt: skip
NAME_COUNTRIES = {
    "ar": "ar_AA", "bn": "bn_BD", "fa": "fa_IR", "gu": "gu_IN", "he": "he_IL", "hi": "hi_IN", "hy": "hy_AM",
    "ja": "ja_JP", "ka": "ka_GE", "ko": "ko_KR", "mr": "mr_IN", "ne": "ne_NP", "ta": "ta_IN", "th": "th_TH",
    "zh": "zh_CN",
}  # fmt: skip
SURNAME_FIRST = frozenset({"ja", "zh", "ko"})
# Only people do these, and only people are met, whatever the form of the verb: say, tell, ask, answer, think, laugh, meet.
PERSON_VERBS = {
    "en": "say tell ask answer think laugh smile promise agree reply meet thank",
    "de": "sagen erzählen fragen antworten denken meinen lachen treffen", "da": "sige fortælle spørge svare tænke møde",
    "nl": "zeggen vertellen vragen denken vinden lachen ontmoeten", "nb": "si fortelle spørre svare tenke le møte",
    "sv": "säga berätta fråga svara tycka tänka skratta träffa", "fi": "sanoa kertoa kysyä vastata ajatella tavata",
    "fr": "dire raconter demander répondre penser rire rencontrer", "es": "decir contar preguntar responder pensar reír",
    "pt": "dizer contar perguntar responder pensar achar rir", "tr": "demek söylemek sormak tanışmak",
    "it": "dire raccontare chiedere rispondere pensare ridere incontrare", "el": "λέω ρωτάω απαντάω σκέφτομαι συναντάω",
    "pl": "powiedzieć mówić pytać zapytać myśleć spotkać", "ru": "сказать говорить спросить ответить думать встретить",
    "uk": "сказати говорити спитати відповісти думати зустріти",
}  # fmt: skip
PLACE_BEFORE = regex.compile(
    r"\b(?:in|near|around|towards|outside|from|i|nära|från|nach|bei|aus|à|en|em|a|w|z|в|из|у|з|στη|στο|στην)\s$",
    regex.IGNORECASE,
)
ORGANISATION = regex.compile(
    r"\b(?:Inc|Ltd|LLC|GmbH|AG|AB|SA|Universit\w+|Institut\w*|Hospital|Bank|Council|Museum|Agency|Ministry|Committee"
    r"|Church|Universidad\w*)\.?$"
)
PLACE_ENDING = regex.compile(r"\b(?:Street|Road|Avenue|Island|Bridge|River|Lake|Square|Station|Airport)$")
# A word so common is no one's name, unless a title or a first name says so.
COMMON_ZIPF = 4.5
# In scripts without capitals a text's own names raise the count of the word: Mary is as common as a word.
COMMON_NAME_ZIPF = 5.2
FEWEST_COUNTRIES = 2
LATIN_END = "\u024f"
TITLE_WORDS = regex.compile(r"\W*(?:[\p{Lu}\d]|\w{1,3}\b|(?:from|into|over|than|upon|with)\b)")
# After one capital letter and a full stop a new sentence may begin, or a surname stand: vitamin B. The cat, T. Christie.
AFTER_INITIAL = regex.compile(r"(?<=\b\p{Lu}\.)\s(?=(\p{L}{2,40}))")
FULL_STOP = regex.compile(r"(?<!\p{L})(\p{L}{2,})\.\s(?=(\p{L}*))")
VOWEL = regex.compile(r"[aeiouyáéíóúäöüåæøàèаеиоуыэюяіїєαεηιουω]", regex.IGNORECASE)
LONGEST_ABBREVIATION = 4
SENTENCE_SIGNS = frozenset(".!?:;…\n|-–—#>")


def names(text: str, language: str) -> Iterator[tuple[str, EntityKind]]:
    """The names in a text, each with its kind, as often as it occurs."""
    if language in HONORIFICS_AFTER or language in NAME_COUNTRIES:
        yield from ((name, "person") for name in _people_without_capitals(text, language))
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
    return word.casefold().rstrip(".") in TITLES


def _one_name(text: str, start: int, end: int, language: str) -> Iterator[tuple[str, EntityKind, bool]]:
    words = text[start:end].split()
    begins = _starts_sentence(text, start)
    while words and _is_before_name(words, begins, language):
        start += len(words[0])
        start += len(text[start:end]) - len(text[start:end].lstrip())
        words, begins = words[1:], False
    while words and (_is_title(words[-1]) or words[-1] == "I" or (len(words) > 1 and words[-1].lower() in stop_words(language))):
        words = words[:-1]
    name = POSSESSIVE.sub("", " ".join(words))
    name = name if len(words) > 1 and regex.search(r"\.\s?\p{Lu}\.$", name) else name.rstrip(".")
    if len(name) < 2 or name.isdecimal():
        return
    before = text[max(0, start - 16) : start]
    kind = _kind(name, before, text[end : end + 24], language, begins=_starts_sentence(text, start))
    kin = before.split()[-1:] if kind == "person" and before.endswith(" ") else []
    yield " ".join([*(word for word in kin if word in KIN), name]), kind, _is_weak(text, start, end, name, kind, language)


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
    may_be_other = (begins and is_common) or first in _places() or PLACE_BEFORE.search(before)
    if first in first_names() and (others or not may_be_other):
        return True
    if is_common and not others:
        return False
    said_after = regex.match(r"['’]?s?\s(\p{L}+)(\sI\b)?", after)
    with_me = (said_after and said_after[1] == "and" and said_after[2]) or before.endswith(" I and ")
    return bool(with_me) or _says(said_before, language) or (bool(said_after) and _says(said_after[1], language))


@cache
def _person_verbs(language: str) -> frozenset[str]:
    return frozenset(PERSON_VERBS.get(language, "").split())


def _says(verb: str, language: str) -> bool:
    return verb.islower() and verb_form(verb, language) in _person_verbs(language)


@cache
def first_names() -> frozenset[str]:
    """First names as they are written; in Latin letters only those that two countries have."""
    counts: dict[str, int] = {}
    for module in iter_modules(faker.providers.person.__path__):
        if module.name != "en":
            for name in _listed(module.name, "first_names"):
                counts[name] = counts.get(name, 0) + 1
    return frozenset(
        name for name, count in counts.items() if len(name) > 1 and (count >= FEWEST_COUNTRIES or name[0] > LATIN_END)
    )


@cache
def _places() -> frozenset[str]:
    """Countries and large cities, as the database of time zones names them in English: France is no woman by itself."""
    folder = resources.files("tzdata.zoneinfo")
    rows = [*(folder / "iso3166.tab").read_text("utf-8").splitlines(), *(folder / "zone.tab").read_text("utf-8").splitlines()]
    named = (row.split("\t")[-1 if row.count("\t") == 1 else 2] for row in rows if row[:1] not in ("#", ""))
    return frozenset(name.rpartition("/")[2].replace("_", " ") for name in named)


@cache
def _listed(country: str, what: str) -> frozenset[str]:
    provider = import_module(f"faker.providers.person.{country}").Provider
    found = (getattr(provider, f"{what}{suffix}", ()) for suffix in ("", "_male", "_female"))
    return frozenset(str(name) for each in found if not isinstance(each, property) for name in each)


def _people_without_capitals(text: str, language: str) -> Iterator[str]:
    country = NAME_COUNTRIES.get(language, "")
    first, last = _listed(country, "first_names"), _listed(country, "last_names")
    words = [token.text for token in tokens(text, language)]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name = _name_in(word, following, language, first, last)
        if name:
            yield name


def _name_in(word: str, following: str, language: str, first: frozenset[str], last: frozenset[str]) -> str:
    """The person that a word names, by a title or by the lists of names; "" where it names none."""
    honorific = regex.search("(?:" + "|".join(HONORIFICS_AFTER.get(language, ("$^",))) + ")", word)
    if honorific and honorific.start() > 0:
        return word[: honorific.start()]
    if word in HONORIFICS_BEFORE.get(language, ()):
        return following
    if language in SURNAME_FIRST:
        stem = regex.match(r"[\p{Han}々]{2,4}|\p{Hangul}{3}", word)
        given = stem[0][1:] if stem else ""
        longer = next((one for one in last if len(one) > 1 and stem and stem[0].startswith(one)), "")
        known = bool(stem) and (stem[0][:1] in last and given in first or (longer and stem[0] != longer))
        unlisted = bool(stem) and language == "zh" and stem[0][0] in last and zipf(stem[0], "zh") <= 3
        return stem[0] if stem and len(stem[0]) < 4 and (known or unlisted) else (stem[0] if known else "")
    if word in first and zipf(word, language) < COMMON_NAME_ZIPF:
        return f"{word} {following}" if following in last else word
    return ""
