"""Masks secrets before anything is stored: keys, tokens, passwords and card numbers become `[redacted:kind]`.

Every pattern has bounded or possessive repetition, so time is linear in the text. A text is searched until nothing
more is found, so that masking a masked text changes nothing.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from ingest.redaction.credential_forms import FORMS, table_cells
from ingest.redaction.named_secrets import (
    KEY,
    PASSWORD_LABEL,
    FoundSecret,
    kind_of,
    named_secrets,
    names_a_secret,
    value_is_secret,
)
from ingest.redaction.token_formats import LONG_RUN, TOKEN
from ingest.redaction.token_formats import kind_of as kind_of_token
from memories.records import Document, Event


class Rule(NamedTuple):
    """A pattern; `masked` returns the replacement of a match, or the match itself if it is not a secret after all."""

    pattern: re.Pattern[str]
    masked: Callable[[re.Match[str]], str]


PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}+(?:(?<=PRIVATE KEY)|(?<=PRIVATE KEY BLOCK))-----"
    r"(?:[^-]{0,65536}+(?>(?:-(?!----)[^-]{0,65536}+){0,64})-----END [A-Z0-9 ]{1,40}-----"
    r"|(?>(?:(?>(?:\s|\\[nr])+)[A-Za-z0-9+/=]{16,128}+){0,1024})(?:(?:\s|\\[nr])[A-Za-z0-9+/]{1,127}={1,2})?)"
)

AUTHORIZATION = re.compile(
    r"(?i)(?=[abt])(?P<header>authorization[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?)?\b(?P<scheme>bearer|basic|token)"
    r"[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{12,16384})"
)

# The last @ before the path ends the password, since people do not always encode one within.
URL_PASSWORD = re.compile(
    r"(?P<before>[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s:/?#@\"'<>]{0,256}+:)(?!\[redacted:)[^\s/?#\"'<>]{1,256}(?=@)"
)


PLAIN_NAME = r"(?P<name>password|passwd|passphrase|token|secret|api[_-]?key)"
FLAG = re.compile(
    rf"(?i)(?=-)(?P<before>(?<![\w-])--?{PLAIN_NAME}[ \t]+['\"]?)(?P<value>[^\s\"'\[$<{{-][^\s\"']{{2,255}})"
)
ELEMENT = re.compile(rf"(?i)(?=<)(?P<before><(?:\w{{1,32}}:)?{PLAIN_NAME}>)(?P<value>[^<]{{1,1024}})(?=</)")
SHORTEST_BEARER = 20

CARD = re.compile(
    r"(?<![A-Za-z0-9_.+-])(?<![0-9]{4} )(?<![A-Z]{2}[0-9]{2} )"
    r"(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}(?P<sign>[ .\-\u00a0\u2009-\u2013\u202f])[0-9]{4}(?P=sign)[0-9]{4}(?P=sign)[0-9]{4}"
    r"(?:(?P=sign)[0-9]{1,3})?"
    r"|3[0-9]{3}(?P<sign3>[ .\-\u00a0\u2009-\u2013\u202f])[0-9]{6}(?P=sign3)[0-9]{4,5})"
    r"(?![A-Za-z0-9_]|[ -][0-9]|\.[0-9])"
)
# First digits and lengths of the networks: Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay, Maestro, Mir.
NETWORK = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12,15}|(?:5[06-8]|6[0-9])[0-9]{14,17}"
    r"|220[0-4][0-9]{12}"
)


def redact(text: str) -> tuple[str, int]:
    """Masks the secrets in a text; returns it and the number of secrets."""
    total = 0
    while True:
        text, count = _redact_once(text)
        if not count:
            return text, total
        total += count


def _redact_once(text: str) -> tuple[str, int]:
    is_named, lowered = names_a_secret(text), text.lower()
    by_place = (Rule(form.pattern, _masked_group(form.kind)) for form in FORMS if form.may_be_in(lowered))
    total = 0
    for rule in (*RULES, *by_place, *(RULES_BY_NAME if is_named else ())):
        text, count = _applied(rule, text)
        total += count
    for find in (named_secrets, _in_tables) if is_named else ():
        text, count = _masked_there(text, find(text))
        total += count
    return text, total


def redact_document(document: Document) -> Document:
    """The document with every text in it masked, down to the values of its metadata; its identity stays."""
    return replace(
        document,
        content=redact(document.content)[0],
        context=redact(document.context)[0],
        summary=redact(document.summary)[0],
        tags=tuple(redact(tag)[0] for tag in document.tags),
        metadata={redact(key)[0]: redact_value(key, value) for key, value in document.metadata.items()},
    )


def redact_event(event: Event) -> Event:
    """The event with its query, context and tags masked; its identity stays."""
    return replace(
        event,
        query=None if event.query is None else redact(event.query)[0],
        context=None if event.context is None else redact(event.context)[0],
        tags=None if event.tags is None else tuple(redact(tag)[0] for tag in event.tags),
    )


def redact_value(name: str, value: object) -> object:
    """Masks a JSON value; a string whose name says that it is a secret is masked as a whole."""
    if isinstance(value, Mapping):
        names = {key: redact(str(key))[0] for key in value}
        return {names[key]: redact_value(names[key], each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(name, each) for each in value]
    if not isinstance(value, str):
        return value
    masked = redact(value)[0]
    match = KEY.search(name)
    if match and value_is_secret(masked, match["password"] is not None, strict=False):
        return _mask(kind_of(match))
    return masked


def _applied(rule: Rule, text: str) -> tuple[str, int]:
    count = 0

    def masked(match: re.Match[str]) -> str:
        nonlocal count
        replacement = rule.masked(match)
        count += replacement != match[0]
        return replacement

    return rule.pattern.sub(masked, text), count


def _mask(kind: str) -> str:
    return f"[redacted:{kind}]"


def _masked_run(match: re.Match[str]) -> str:
    return TOKEN.sub(lambda token: _mask(kind_of_token(token)), match[0])


def _masked_group(kind: str) -> Callable[[re.Match[str]], str]:
    """Returns a function that masks the group `secret` of a match, and leaves the rest of it."""

    def masked(match: re.Match[str]) -> str:
        start, end = (place - match.start() for place in match.span("secret"))
        return match[0][:start] + _mask(kind) + match[0][end:]

    return masked


def _masked_authorization(match: re.Match[str]) -> str:
    is_told = match["header"] is not None
    value, scheme = match["value"], match["scheme"].lower()
    is_secret = any(character.isdigit() for character in value) and (is_told or len(value) >= SHORTEST_BEARER)
    if scheme == "basic":
        is_secret = _is_name_and_password(value)
    if scheme == "token":
        is_secret = is_secret and is_told
    return f"{match['header'] or ''}{match['scheme']} {_mask('token')}" if is_secret else match[0]


def _is_name_and_password(value: str) -> bool:
    """Whether this is what HTTP's basic scheme sends: base64 of `name:password`."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        return False


