"""Names, links, files, quantities and times in a text, found by their form."""

import re
from collections.abc import Iterator
from functools import partial

from ingest.annotation import MAXIMUM_ENTITIES, Entity, EntityKind
from ingest.vocabulary import word_set, words

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
EXTENSION = (
    r"(?:py|md|txt|csv|json|jsonl|ya?ml|toml|sql|sh|js|ts|tsx|html|css|rs|go|java|c|h|cpp|ipynb|pdf|docx?|xlsx?"
    r"|png|jpe?g|zip"
    r"|tar|gz|log|ini|cfg|conf|parquet|db)"
)
# Each alternative begins at a border and is bounded, so that reading stays linear.
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
CAPITALISED = rf"[{UPPER_CASE}][\w’'-]{{0,40}}"
NAME = re.compile(rf"\b{CAPITALISED}(?:\s(?:(?:de|da|do|von|van|of|la)\s)?{CAPITALISED}){{0,3}}")
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
RANK: dict[EntityKind, int] = {"person": 0, "organisation": 1, "product": 2, "place": 3, "name": 4}


def entities(text: str, language: str) -> list[Entity]:
    """Entities in the order of the text: what has a form of its own first, then proper names."""
    found: dict[str, EntityKind] = {}
    for match in FORMED.finditer(text):
        kind: EntityKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        found.setdefault(match.group().strip("`").strip(), kind)
    for name, kind in _names(without_formed(text), language):
        if name not in found or RANK.get(kind, 9) < RANK.get(found[name], -1):
            found[name] = kind
    listed = [Entity(text=name, kind=kind) for name, kind in found.items() if 0 < len(name) <= ENTITY_CHARACTERS]
    return listed[:MAXIMUM_ENTITIES]


def without_formed(text: str) -> str:
    """The text with links, files, code, quantities and times cut out: what is left are words."""
    return FORMED.sub("|", text)


def _names(text: str, language: str) -> Iterator[tuple[str, EntityKind]]:
    """Proper names; a capital letter that only begins a sentence, or any German noun, is no name by itself."""
    matches = [match for match in map(partial(_proper, text, language), NAME.finditer(text)) if match]
    certain = {name for name, _, may_be_common in matches if not may_be_common}
    for name, kind, may_be_common in matches:
        if not may_be_common or name in certain:
            yield name, kind


def _proper(text: str, language: str, match: re.Match[str]) -> tuple[str, EntityKind, bool] | None:
    """A capitalised phrase without leading stop words, its kind, and whether it may as well be a common noun."""
    start = match.start()
    while start < match.end() and _is_common(re.split(r"\s", text[start : match.end()], maxsplit=1)[0], language):
        start += len(re.split(r"(?<=\s)", text[start : match.end()], maxsplit=1)[0])
    name = POSSESSIVE.sub("", text[start : match.end()].removesuffix(" I"))
    if len(name) < 2:
        return None
    kind = _kind(name, text[max(0, start - 12) : start], text[match.end() : match.end() + 14])
    is_weak = language == "de" or _starts_sentence(text, start)
    return name, kind, is_weak and kind in ("name", "place") and " " not in name


def _is_common(word: str, language: str) -> bool:
    lowered = POSSESSIVE.sub("", word.replace("’", "'").lower())
    if language == "en" and lowered.endswith("ed") and len(lowered) > 4:
        return True
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
