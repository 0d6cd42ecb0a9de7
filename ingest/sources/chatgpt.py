"""Reads a ChatGPT export: every message of every branch of every conversation."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import cast

from ingest.sources.chats.archive import Conversation, conversations, left_out
from ingest.sources.chats.chatgpt_message import Saying, saying
from ingest.sources.chats.export import export
from ingest.sources.reading.fields import Fields, as_fields, as_text
from ingest.sources.reading.instant import instant_or_none
from ingest.sources.reading.source import OnBytes, Record, ignore
from ingest.sources.reading.storable import counts, storable, storable_text
from memories.records import Document, LeftOut, Rejected

SOURCE = "chatgpt"


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """One document for each message of a user or the assistant that has text."""
    found = export(path)
    told = conversations(path, found, "mapping", on_bytes)
    return chain(chain.from_iterable(map(_read_conversation, told)), left_out(found.besides))


def size_bytes(path: Path) -> int | None:
    return sum(each.size_bytes for each in export(path).conversations)


def _read_conversation(conversation: Conversation | Rejected) -> Iterator[Record]:
    if isinstance(conversation, Rejected):
        yield conversation
        return
    where, fields = conversation
    identifier = as_text(fields.get("conversation_id")) or as_text(fields.get("id"))
    if not identifier or not isinstance(fields.get("mapping"), dict):
        yield Rejected(where, 'it has no "id" or no "mapping" of messages')
        return
    mapping = as_fields(fields["mapping"])
    sayings = {key: saying(as_fields(as_fields(node).get("message"))) for key, node in mapping.items()}
    spoken = {key: each for key, each in sayings.items() if each.text.strip()}
    current = set(_path_to_root(mapping, fields.get("current_node")))
    for key, said in spoken.items():
        parent = next((each for each in _path_to_root(mapping, key) if each in spoken and each != key), None)
        try:
            yield _document(fields, identifier, key, said, parent, key in current)
        except ValueError as error:
            yield Rejected(f"{where}, message {key!r}", f"{error}")
    yield from (LeftOut(each.left_out) for each in sayings.values() if each.left_out)


def _path_to_root(mapping: Fields, key: object) -> Iterator[str]:
    """The keys from a node up to the root; stops at a cycle."""
    seen: set[str] = set()
    while isinstance(key, str) and key in mapping and key not in seen:
        seen.add(key)
        yield key
        key = as_fields(mapping[key]).get("parent")


def _document(
    conversation: Fields, conversation_id: str, key: str, said: Saying, parent: str | None, on_current_path: bool
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
        "files": list(said.files) or None,
    }
    known = {name: value for name, value in metadata.items() if value is not None}
    content = storable_text(said.text, replaced)
    return Document(
        source=SOURCE,
        native_id=storable_text(f"{conversation_id}/{key}", Counter()),
        content=content,
        context=storable_text(as_text(conversation.get("title")), Counter()),
        metadata={**cast(Fields, storable(known, Counter())), **counts(replaced)},
        created_at=instant_or_none(message.get("create_time"), conversation.get("create_time")),
        updated_at=instant_or_none(message.get("update_time")),
    )
