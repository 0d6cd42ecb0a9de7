"""Finds what stands around a text but is not its text: trailers, quoted mail, signatures, licences, logs, templates.

Readers want the text alone: the annotator for the gist and the topics, an embedder for the vector. The content itself
stays as it is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

READ_CHARACTERS = 100_000

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
FRONT_MATTER_TITLE = re.compile(r"^title:[ \t]*[\"']?([^\n\"']{1,200})", re.MULTILINE)
# What a bot appends to a commit: YAML between a line of dashes and one of dots.
APPENDED_YAML = re.compile(
    r"^---\n(?:[\w-]+:[^\n]*\n)(?>(?:(?:[ \t-]|\w[\w-]*+:)[^\n]*+\n){0,500})(?:\.\.\.)?$", re.MULTILINE
)
# A trailer of git: a token, a colon, a value. Below the text any token; above its end only those with a person.
TRAILER = re.compile(r"[ \t]*+[A-Za-z][A-Za-z0-9]*+(?:-[A-Za-z0-9]+)*:[ \t]++\S")
LIKELY_TRAILER = re.compile(r"[ \t]*+(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]+)+|Cc|Fixes|Closes|Refs?|Bug|Link):[ \t]")
PERSON_TRAILER = re.compile(
    r"^[ \t]*+(?:[*-][ \t]*+)?(?:[A-Za-z]+(?:-[A-Za-z]+)*-by|(?:Co-)?Authors?):"
    r"(?:[ \t]*+([^<\s][^<\n]{0,99}?)[ \t]*+|[ \t]++)(?:<[^>\n]*>[^\n]*)?$",
    re.MULTILINE | re.IGNORECASE,
)
REVERTED = re.compile(r"^This reverts commit ([0-9a-f]{7,64})\.?[^\n]*$", re.MULTILINE)
CHERRY_PICKED = re.compile(r"^\(cherry picked from commit [0-9a-f]{7,64}\)$", re.MULTILINE)
# Quoted lines, with the line before them that says who wrote them: it ends with a colon in every language.
QUOTED = re.compile(r"(?:^[^\n>]{1,200}:[ \t]*\n(?:[ \t]*\n)?)?(?:^[ \t]{0,3}>[^\n]*(?:\n|\Z))+", re.MULTILINE)
SIGNATURE = re.compile(r"^-- ?\n[\s\S]{0,2000}\Z", re.MULTILINE)
MAIL_HEADER = re.compile(r"[^\W\d_][\w -]{1,25}:[ \t]+\S|[ \t]+\S")
FEWEST_HEADERS = 3
MAIL_SUBJECT = re.compile(
    r"^(?:Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Ämne|Emne|Тема|件名|主题):[ \t]*(\S[^\n]*)",
    re.MULTILINE,
)
TEMPLATE = re.compile(r"\{\{[^{}\n]{0,200}\}\}|\{%[^%\n]{0,200}%\}|<%[^%\n]{0,200}%>")
PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]+)*")
LICENCE = re.compile(
    r"SPDX-License-Identifier|Permission is hereby granted|WITHOUT WARRANT(?:Y|IES)|Licensed under the"
    r"|All rights reserved|Redistribution and use in source"
)
# Encoded bytes: a long run with no blank in it that mixes letters and digits.
ENCODED = re.compile(
    r"-----BEGIN [A-Z ]+-----(?:(?!-----BEGIN )[\s\S])*?-----END [A-Z ]+-----|(?:data:[\w/+.-]+;base64,)[\w+/=]+"
    r"|(?:^[A-Za-z0-9+/]{60,}={0,2}\n?)+|(?<!\S)(?=[^\s\d]*\d)[A-Za-z0-9+/_=-]{80,}(?!\S)",
    re.MULTILINE,
)
LOG_LINE = (
    r"[ \t]*\[?(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)[^\n]{0,60}?"
    r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|[a-z_-]+\[\d+\])[^\n]*"
)
LOGS = re.compile(
    rf"(?>(?>^{LOG_LINE}(?:\n|\Z)){{2,}})|^Traceback \(most recent call last\):\n(?:[ \t]+[^\n]*\n)+", re.MULTILINE
)
CONTENTS_LINE = (
    r"[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+\[[^\]\n]+\]\(#[^)\n]*\)|[^\n]{1,120}?(?:[.…] ?){4,120}[ \t]*\d{1,5})[ \t]*"
)
CONTENTS = re.compile(rf"(?>(?>^{CONTENTS_LINE}(?:\n|\Z)){{3,}})|^\[(?:\[_)?TOC(?:_\])?\][ \t]*$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^[ \t]*(`{3,}+|~{3,}+)[^\n]*\n[\s\S]*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE)
ANYWHERE = (
    FRONT_MATTER, APPENDED_YAML, PERSON_TRAILER, REVERTED, CHERRY_PICKED, QUOTED, SIGNATURE, TEMPLATE, ENCODED,
    LOGS, CONTENTS,
)  # fmt: skip

# A line above the text, as the subject of a commit: no sentence, no item of a list.
FIRST_LINE = re.compile(r"\A\s*([^\s\-*+>|`~=#][^\n]{0,118}[^\n.!?…:;,。！？：；，؟।])[ \t]*\n[ \t]*\n")
MOST_TITLE_WORDS = 16
HEADING = re.compile(r"\A\s*(?:#[ \t]++([^\n]*[^\n \t#])|(\S[^\n]{0,198})\n=+[ \t]*(?:\n|\Z))")


class Apparatus(NamedTuple):
    """A text with everything that is not text blanked, each character by a space, and what the rest told.

    `title` is its heading or subject, `people` the names in its trailers, `reverted` the commits that it reverts.
    """

    text: str
    title: str
    people: list[str]
    reverted: list[str]


def apparatus(content: str, *, with_code: bool = True) -> Apparatus:
    """Parses the beginning of a content. Where nothing but apparatus is there, that is its text.

    `with_code` False blanks the code blocks of Markdown, too.
    """
    read = content[:READ_CHARACTERS].replace("\r\n", "\n ") if "\r\n" in content else content[:READ_CHARACTERS]
    text = _blanked(read, _spans(read))
    if not with_code:
        prose = CODE_BLOCK.sub(_blank, text)
        text = prose if prose.strip() else text
    return Apparatus(
        text if text.strip() else read,
        _title(read, text),
        list(dict.fromkeys(name.strip() for name in PERSON_TRAILER.findall(read) if name.strip())),
        REVERTED.findall(read),
    )


def _spans(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for pattern in ANYWHERE for match in pattern.finditer(text))
    yield from (match.span() for match in PARAGRAPH.finditer(text) if LICENCE.search(match[0]))
    yield from _comments(text)
    trailers = _trailers(text)
    if trailers < len(text):
        yield trailers, len(text)
    for start, end in _mail_headers(text):
        # Above the text they are its own; further down begins the mail that it answers.
        yield (start, len(text)) if text[:start].strip() else (start, end)


def _comments(text: str) -> Iterator[tuple[int, int]]:
    start = text.find("<!--")
    while start >= 0 and (end := text.find("-->", start)) >= 0:
        yield start, end + 3
        start = text.find("<!--", end)


def _trailers(text: str) -> int:
    """Where the trailers below a text begin. A text of one paragraph, such as a recipe, may consist of such lines."""
    body = text.rstrip()
    start = body.rfind("\n\n") + 2
    lines = body[start:].splitlines()
    is_block = start > 1 and all(TRAILER.match(line) or line[:1] in (" ", "\t") for line in lines)
    return start if is_block and any(map(LIKELY_TRAILER.match, lines)) else len(text)


def _mail_headers(text: str) -> Iterator[tuple[int, int]]:
    """Each run of header lines, one of them a subject and one with an address."""
    start = at = count = 0
    for line in [*text.splitlines(keepends=True), "\n"]:
        if MAIL_HEADER.match(line):
            count += 1
        else:
            header = text[start:at]
            if count >= FEWEST_HEADERS and "@" in header and MAIL_SUBJECT.search(header):
                yield start, at
            start, count = at + len(line), 0
        at += len(line)


def _blanked(text: str, spans: Iterator[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end > at:
            parts += [text[at : max(at, start)], re.sub(r"[^\n]", " ", text[max(at, start) : end])]
            at = end
    return "".join([*parts, text[at:]])


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _title(content: str, text: str) -> str:
    """The heading or the line above the text, else the title in the front matter, else the subject of a mail."""
    heading = HEADING.match(text)
    if heading:
        return (heading[1] or heading[2]).strip()
    first = FIRST_LINE.match(content)
    if first and len(first[1].split()) <= MOST_TITLE_WORDS and content[first.end() :].strip():
        return first[1].strip()
    front_matter = FRONT_MATTER.match(content)
    start, end = next(_mail_headers(content), (0, 0))
    told = (
        (front_matter and FRONT_MATTER_TITLE.search(front_matter[0]))
        or (not content[:start].strip() and MAIL_SUBJECT.search(content[start:end]))
        or None
    )
    return told[1].strip() if told else ""
