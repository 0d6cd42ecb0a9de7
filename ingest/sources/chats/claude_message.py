"""Extracts the text, voice notes, files, artifacts and links of a Claude message."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)

# The keys in a tool's input of the text to save, and of its name.
MADE_KEYS = ("content", "file_text", "new_str")
NAME_KEYS = ("title", "path", "filename", "id")
SPOKEN = ("text", "voice_note")
KINDS = {
    "thinking": "thoughts",
    "redacted_thinking": "thoughts",
    "tool_use": "tool calls",
    "tool_result": "tool results",
}


class Made(NamedTuple):
    """An artifact or a file that the assistant wrote."""

    name: str
    text: str


class Contents(NamedTuple):
    text: str
    files: tuple[str, ...]
    made: tuple[Made, ...]
    links: tuple[str, ...]
    left_out: Counter[str]


def contents(message: Fields) -> Contents:
    blocks = [as_fields(each) for each in as_items(message.get("content"))]
    text = (
        "\n\n".join(said for each in blocks if (said := _block_text(each))) if blocks else as_text(message.get("text"))
    )
    files = tuple(dict.fromkeys(_file_names(message)))
    made = tuple(each for block in blocks if (each := _made_by(block)))
    links = dict.fromkeys(link for block in blocks for link in _cited(block))
    return Contents(text if text.strip() else _trace(files), files, made, tuple(links), Counter(left_out(blocks)))


def _trace(files: tuple[str, ...]) -> str:
    """The text of a message that holds only files."""
    return "\n".join(f"[file: {name}]" for name in files)


def _block_text(block: Fields) -> str:
    """The text of a block; for a voice note, its title and transcript."""
    if block.get("type") not in SPOKEN:
        return ""
    title = as_text(block.get("title")) if block.get("type") == "voice_note" else ""
    text = as_text(block.get("text")) or as_text(block.get("transcript"))
    return "\n".join(each for each in (title, text) if each.strip())


def _file_names(message: Fields) -> Iterator[str]:
    """The names of attached files whose text is not in the export."""
    for key in ("files", "files_v2"):
        yield from filter(None, (as_text(as_fields(each).get("file_name")) for each in as_items(message.get(key))))
    for each in map(as_fields, as_items(message.get("attachments"))):
        if not as_text(each.get("extracted_content")).strip() and (name := as_text(each.get("file_name"))):
            yield name


def _made_by(block: Fields) -> Made | None:
    """What a tool call saves: an artifact's content, a file's text, or the new lines of either."""
    given = as_fields(block.get("input"))
    text = next((text for key in MADE_KEYS if (text := as_text(given.get(key))).strip()), "")
    name = next((name for key in NAME_KEYS if (name := as_text(given.get(key))).strip()), as_text(block.get("name")))
    return Made(name, text) if block.get("type") == "tool_use" and text else None


def _cited(block: Fields) -> Iterator[str]:
    for each in map(as_fields, as_items(block.get("citations"))):
        link = as_text(each.get("url")) or as_text(as_fields(each.get("details")).get("url"))
        if link:
            yield link


def left_out(blocks: list[Fields]) -> Iterator[str]:
    """The kind of each block that is not kept."""
    for block in blocks:
        kind = as_text(block.get("type"))
        if kind not in SPOKEN and not _made_by(block):
            yield KINDS.get(kind, "blocks of unknown kinds")
