"""Extracts the text in drawings: Excalidraw's text elements, the cards and labels of an Obsidian canvas."""

import json
import re
from typing import NamedTuple

from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)

EXCALIDRAW_MARK = "excalidraw-plugin"
BANNER = re.compile(r"^==⚠.*⚠==.*$", re.MULTILINE)
SECTION = re.compile(
    r"^(?:%%|#{1,2} (?:Excalidraw Data|Text Elements|Element Links|Embedded [Ff]iles|Drawing))[ \t]*\r?$", re.MULTILINE
)
BLOCK_NAME = re.compile(r"[ \t]\^[\w-]+[ \t]*\r?$", re.MULTILINE)


class Drawing(NamedTuple):
    text: str
    links: tuple[str, ...] = ()


def excalidraw_text(body: str) -> str:
    """The notes above a drawing and its text elements, without the banner, block names and the drawing itself."""
    kept = ""
    heading, start = "", 0
    for section in [*SECTION.finditer(body), None]:
        if heading in ("", "Text Elements"):
            kept += "\n" + body[start : section.start() if section else len(body)]
        heading, start = (section[0].strip().lstrip("# "), section.end()) if section else ("", 0)
    return BLOCK_NAME.sub("", BANNER.sub("", kept)).strip()


def drawing(text: str) -> Drawing:
    """The text and links of a .canvas or .excalidraw file. Raises ValueError when it is not a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not a drawing in JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("it is not a drawing: a JSON object is expected")
    elements = [as_fields(each) for key in ("nodes", "edges", "elements") for each in as_items(value.get(key))]
    said = [line for each in elements if not each.get("isDeleted") and (line := _element_text(each).strip())]
    links = (as_text(each.get("file")) or as_text(each.get("url")) for each in elements)
    return Drawing("\n\n".join(said), tuple(dict.fromkeys(link for link in links if link)))


def _element_text(element: Fields) -> str:
    """The text of a card, or the label of a group or an arrow."""
    return as_text(element.get("text")) or as_text(element.get("label"))
