"""A ChatGPT export: every message of every branch of every conversation."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ingest.sources.archive import Conversation, conversations, parts
from ingest.sources.fields import Fields, as_fields, as_items, as_text
from ingest.sources.instant import instant_or_none
from ingest.sources.source import OnBytes, Record, ignore
from ingest.sources.value import counts, storable, storable_text
from memories.records import Document, Rejected

SOURCE = "chatgpt"
ROLES = ("user", "assistant")
SPOKEN_PARTS = ("audio_transcription", "text")
# whom a message may be addressed to: what goes to searches, browsers and image models is noise
RECIPIENTS = ("all", "python", "bio")
CANVAS = "canmore."


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """One document for each message of a user or the assistant that has text."""
    found = conversations(path, "mapping", on_bytes)
    return (
        record for each in found for record in (read_conversation(each) if isinstance(each, Conversation) else [each])
    )


def size_bytes(path: Path) -> int | None:
    return sum(each.size_bytes for each in parts(path))


def read_conversation(conversation: Conversation) -> Iterator[Record]:
    where, fields = conversation
    identifier = as_text(fields.get("conversation_id")) or as_text(fields.get("id"))
    if not identifier or not isinstance(fields.get("mapping"), dict):
        yield Rejected(where, 'it has no "id" or no "mapping" of messages.')
        return
    mapping = as_fields(fields["mapping"])
    spoken = {key: text for key, node in mapping.items() if (text := spoken_text(as_fields(node)))}
    current = set(path_to_root(mapping, fields.get("current_node")))
    for key, text in spoken.items():
        parent = next((each for each in path_to_root(mapping, key) if each in spoken and each != key), None)
        try:
            yield document(fields, identifier, key, text, parent, key in current)
        except ValueError as error:
            yield Rejected(f"{where}, message {key!r}", f"{error}.")


def path_to_root(mapping: Fields, key: object) -> Iterator[str]:
    """The keys from a node up to the root; a circle ends it."""
    seen: set[str] = set()
    while isinstance(key, str) and key in mapping and key not in seen:
        seen.add(key)
        yield key
        key = as_fields(mapping[key]).get("parent")


def spoken_text(node: Fields) -> str:
    """What a user or the assistant said in a node; empty for system messages, tools and hidden text."""
    message = as_fields(node.get("message"))
    recipient = as_text(message.get("recipient")) or "all"
    hidden = as_fields(message.get("metadata")).get("is_visually_hidden_from_conversation") is True
    if as_fields(message.get("author")).get("role") not in ROLES or hidden:
        return ""
    if recipient not in RECIPIENTS and not recipient.startswith(CANVAS):
        return ""
    text = content_text(as_fields(message.get("content")))
    return text if text.strip() else ""


def content_text(content: Fields) -> str:
    kind = content.get("content_type")
    if kind == "code":
        return as_text(content.get("text"))
    if kind not in ("text", "multimodal_text"):
        return ""
    return "\n".join(text for part in as_items(content.get("parts")) if (text := part_text(part)))


def part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    fields = as_fields(part)
    return as_text(fields.get("text")) if fields.get("content_type") in SPOKEN_PARTS else ""


def document(
    conversation: Fields, conversation_id: str, key: str, text: str, parent: str | None, on_current_path: bool
) -> Document:
    message = as_fields(as_fields(as_fields(conversation["mapping"])[key])["message"])
    replaced: Counter[str] = Counter()
    metadata = {
        "channel": SOURCE,
        "conversation_id": conversation_id,
        "role": as_fields(message.get("author")).get("role"),
        "model": as_fields(message.get("metadata")).get("model_slug"),
        "recipient": message.get("recipient"),
        "content_type": as_fields(message.get("content")).get("content_type"),
        "parent_message_id": parent,
        "on_current_path": on_current_path,
    }
    known = {name: value for name, value in metadata.items() if value is not None}
    content = storable_text(text, replaced)
    return Document(
        source=SOURCE,
        native_id=storable_text(f"{conversation_id}/{key}", Counter()),
        content=content,
        context=storable_text(as_text(conversation.get("title")), Counter()),
        metadata={**cast(Fields, storable(known, Counter())), **counts(replaced)},
        created_at=instant_or_none(message.get("create_time"), conversation.get("create_time")),
        updated_at=instant_or_none(message.get("update_time")),
    )
