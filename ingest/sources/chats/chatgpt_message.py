"""Extracts the text, canvases, files and links of a ChatGPT message, or the reason why it is left out."""

import json
from typing import NamedTuple

from ingest.sources.chats.citation_markers import resolved
from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)

ROLES = ("user", "assistant")
SPOKEN_PARTS = ("audio_transcription", "text")
# The recipients whose messages are kept: what goes to searches, browsers and image models is noise.
RECIPIENTS = ("all", "python", "bio")
CANVAS = "canmore."
PICTURE, FILE = "picture", "file"
KINDS = {
    "thoughts": "thoughts",
    "reasoning_recap": "thoughts",
    "user_editable_context": "custom instructions",
    "model_editable_context": "custom instructions",
}


class Saying(NamedTuple):
    """`left_out` names, in the plural, the kind of a message that is not kept; "" for one that is kept or empty."""

    text: str = ""
    files: tuple[str, ...] = ()
    left_out: str = ""


def saying(message: Fields) -> Saying:
    role = as_fields(message.get("author")).get("role")
    metadata, content = as_fields(message.get("metadata")), as_fields(message.get("content"))
    recipient = as_text(message.get("recipient")) or "all"
    if not message or role not in ROLES:
        kind = {"system": "system messages", "tool": "tool results"}.get(as_text(role), "messages of unknown roles")
        return Saying(left_out=kind if message else "")
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return Saying(left_out="hidden messages")
    if recipient not in RECIPIENTS and not recipient.startswith(CANVAS):
        return Saying(left_out="tool calls")
    files = _named_files(content, metadata)
    text = _content_text(content, recipient)
    if text is None:
        kind = as_text(content.get("content_type"))
        return Saying(left_out=KINDS.get(kind, "messages of unknown kinds"))
    text = resolved(text, metadata)
    if not text.strip():
        text = "\n".join(f"[{kind}: {name}]" for name, kind in files.items())
    return Saying(text, tuple(files))


def _content_text(content: Fields, recipient: str) -> str | None:
    """The text of a message; None for a content type without text."""
    kind = content.get("content_type")
    if kind == "code":
        text = as_text(content.get("text"))
    elif kind in ("text", "multimodal_text"):
        text = "\n".join(text for part in as_items(content.get("parts")) if (text := _part_text(part)))
    else:
        return None
    return _canvas_text(text) if recipient.startswith(CANVAS) else text


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    fields = as_fields(part)
    return as_text(fields.get("text")) if fields.get("content_type") in SPOKEN_PARTS else ""


def _canvas_text(text: str) -> str:
    """The document, changes and comments in a canvas call; the call itself when it holds none or is not JSON."""
    try:
        call = as_fields(json.loads(text))
    except (ValueError, RecursionError):
        return text
    changes = [as_text(as_fields(each).get("replacement")) for each in as_items(call.get("updates"))]
    comments = [as_text(as_fields(each).get("comment")) for each in as_items(call.get("comments"))]
    said = [as_text(call.get("name")), as_text(call.get("content")), *changes, *comments]
    return "\n\n".join(each for each in said if each.strip()) or text


def _named_files(content: Fields, metadata: Fields) -> dict[str, str]:
    """The attachments by name, or by id or pointer without one; each is a picture, a recording or a file."""
    names: dict[str, str] = {}
    pointed = {}
    for part in map(as_fields, as_items(content.get("parts"))):
        pointer = as_text(part.get("asset_pointer")).rpartition("/")[2]
        if pointer:
            pointed[pointer] = PICTURE if "image" in as_text(part.get("content_type")) else "recording"
    for each in map(as_fields, as_items(metadata.get("attachments"))):
        name, identifier = as_text(each.get("name")), as_text(each.get("id"))
        kind = as_text(each.get("mime_type")) or as_text(each.get("mimeType"))
        if name or identifier:
            is_picture = pointed.pop(identifier, FILE) == PICTURE or kind.startswith("image/")
            names[name or identifier] = PICTURE if is_picture else FILE
    spoken = any(_part_text(part) for part in as_items(content.get("parts")) if not isinstance(part, str))
    return names | {name: kind for name, kind in pointed.items() if kind == PICTURE or not spoken}
