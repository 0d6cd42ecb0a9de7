"""Finds what a text names by its form, in any language: links, files, code, mentions, quantities and times."""

import re
from collections.abc import Iterator

from ingest.annotation.schema import EntityKind

UNIT = (
    r"(?:%|‰|°[CF]?|[mcdk]?m[²³]?|[µmk]?g|[mcd]?l|m?s|min|h|hrs?|[kKMGT]i?B|k?Wh?|k?V|mA|[kMG]?Hz|kr|SEK|EUR|USD|GBP"
    r"|[€$£¥₹₽]|percent|euros?|dollars?|pounds?|kronor|(?:centi|milli|kilo)?met(?:re|er)s?|kilo(?:gram)?s?|grams?"
    r"|lit(?:re|er)s?|miles?|degrees|seconds|minutes|hours|days|weeks|months|years)(?:/(?:s|h|min|day|year))?"
)
EXTENSION = (
    r"(?:py|md|rst|txt|csv|json|jsonl|ya?ml|toml|sql|sh|js|ts|tsx|html|css|rs|go|java|c|h|cpp|ipynb|pdf|docx?|xlsx?"
    r"|png|jpe?g|zip|tar|gz|log|ini|cfg|conf|parquet|db)"
)
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
# Each alternative begins at a border and is bounded, so that matching stays linear.
FORMED = re.compile(
    rf"""
    (?P<url>\b(?:https?://|www\.)[^\s<>"')\]]{{1,180}}[^\s<>"')\].,;:!?])
    | (?P<code>`[^`\n]{{1,120}}` | \b[A-Za-z]\w{{0,60}}\(\)
        | \b_{{0,2}}[a-z]{{1,40}}(?:_[a-z\d]{{1,40}}){{1,6}}_{{0,2}}\b)
    | (?P<file>(?<![\w./~-])(?:~|\.{{1,2}})?/?(?:[\w.-]{{1,60}}/){{0,8}}[\w-][\w.-]{{0,60}}\.{EXTENSION}\b)
    | (?P<mention>(?<![\w.+@-])(?:[\w.+-]{{1,64}})?@[^\W_][\w.-]{{1,60}}\b)
    | (?P<time>\b\d{{4}}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?\b
        | (?<![\d.,:])\d{{1,2}}(?::\d\d){{1,2}}(?:\s?[ap]m)?\b | \b\d{{1,2}}\s?[ap]m\b
        | \b\d{{1,2}}(?:st|nd|rd|th)?\s{MONTH}(?:\s\d{{4}})?\b | \b{MONTH}\s\d{{1,2}}(?:,?\s\d{{4}})?\b)
    | (?P<quantity>[€$£¥₹]\s?\d[\d.,]{{0,20}} | (?<![\w.,])-?\d{{1,15}}(?:[.,\s]\d{{1,9}}){{0,3}}\s?-?{UNIT}(?![\w]))
    """,
    re.VERBOSE,
)
WIKILINK = re.compile(r"\[\[([^\[\]|#\n]{1,120})(?:[|#][^\[\]\n]{0,120})?\]\]")


def formed(text: str) -> Iterator[tuple[str, EntityKind]]:
    """The notes that a text links to, then what FORMED matches, each as the text writes it."""
    for link in WIKILINK.finditer(text):
        yield link[1].rpartition("/")[2].strip(), "name"
    for match in FORMED.finditer(text):
        kind: EntityKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        yield match[0].strip("`").strip(), kind


def without_formed(text: str) -> str:
    """The text with everything that FORMED matches cut out, which leaves words."""
    return FORMED.sub("|", text)
