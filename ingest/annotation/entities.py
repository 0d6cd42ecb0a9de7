"""Finds names, links, files, quantities and times in a text by their form."""

import re
from collections.abc import Iterator
from functools import partial

from ingest.annotation.schema import MAXIMUM_ENTITIES, Entity, EntityKind
from ingest.annotation.vocabulary import word_set, words

ENTITY_CHARACTERS = 200
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
UNIT = (
    r"(?:%|‰|°[CF]?|[mcdk]?m[²³]?|[µmk]?g|[mcd]?l|m?s|min|h|hrs?|[kKMGT]i?B|k?Wh?|k?V|mA|[kMG]?Hz|kr|SEK|EUR"
    r"|USD|GBP|[€$£¥]"
    r"|percent|euros?|dollars?|pounds?|kronor|(?:centi|milli|kilo)?met(?:re|er)s?|kilograms?|kilos?|grams?"
    r"|lit(?:re|er)s?"
    r"|miles?|degrees|seconds|minutes|hours|days|weeks|months|years)(?:/(?:s|h|min|day|year))?"
)
MONTHS = word_set("january february march april may june july august september october november december")
EXTENSION = (
    r"(?:py|md|txt|csv|json|jsonl|ya?ml|toml|sql|sh|js|ts|tsx|html|css|rs|go|java|c|h|cpp|ipynb|pdf|docx?|xlsx?"
    r"|png|jpe?g|zip"
    r"|tar|gz|log|ini|cfg|conf|parquet|db)"
)
# Each alternative begins at a border and is bounded, so that matching stays linear.
FORMED = re.compile(
    rf"""
    (?P<url>\b(?:https?://|www\.)[^\s<>"')\]]{{1,180}}[^\s<>"')\].,;:!?])
    | (?P<code>`[^`\n]{{1,120}}` | \b[A-Za-z]\w{{0,60}}\(\) | \b[a-z]{{1,40}}(?:_[a-z\d]{{1,40}}){{1,6}}\b)
    | (?P<file>(?<![\w./~-])(?:~|\.{{1,2}})?/?(?:[\w.-]{{1,60}}/){{0,8}}[\w-][\w.-]{{0,60}}\.{EXTENSION}\b)
    | (?P<mention>(?<![\w.+@-])(?:[\w.+-]{{1,64}})?@[^\W_][\w.-]{{1,60}}\b)
    | (?P<time>\b\d{{4}}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?\b
        | (?<![\d.,:])\d{{1,2}}(?::\d\d){{1,2}}(?:\s?[ap]m)?\b | \b\d{{1,2}}\s?[ap]m\b
        | \b\d{{1,2}}(?:st|nd|rd|th)?\s(?i:{MONTH})(?:\s\d{{4}})?\b | \b(?i:{MONTH})\s\d{{1,2}}(?:,?\s\d{{4}})?\b
        | \b[A-Z](?<=[MTWFS])[a-z]+(?<=day)s?\b)
    | (?P<quantity>[€$£¥]\s?\d[\d.,]{{0,20}} | (?<![\w.,])-?\d{{1,15}}(?:[.,\s]\d{{1,9}}){{0,3}}\s?-?{UNIT}(?![\w]))
    """,
    re.VERBOSE,
)
UPPER_CASE = "".join(filter(str.isupper, map(chr, range(0x530))))
# A word with a capital letter, initials as in J. R. R. Tolkien or U.S., and the small words within names.
CAPITALISED = rf"(?:[{UPPER_CASE}]\.(?:\s?[{UPPER_CASE}]\.){{0,4}}|[{UPPER_CASE}][\w’'-]{{0,40}})"
PARTICLE = r"(?:of(?:\sthe)?|de(?:\sl[ao]s?|l|lla)?|d[aiou]|dos|la|v[ao]n(?:\sde[nr])?|bint?|ibn|ap|[fv]erch)"
# Includes the year of a recurring event and the number of one in a series: the 2024 Summer Games, Apollo 11.
NAME = re.compile(
    rf"\b(?:(?<=\b[Tt]he\s)(?:1[89]|20)\d\d\s)?"
    rf"{CAPITALISED}(?:\s(?:{PARTICLE}\s)?{CAPITALISED}){{0,6}}(?:\s[1-9]\d{{0,2}}(?!\w|[.,:]\d))?"
)
WIKILINK = re.compile(r"\[\[([^\[\]|#\n]{1,120})(?:[|#][^\[\]\n]{0,120})?\]\]")
# A name continues on the next line only if the line is long enough to have been wrapped there.
SHORT_LINE = re.compile(r"^([^\n]{0,59})$", re.MULTILINE)
ONE_WORD = re.compile(r"\S+(?:\s\d+)?$")
PAST = re.compile(r"\w{3,}ed\b")
QUOTATION_MARKS = frozenset('"“”„«»')
ACRONYM = re.compile(r"\.\s?\w\.$")
AFTER_INITIAL = re.compile(rf"(?<=\b[{UPPER_CASE}]\.)\s(?=(\w{{2,40}}))")
QUOTED = re.compile(r"[\"“„«]([^\s\"“”„«»][^\"“”„«»\n]{1,80}[^\s\"“”„«»])[\"”“»]")
NEXT_SENTENCE = re.compile(r"[.!?]\s")
TITLE_WORD = re.compile(rf"\W*(?:[{UPPER_CASE}\d]|\w{{1,3}}\b|(?:from|into|over|than|upon|with)\b)")
PERSON_VERB = re.compile(
    r"['’]?s?\s(?:said|says|asked|asks|wants|told|tells|thinks|thought|warns|warned|laughed|smiled|rang|called"
    r"|phoned|wrote"
    r"|writes|promised|showed|brought|knows|joined|joins|suggested|agreed|blames|noticed|wonders|and I|sa|sade"
    r"|frågade|tycker"
    r"|ringde|sagte|fragt|fragte|meint|dit|pense|demande|dijo|piensa|disse|acha|perguntou)\b"
)
PERSON_BEFORE = re.compile(r"\b(?:(?:Dr|Mr|Mrs|Ms|Prof|Herr|Frau|Mme|Sra?|Dona)\.?|told|asked|met|phoned|thanked)\s$")
PLACE_BEFORE = re.compile(r"\b(?:in|near|around|towards|outside|i|nära|nach|bei|à|en|em)\s$")
POSSESSIVE = re.compile(r"['’]s?$")
ORGANISATION = re.compile(
    r"\b(?:Inc|Ltd|LLC|GmbH|AG|AB|SA|University|Institute|Hospital|Bank|Council|Museum|Agency|Ministry|Committee"
    r"|Church|Universität|Institut|Universidad|Universidade|Université)\.?$"
)
PLACE_ENDING = re.compile(r"\b(?:Street|Road|Avenue|Island|Bridge|River|Lake|Square|Station|Airport)$")
PRODUCT = re.compile(r"^[A-Za-z]+[a-z][A-Z]\w*$")
NEVER_NAMES = word_set("""
    i i'm i'll i've i'd english swedish german french spanish portuguese italian dutch danish japanese chinese todo goal
    next note update edit fixed done
""")
ARTICLES = word_set("the a an")
BEFORE_NAMES = NEVER_NAMES | ARTICLES | MONTHS | word_set("mr mrs ms dr")
MEASURES: frozenset[EntityKind] = frozenset({"quantity", "time"})
RANK: dict[EntityKind, int] = {"person": 0, "organisation": 1, "product": 2, "place": 3, "name": 4}


