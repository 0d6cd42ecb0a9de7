"""Finds secrets by the name before them: `password: …`, `"token" = "…"`, a block of YAML, `the password is …`.

A text is searched for names once; the forms that may follow one are then tried in turn. Repetition is bounded or
possessive, so time is linear in the text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.redaction.secret_words import (
    PASSWORD_WORDS,
    SECRET_WORDS,
    SHORT_PASSWORD_WORDS,
    TELLING_SIGNS,
    TELLING_WORDS,
)


class FoundSecret(NamedTuple):
    """The span of a secret in a text, and its kind."""

    start: int
    end: int
    kind: str


def _alternatives(words: Sequence[str]) -> str:
    return "|".join("[ _-]?".join(map(re.escape, word.split())) for word in words)


# A text without any of these names no secret; looking for them first is ten times faster.
STEMS = {max(word.split(), key=len) for word in PASSWORD_WORDS + SHORT_PASSWORD_WORDS + SECRET_WORDS}
PASSWORD_NAME = rf"(?P<password>{_alternatives(PASSWORD_WORDS)}|(?<![a-z])(?:{_alternatives(SHORT_PASSWORD_WORDS)}))"
ANY_NAME = rf"(?:{PASSWORD_NAME}|{_alternatives(SECRET_WORDS)})"
# The first letters rule out most places at once. A text in lower case is searched three times faster than in any case.
FIRST_LETTER = f"(?=[{''.join(sorted({word[0] for word in PASSWORD_WORDS + SHORT_PASSWORD_WORDS + SECRET_WORDS}))}])"
LOWER_CASE_NAME = re.compile(f"{FIRST_LETTER}{ANY_NAME}")
NAME = re.compile(f"(?i){FIRST_LETTER}{ANY_NAME}")
KEY = re.compile(rf"(?i){ANY_NAME}[_-]?(?:value|key)?$")
PASSWORD_LABEL = re.compile(rf"(?i)(?:[\w-]{{1,32}}[ _-])?(?:{_alternatives(PASSWORD_WORDS + SHORT_PASSWORD_WORDS)})")

# The end of a name and the start of a value in JSON, YAML, shells, Python, PHP, Markdown: `"]  = `, `\": \"`, `**: `.
ASSIGNED = re.compile(
    r"""(?i)(?:_?(?:hash|confirmation|value|key|[0-9]{1,3}))?\\?["'`]?\]?[*_]{0,2}[ \t]{0,4}"""
    r"(?P<sign>:=|=>|={1,3}|[:：])[*_]{0,2}(?P<gap>[ \t\u3000]{0,8})"
    r"""(?:(?P<quote>\\?["'`])(?P<quoted>(?:(?!(?P=quote))[^\n]){1,1024})(?=(?P=quote))"""
    r"""|\\?["'`]?(?P<bare>[^\s"'`,;&<>\\。、，；！？]{1,1024}+)(?P<rest>[ \t]{0,8}[^\n]?))"""
)
BLOCK = re.compile(
    r"[\"']?[ \t]{0,4}:[ \t]{0,4}[|>][+-]?[0-9]?[ \t]{0,4}\n"
    r"(?P<indent>[ \t]{1,32}+)(?!\[redacted:)(?P<value>[^\n]{1,1024}(?:\n(?P=indent)[^\n]{1,1024}){0,64})"
)
NEXT_LINE = re.compile(
    r"[*_`]{0,3}[ \t]{0,4}(?P<colon>[:：][*_]{0,2})?[ \t]{0,4}\n{1,2}[ \t]{0,16}`{0,3}\n?"
    r"(?P<value>[^\s`\"'<>{}\[|]{3,256})(?=`{0,3}[ \t]{0,4}(?:\n|$))"
)
ALONE = re.compile(r"(?:^|\n)[#*_> \t]{0,8}$")
TOLD = re.compile(
    r"(?i)[^\W\d_]{0,3}(?:[ \t](?:for|to|of|on|für|zu|de|du|för|til|till)[ \t][^\n:.,;]{1,60}?)?"
    rf"(?:[ \t]{{1,4}}(?:{'|'.join(TELLING_WORDS)})[ \t:]{{1,4}}(?:now[ \t]{{1,4}})?"
    rf"|[ \t]{{0,2}}[{TELLING_SIGNS}][ \t:：]{{0,2}})"
    r"(?:[\"'`“”«„](?P<quoted>[^\n\"'`“”»]{3,256})(?=[\"'`“”»])|(?P<bare>[^\s\"'`,;。、，；！？“”«]{4,256}))"
)
# Placeholders for a value in code and documentation.
PLACEHOLDER = re.compile(
    r"(?i)(?:str|string|bytes|int|integer|varchar|text|any|none|null|nil|true|false|undefined|required|optional"
    r"|(?:self|this|os|env|process|config|settings|request|args|options)\..*|[*•x.]+|<.*|%\(.*|%s|\{\{.*|\$[({].*"
    r"|(?-i:\$[A-Z][A-Z_]*))[?!.]*$"
)
CALL = re.compile(r"[A-Za-z_][\w.]*[(\[]")
COLONS = (":", "：")
CHOSEN = re.compile(r"[0-9@#$%^&*_+=~]")
INNER_CAPITAL = re.compile(r"[a-z][A-Z]")
# PWD may also be the working folder.
PATH = re.compile(r"[/~.]|[A-Za-z]:[\\/]")
FIRST_SCRIPT_WITHOUT_SPACES = "\u0e00"
SHORTEST_PASSWORD = 3
SHORTEST_SECRET = 8


