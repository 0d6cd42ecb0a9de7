"""Replaces ChatGPT's citation markers, which mean nothing outside its window, with links and names."""

import json
import re
from collections.abc import Iterator

from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)

# U+E200 opens a marker, U+E202 separates its parts, U+E201 closes it; older exports have 【6†source】.
MARKER = re.compile("\ue200([^\ue200\ue201]*)\ue201")
OLDER_MARKER = re.compile(r"【\d+[^】]{0,80}†[^】]{0,200}】")
STRAY = re.compile("[\ue200-\ue206]")
DEPTH_LIMIT = 5


def resolved(text: str, metadata: Fields) -> str:
    """Replaces each marker with its reference or inner name; removes a U+E200 marker that has neither."""
    known = _references(text, metadata)
    text = MARKER.sub(lambda marker: known.get(marker[0]) or _inner_name(marker[1]), text)
    text = OLDER_MARKER.sub(lambda marker: known.get(marker[0], marker[0]), text)
    return STRAY.sub("", text)


def _references(text: str, metadata: Fields) -> dict[str, str]:
    """The text that replaces each marker."""
    found: dict[str, str] = {}
    for each in map(as_fields, as_items(metadata.get("content_references"))):
        found.setdefault(as_text(each.get("matched_text")), _said(each))
    for each in map(as_fields, as_items(metadata.get("citations"))):
        start, end = each.get("start_ix"), each.get("end_ix")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end:
            found.setdefault(text[start:end], _said(as_fields(each.get("metadata"))))
    return found


def _said(reference: Fields) -> str:
    """The text that ChatGPT shows in a marker's place, else links to its sources, else its name."""
    shown = as_text(reference.get("alt")).strip()
    links = ", ".join(dict.fromkeys(_linked(reference)))
    name = as_text(reference.get("name")) or as_text(reference.get("title"))
    return shown or (f"({links})" if links else name)


def _linked(reference: Fields, depth: int = 0) -> Iterator[str]:
    """A link for each source of a reference, including grouped ones."""
    url = as_text(reference.get("url"))
    if url:
        title = as_text(reference.get("title")).replace("[", "(").replace("]", ")") or as_text(
            reference.get("attribution")
        )
        yield f"[{title}]({url})" if title else url
    for key in ("items", "supporting_websites", "fallback_items", "sources") if depth < DEPTH_LIMIT else ():
        for each in map(as_fields, as_items(reference.get(key))):
            yield from _linked(each, depth + 1)


def _inner_name(marker: str) -> str:
    """The name in a marker like `entity["city","Paris","capital of France"]`; other markers name nothing."""
    kind, bracket, rest = marker.replace("\ue202", "").partition("[")
    try:
        values = json.loads(bracket + rest) if kind.strip() == "entity" and bracket else []
    except (ValueError, RecursionError):
        return ""
    return values[1] if isinstance(values, list) and len(values) > 1 and isinstance(values[1], str) else ""