def entities(text: str, language: str) -> list[Entity]:
    """Finds entities: linked notes, those that FORMED matches, titles in quotation marks, names; measures come last."""
    found: dict[str, EntityKind] = dict.fromkeys(map(_linked, WIKILINK.finditer(text)), "name")
    for match in FORMED.finditer(text):
        kind: EntityKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        found.setdefault(match.group().strip("`").strip(), kind)
    words_only = without_formed(text)
    found |= {title: found.get(title, "name") for title in map(_title, QUOTED.finditer(words_only)) if title}
    for name, kind in _names(QUOTED.sub(_unless_title, words_only), language):
        if name not in found or RANK.get(kind, 9) < RANK.get(found[name], -1):
            found[name] = kind
    listed = [Entity(text=name, kind=kind) for name, kind in found.items() if 0 < len(name) <= ENTITY_CHARACTERS]
    return sorted(listed, key=lambda entity: entity.kind in MEASURES)[:MAXIMUM_ENTITIES]


def without_formed(text: str) -> str:
    """The text with everything that FORMED matches cut out, which leaves words."""
    return FORMED.sub("|", text)


def _linked(link: re.Match[str]) -> str:
    """The title of the note that a wikilink leads to, without its folder."""
    return link.group(1).rpartition("/")[2].strip()


