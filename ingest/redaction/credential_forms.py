"""Finds secrets by their surroundings: commands, credential files, password hashes, signed URLs, tables.

In each pattern the group `secret` is to be masked. Repetition is bounded or possessive, so time is linear.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.redaction.token_formats import BASE58

_UNMASKED = r"(?!\[redacted:)"
_VALUE = _UNMASKED + r"""(?P<secret>[^\s"'`$<{][^\s"'`]{0,255})"""
_OPTION = r"[^\n|;&]{0,400}?[ \t]"


class Form(NamedTuple):
    """A pattern for a kind of secret; a text that it matches contains at least one of `words`."""

    kind: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def may_be_in(self, lowered: str) -> bool:
        return any(word in lowered for word in self.words)


FORMS = (
    # curl -u name:password
    Form(
        "password",
        ("curl", "wget", "http", "xh"),
        re.compile(
            rf"\b(?:curl|wget|https?|xhs?){_OPTION}(?:-u|--user|-U|--proxy-user|-a|--auth)[ =]?[\"']?"
            rf"[^\s:\"'/]{{1,128}}:{_VALUE}"
        ),
    ),
    # mysql -ppassword
    Form(
        "password",
        ("mysql", "mariadb", "7z", "mongo", "sshpass", "docker"),
        re.compile(
            r"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|7za?|mongo|mongosh|sshpass|docker[ \t]+login)"
            rf"{_OPTION}-p[ \t]?[\"']?(?!-){_VALUE}"
        ),
    ),
    # redis-cli -a password
    Form(
        "password",
        ("redis-cli", "ldap", "zip"),
        re.compile(
            rf"\b(?:redis-cli{_OPTION}-a|ldap(?:search|modify|add){_OPTION}-w|(?:un)?zip{_OPTION}-P)[ \t]{{1,4}}"
            rf"[\"']?(?!-){_VALUE}"
        ),
    ),
    # openssl -passin pass:password
    Form("password", ("pass:",), re.compile(rf"\bpass(?:in|out)?[ \t]{{1,4}}[\"']?pass:{_VALUE}")),
    # .netrc
    Form(
        "password",
        ("password",),
        re.compile(
            r"\b(?:machine[ \t]{1,8}\S{1,255}|default)\s{1,16}(?:(?:login|account)\s{1,16}\S{1,255}\s{1,16}){1,2}"
            rf"password\s{{1,16}}{_VALUE}"
        ),
    ),
    # .pgpass
    Form(
        "password",
        (":",),
        re.compile(
            r"(?m)^(?:\*|[A-Za-z][\w.-]{0,255}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}):(?:\*|[0-9]{4,5}):(?:\*|[\w-]{1,64}):"
            rf"(?:\*|[\w.@-]{{1,64}}):{_UNMASKED}(?P<secret>\S{{1,255}})$"
        ),
    ),
    # docker's config.json
    Form(
        "password",
        ('auth"', 'token"'),
        re.compile(
            r"\"(?:auth|identitytoken|registrytoken)\"\s{0,8}:\s{0,8}\""
            rf"{_UNMASKED}(?P<secret>[A-Za-z0-9+/=._-]{{8,4096}})\""
        ),
    ),
    # htpasswd, shadow, LDAP, Django
    Form(
        "password-hash",
        ("$", "sha}", "md5}", "crypt}", "sha256}", "sha512}"),
        re.compile(
            r"(?P<secret>\$(?:apr1|1|2[abxy]?|5|6|7|y|gy|md5|argon2(?:id|i|d)|scrypt)\$[A-Za-z0-9./$=,+-]{16,255}"
            r"|\{S?(?:SHA|MD5|CRYPT|SHA256|SHA512)\}[A-Za-z0-9+/=]{16,128}"
            r"|pbkdf2_sha[0-9]{1,3}\$[0-9]{1,8}\$[A-Za-z0-9+/=$]{16,128})"
        ),
    ),
    # Windows
    Form("password-hash", (":::",), re.compile(r"(?<=:)(?P<secret>[a-fA-F0-9]{32}:[a-fA-F0-9]{32})(?=:::)")),
    # Azure
    Form(
        "azure-key",
        ("accountkey", "sharedaccesskey"),
        re.compile(r"\b(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{40,100}={0,2})"),
    ),
    Form(
        "signature",
        ("sig=", "signature=", "token="),
        re.compile(
            r"(?i)(?:[?&;]|\b)(?:sig|x-amz-signature|x-goog-signature|x-amz-security-token|signature)="
            r"(?P<secret>[A-Za-z0-9%+/=_-]{32,4096})"
        ),
    ),
    Form(
        "discord-token",
        ("/webhooks/",),
        re.compile(r"(?<=/api/webhooks/)[0-9]{15,22}/(?P<secret>[A-Za-z0-9_-]{20,120})"),
    ),
    Form(
        "slack-token",
        ("hooks.slack.com",),
        re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/]{20,255})"),
    ),
    Form(
        "teams-token",
        ("/webhookb2/",),
        re.compile(r"(?<=/webhookb2/)(?P<secret>[A-Za-z0-9@-]{36,90}/IncomingWebhook/[A-Za-z0-9/-]{32,120})"),
    ),
    # HTTP
    Form(
        "token",
        ("key", "token", "auth"),
        re.compile(
            r"(?i)\b(?:x-[a-z-]{0,32}(?:key|token|auth)|(?:[a-z]{2,16}-)?(?:api-key|private-token))"
            rf"[ \t]{{0,4}}:[ \t]{{0,4}}{_UNMASKED}(?P<secret>(?=[^\n]{{0,64}}[0-9])[^\n\"'\[<{{$]{{8,4096}})"
        ),
    ),
    Form(
        "token",
        ("cookie",),
        re.compile(
            rf"(?i)\bcookie[ \t]{{0,4}}:[ \t]{{0,4}}{_UNMASKED}"
            r"(?P<secret>[\w.-]{1,64}=(?=[^\n]{0,64}[0-9])[^\n\"'<]{4,4096})"
        ),
    ),
    # STRIPE_KEY=
    Form(
        "secret",
        ("_key",),
        re.compile(
            r"\b(?!(?:[A-Z0-9]{1,32}_){0,8}(?:PUBLIC|PRIMARY|FOREIGN|PARTITION|SORT|CACHE|PUBLISHABLE)_KEY)"
            r"(?:[A-Z0-9]{1,32}_){1,8}KEY[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?"
            r"(?P<secret>(?=[A-Za-z0-9+/=_.-]{0,64}[0-9])(?=[A-Za-z0-9+/=_.-]{0,64}[A-Za-z])[A-Za-z0-9+/=_.-]{16,512})"
        ),
    ),
    Form(
        "private-key",
        ("key",),
        re.compile(
            r"(?i)\b(?:priv(?:ate)?|secret|wallet|signing)[ _-]?key\b[^\n]{0,40}?"
            r"(?<![0-9a-z])(?P<secret>(?:0x)?[0-9a-f]{64})(?![0-9a-z])"
        ),
    ),
    # Bitcoin
    Form(
        "private-key",
        ("5", "k", "l"),
        re.compile(rf"(?<![A-Za-z0-9])(?P<secret>[5KL]{BASE58}{{50,51}})(?![A-Za-z0-9])"),
    ),
    Form(
        "private-key",
        ("seed", "recovery", "mnemonic", "backup"),
        re.compile(
            r"(?i)\b(?:seed|recovery|mnemonic|backup)(?:[ _-](?:phrase|words|seed))?[ \t]{0,4}[:=][ \t]{0,4}[\"']?"
            r"(?P<secret>(?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})"
        ),
    ),
)