def names_a_secret(text: str) -> bool:
    lowered = text.lower()
    return any(stem in lowered for stem in STEMS)


def named_secrets(text: str) -> Iterator[FoundSecret]:
    """Yields the secrets that follow a name for one, in order."""
    lowered = text.lower()
    # Few letters are two in lower case, and then the places in the two texts differ.
    pattern, searched = (LOWER_CASE_NAME, lowered) if len(lowered) == len(text) else (NAME, text)
    place = 0
    while name := pattern.search(searched, place):
        spans = (find(text, name) for find in (_block, _assigned, _on_next_line, _told))
        span = next((span for span in spans if span is not None), None)
        if span is not None:
            yield FoundSecret(*span, kind_of(name))
        place = name.end() if span is None else span[1]


def kind_of(name: re.Match[str]) -> str:
    return "secret" if name["password"] is None else "password"


def _block(text: str, name: re.Match[str]) -> tuple[int, int] | None:
    match = BLOCK.match(text, name.end())
    return None if match is None else match.span("value")


def _assigned(text: str, name: re.Match[str]) -> tuple[int, int] | None:
    match = ASSIGNED.match(text, name.end())
    if match is None:
        return None
    is_password = name["password"] is not None
    if match["quoted"] is not None:
        return match.span("quoted") if value_is_secret(match["quoted"], is_password, strict=False) else None
    value = match["bare"].rstrip(".:)]}|")
    is_strict = match["sign"] in COLONS or bool(match["gap"])
    is_path = name[0].lower() == "pwd" and PATH.match(value)
    if is_path or CALL.match(value) or not value_is_secret(value, is_password, is_strict):
        return None
    if is_password and _is_prose(match, value):
        return None
    return match.start("bare"), match.start("bare") + len(value)


def _on_next_line(text: str, name: re.Match[str]) -> tuple[int, int] | None:
    """A word with a digit, sign or inner capital that is the whole line below `Password:` or a heading of that name."""
    match = NEXT_LINE.match(text, name.end())
    if match is None or not (match["colon"] or ALONE.search(text[: name.start()][-9:])):
        return None
    value = match["value"].rstrip(".,:;")
    is_chosen = bool(CHOSEN.search(value) or INNER_CAPITAL.search(value))
    if not is_chosen or not value_is_secret(value, name["password"] is not None, strict=True):
        return None
    return match.start("value"), match.start("value") + len(value)


def _told(text: str, name: re.Match[str]) -> tuple[int, int] | None:
    """A secret that a sentence states: in quotation marks, or a word with a digit or a sign."""
    match = TOLD.match(text, name.end())
    if match is None:
        return None
    is_password = name["password"] is not None
    if match["quoted"] is not None:
        return match.span("quoted") if value_is_secret(match["quoted"], is_password, strict=True) else None
    value = match["bare"].rstrip(".:)!?")
    if not CHOSEN.search(value) or not value_is_secret(value, is_password, strict=True):
        return None
    return match.start("bare"), match.start("bare") + len(value)


def _is_prose(match: re.Match[str], value: str) -> bool:
    """Whether `password: value` may be a sentence: a word without digit or sign, and not the only one on the line."""
    without_spaces = max(value) >= FIRST_SCRIPT_WITHOUT_SPACES
    if match["sign"] not in COLONS or not (match["gap"] or without_spaces):
        return False
    return not CHOSEN.search(value) and (without_spaces or bool(match["rest"].strip()))


def value_is_secret(value: str, is_password: bool, strict: bool) -> bool:
    """Whether a value after such a name is a secret: a password may be any word, but a token in prose has digits."""
    if value.startswith("[redacted:") or PLACEHOLDER.match(value):
        return False
    if is_password:
        return len(value) >= SHORTEST_PASSWORD
    mixed = any(character.isalpha() for character in value) and any(character.isdigit() for character in value)
    return len(value) >= SHORTEST_SECRET and " " not in value and (mixed or not strict)