def _title(quoted: re.Match[str]) -> str:
    """The quoted text, without a leading article, if it is written like a title of several words; else empty."""
    title = quoted.group(1).rstrip(".,;:")
    parts = title.split()
    while parts and parts[0].lower() in ARTICLES:
        parts = parts[1:]
    capitals = [part for part in parts if part != part.lower()]
    is_title = len(capitals) > 1 and capitals[-1] == parts[-1] and all(map(TITLE_WORD.match, parts))
    return " ".join(parts) if is_title and not NEXT_SENTENCE.search(title) else ""


def _unless_title(quoted: re.Match[str]) -> str:
    return "|" if _title(quoted) else quoted.group()


def _bordered(text: str, language: str) -> str:
    """The text with a `|` where no name continues: at the end of a short line, and before a new sentence."""
    lines = SHORT_LINE.sub(r"\1|", text)
    return AFTER_INITIAL.sub(lambda space: "|" if _is_common(space.group(1), language) else " ", lines)


def _names(text: str, language: str) -> Iterator[tuple[str, EntityKind]]:
    """Yields proper names; the first word of a sentence, or a German noun, is no name by its capital letter alone."""
    bordered = _bordered(text, language)
    matches = [match for match in map(partial(_proper, bordered, language), NAME.finditer(bordered)) if match]
    certain = {name for name, _, may_be_common in matches if not may_be_common}
    for name, kind, may_be_common in matches:
        if not may_be_common or name in certain:
            yield name, kind


def _proper(text: str, language: str, match: re.Match[str]) -> tuple[str, EntityKind, bool] | None:
    """A capitalised phrase without leading stop words, its kind, and whether it may as well be a common noun."""
    start = match.start()
    while start < match.end() and _is_before_name(text, start, match.end(), language):
        start += len(re.split(r"(?<=\s)", text[start : match.end()], maxsplit=1)[0])
    name = _trimmed(text[start : match.end()])
    if len(name) < 2 or name.isdecimal():
        return None
    kind = _kind(name, text[max(0, start - 12) : start], text[match.end() : match.end() + 14])
    is_quoted = text[start - 1 : start] in QUOTATION_MARKS and text[match.end() : match.end() + 1] in QUOTATION_MARKS
    is_weak = not is_quoted and (language == "de" or _starts_sentence(text, start))
    return name, kind, is_weak and kind in ("name", "place") and ONE_WORD.match(name) is not None


def _is_before_name(text: str, start: int, end: int, language: str) -> bool:
    """Whether the first word is no part of the name; a capital within a sentence makes it one, except BEFORE_NAMES."""
    word, *others = text[start:end].split(maxsplit=1)
    if _starts_sentence(text, start) and PAST.match(word) and language == "en":
        return True
    if language == "de" or not others or _starts_sentence(text, start):
        return _is_common(word, language)
    return POSSESSIVE.sub("", word.lower()) in BEFORE_NAMES


def _trimmed(name: str) -> str:
    """The name without a possessive ending, and without a full stop at its end, unless it is an acronym."""
    trimmed = POSSESSIVE.sub("", " ".join(name.split()).removesuffix(" I"))
    return trimmed if ACRONYM.search(trimmed) else trimmed.removesuffix(".")


def _is_common(word: str, language: str) -> bool:
    lowered = POSSESSIVE.sub("", word.replace("’", "'").lower())
    return lowered in NEVER_NAMES or lowered in words("stop", language) or lowered in words("stop", "en")


def _kind(name: str, before: str, after: str) -> EntityKind:
    if name.isupper():
        return "name"
    if ORGANISATION.search(name):
        return "organisation"
    if PRODUCT.search(name):
        return "product"
    if PERSON_BEFORE.search(before) or PERSON_VERB.match(after):
        return "person"
    return "place" if PLACE_ENDING.search(name) or PLACE_BEFORE.search(before) else "name"


def _starts_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 4) : start].rstrip(" \"'“”«»*_(")
    return not before or before[-1] in ".!?:;…\n|-–—#>"