def _in_tables(text: str) -> Iterator[FoundSecret]:
    """Finds passwords in Markdown tables."""
    for start, end in table_cells(text, PASSWORD_LABEL):
        value = text[start:end].strip("`* ")
        if value and value_is_secret(value, is_password=True, strict=False):
            begin = text.index(value, start)
            yield FoundSecret(begin, begin + len(value), "password")


def _masked_there(text: str, secrets: Iterable[FoundSecret]) -> tuple[str, int]:
    """Masks the secrets found in a text, which must be in order; returns it and their number."""
    kept, end, count = [], 0, 0
    for found in secrets:
        if found.start >= end:
            kept += [text[end : found.start], _mask(found.kind)]
            end, count = found.end, count + 1
    return "".join([*kept, text[end:]]), count


def _masked_named(match: re.Match[str]) -> str:
    is_password = match["name"].lower().startswith("pass")
    kind = _mask("password" if is_password else "secret")
    return f"{match['before']}{kind}" if value_is_secret(match["value"], is_password, strict=False) else match[0]


def _masked_card(match: re.Match[str]) -> str:
    digits = "".join(character for character in match[0] if character.isdigit())
    is_card = NETWORK.fullmatch(digits) and _passes_luhn([int(digit) for digit in digits])
    return _mask("card") if is_card else match[0]


def _passes_luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


RULES = (
    Rule(PRIVATE_KEY, lambda match: _mask("private-key")),
    Rule(LONG_RUN, _masked_run),
    Rule(URL_PASSWORD, lambda match: match["before"] + _mask("password")),
    Rule(AUTHORIZATION, _masked_authorization),
    Rule(CARD, _masked_card),
)
RULES_BY_NAME = (Rule(FLAG, _masked_named), Rule(ELEMENT, _masked_named))