LINE = re.compile(r"[^\n]+")
# A cell, between two bars, without the blanks around it.
CELL = re.compile(r"(?<=\|)[ \t]*+([^|\n]*?)[ \t]*(?=\|)")
Span = tuple[int, int]


def table_cells(text: str, name: re.Pattern[str]) -> Iterator[Span]:
    """Yields the spans of the cells of Markdown tables below a heading, or beside a label, that matches `name`."""
    for table in _tables(text):
        has_heading = len(table) > 1 and all(not text[begin:end].strip(":- ") for begin, end in table[1])
        columns = set(_named(text, table[0], name)) if has_heading else set()
        for row in table[2:] if has_heading else table:
            beside = {place + 1 for place in _named(text, row, name)}
            yield from (row[place] for place in sorted(columns | beside) if place < len(row))


def _named(text: str, row: list[Span], name: re.Pattern[str]) -> list[int]:
    return [place for place, (begin, end) in enumerate(row) if name.fullmatch(text[begin:end].strip("*_` :"))]


def _tables(text: str) -> Iterator[list[list[Span]]]:
    """Yields each table as a list of rows, and each row as the spans of its cells."""
    table: list[list[Span]] = []
    for line in LINE.finditer(text):
        row = [match.span(1) for match in CELL.finditer(text, *line.span())]
        if row:
            table.append(row)
        elif table:
            yield table
            table = []
    if table:
        yield table
