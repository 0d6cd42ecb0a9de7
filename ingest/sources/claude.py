"""Reads a Claude export: every message with its attachments and artifacts, the projects, and Claude's memory."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import cast

from ingest.sources.chats.archive import (
    Conversation,
    conversations,
    left_out,
    read_parts,
)
from ingest.sources.chats.claude_account import read_memories, read_project
from ingest.sources.chats.claude_message import contents
from ingest.sources.chats.export import ArchivePart, export, is_read
from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)
from ingest.sources.reading.instant import instant_or_none
from ingest.sources.reading.source import OnBytes, Record, ignore
from ingest.sources.reading.storable import counts, storable, storable_text
from memories.records import Document, LeftOut, Rejected

SOURCE = "claude"
ROLES = {"human": "user", "user": "user", "assistant": "assistant"}


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """One document for each message, attachment and artifact with text, then the projects and Claude's memory."""
    found = export(path)
    told = conversations(path, found, "chat_messages", on_bytes)
    return chain(chain.from_iterable(map(_read_conversation, told)), _read_besides(found.besides, on_bytes))


def _read_besides(besides: list[ArchivePart], on_bytes: OnBytes) -> Iterator[Record]:
    """Reads projects and Claude's memory; reports all other files as left out."""
    for each in read_parts([part for part in besides if is_read(part)], on_bytes):
        if isinstance(each, Rejected):
            yield each
        elif "conversations_memory" in each.fields or "project_memories" in each.fields:
            yield from read_memories(*each)
        else:
            yield from read_project(*each)
    yield from left_out([part for part in besides if not is_read(part)])


def size_bytes(path: Path) -> int | None:
    return export(path).size_bytes


def _read_conversation(conversation: Conversation | Rejected) -> Iterator[Record]:
    if isinstance(conversation, Rejected):
        yield conversation
        return
    where, fields = conversation
    if not as_text(fields.get("uuid")) or not isinstance(fields.get("chat_messages"), list):
        yield Rejected(where, 'it has no "uuid" or no "chat_messages"')
        return
    messages = [as_fields(each) for each in as_items(fields["chat_messages"])]
    identifiers = {as_text(each.get("uuid")) for each in messages}
    for number, message in enumerate(messages, start=1):
        try:
            yield from _read_message(fields, message, identifiers)
        except ValueError as error:
            yield Rejected(f"{where}, message {number}", f"{error}")


def _read_message(conversation: Fields, message: Fields, identifiers: set[str]) -> Iterator[Record]:
    if not as_text(message.get("uuid")):
        raise ValueError('it has no "uuid"')
    role = ROLES.get(as_text(message.get("sender")))
    if role is None:
        yield LeftOut("messages of unknown roles")
        return
    # The parent of a first message is a placeholder that names no message.
    parent = as_text(message.get("parent_message_uuid"))
    about: dict[str, object] = {"role": role}
    if parent in identifiers:
        about["parent_message_id"] = parent
    said = contents(message)
    known = {"files": list(said.files), "links": list(said.links)}
    if said.text.strip():
        yield _document(
            conversation, message, "", said.text, about | {key: each for key, each in known.items() if each}
        )
    for number, attached in _attachments(message):
        named = {"attachment": as_text(attached.get("file_name")), "message_id": message["uuid"]}
        text = as_text(attached.get("extracted_content"))
        yield _document(conversation, message, f"/attachment/{number}", text, about | named)
    for number, made in enumerate(said.made):
        named = {"title": made.name, "message_id": message["uuid"]}
        yield _document(conversation, message, f"/made/{number}", made.text, about | named)
    yield from (LeftOut(kind, count) for kind, count in said.left_out.items())


def _attachments(message: Fields) -> Iterator[tuple[int, Fields]]:
    """The number and fields of each attachment whose text was extracted."""
    for number, each in enumerate(map(as_fields, as_items(message.get("attachments")))):
        if as_text(each.get("extracted_content")).strip():
            yield number, each


def _document(conversation: Fields, message: Fields, suffix: str, text: str, about: Fields) -> Document:
    replaced: Counter[str] = Counter()
    metadata = {"channel": SOURCE, "conversation_id": conversation["uuid"], **about}
    content = storable_text(text, replaced)
    return Document(
        source=SOURCE,
        native_id=storable_text(f"{conversation['uuid']}/{message['uuid']}{suffix}", Counter()),
        content=content,
        context=storable_text(as_text(conversation.get("name")), Counter()),
        metadata={**cast(Fields, storable(metadata, Counter())), **counts(replaced)},
        created_at=instant_or_none(message.get("created_at"), conversation.get("created_at")),
        updated_at=instant_or_none(message.get("updated_at")),
    )
