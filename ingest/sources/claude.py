"""A Claude export: every message of every conversation, and the text of what was attached."""

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

SOURCE = "claude"
ROLES = {"human": "user", "user": "user", "assistant": "assistant"}


def read(path: Path, *, on_bytes: OnBytes = ignore) -> Iterator[Record]:
    """One document for each message that has text, and one for each attachment whose text was extracted."""
    found = conversations(path, "chat_messages", on_bytes)
    return (
        record for each in found for record in (read_conversation(each) if isinstance(each, Conversation) else [each])
    )


def size_bytes(path: Path) -> int | None:
    return sum(each.size_bytes for each in parts(path))


def read_conversation(conversation: Conversation) -> Iterator[Record]:
    where, fields = conversation
    if not as_text(fields.get("uuid")) or not isinstance(fields.get("chat_messages"), list):
        yield Rejected(where, 'it has no "uuid" or no "chat_messages".')
        return
    messages = [as_fields(each) for each in as_items(fields["chat_messages"])]
    identifiers = {as_text(each.get("uuid")) for each in messages}
    for number, message in enumerate(messages, start=1):
        try:
            yield from read_message(fields, message, identifiers)
        except ValueError as error:
            yield Rejected(f"{where}, message {number}", f"{error}.")


def read_message(conversation: Fields, message: Fields, identifiers: set[str]) -> Iterator[Document]:
    if not as_text(message.get("uuid")):
        raise ValueError('it has no "uuid"')
    role = ROLES.get(as_text(message.get("sender")))
    if role is None:
        return
    # the parent of a first message is a placeholder that names no message
    parent = as_text(message.get("parent_message_uuid"))
    about: dict[str, object] = {"role": role}
    if parent in identifiers:
        about["parent_message_id"] = parent
    file_names = [
        name for each in as_items(message.get("files")) if (name := as_text(as_fields(each).get("file_name")))
    ]
    text = message_text(message)
    if text.strip():
        yield document(conversation, message, "", text, about | ({"files": file_names} if file_names else {}))
    for number, each in enumerate(as_items(message.get("attachments"))):
        attachment = as_fields(each)
        extracted = as_text(attachment.get("extracted_content"))
        if extracted.strip():
            named = {"attachment": as_text(attachment.get("file_name")), "message_id": message["uuid"]}
            yield document(conversation, message, f"/attachment/{number}", extracted, about | named)


def message_text(message: Fields) -> str:
    """The text blocks, without thinking and tools; older exports have a plain `text` alone."""
    blocks = [as_fields(each) for each in as_items(message.get("content"))]
    if not blocks:
        return as_text(message.get("text"))
    return "\n\n".join(text for each in blocks if each.get("type") == "text" and (text := as_text(each.get("text"))))


def document(conversation: Fields, message: Fields, suffix: str, text: str, about: Fields) -> Document:
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
