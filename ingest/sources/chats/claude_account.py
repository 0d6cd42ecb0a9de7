"""Reads a Claude export's projects, with their documents, and Claude's notes on the user."""

from collections import Counter
from collections.abc import Iterator
from typing import cast

from ingest.sources.reading.fields import (
    Fields,
    as_fields,
    as_items,
    as_text,
)
from ingest.sources.reading.instant import instant_or_none
from ingest.sources.reading.source import Record
from ingest.sources.reading.storable import counts, storable, storable_text
from memories.records import Document, Rejected

SOURCE = "claude"


def read_project(where: str, project: Fields) -> Iterator[Record]:
    """The description, the instructions and each document of a project."""
    identifier, name = as_text(project.get("uuid")), as_text(project.get("name"))
    if not identifier:
        yield Rejected(where, 'it has no "uuid"')
        return
    texts = [as_text(project.get(key)).strip() for key in ("description", "prompt_template")]
    about = "\n\n".join(text for text in texts if text)
    if about:
        yield _noted(f"project/{identifier}", about, name, {"project": name}, project)
    for number, document in enumerate(map(as_fields, as_items(project.get("docs")))):
        text, file_name = as_text(document.get("content")), as_text(document.get("filename"))
        if text.strip():
            key = as_text(document.get("uuid")) or str(number)
            yield _noted(f"project/{identifier}/{key}", text, name, {"project": name, "title": file_name}, document)


def read_memories(where: str, memories: Fields) -> Iterator[Record]:
    """Claude's notes on the user, from all conversations and from each project."""
    account = as_text(memories.get("account_uuid")) or "account"
    text = as_text(memories.get("conversations_memory"))
    if text.strip():
        yield _noted(f"memory/{account}", text, "Claude's memory", {"role": "assistant"}, memories)
    for project, value in as_fields(memories.get("project_memories")).items():
        if (text := as_text(value)).strip():
            about = {"role": "assistant", "project_id": project}
            yield _noted(f"memory/{account}/{project}", text, "Claude's memory of a project", about, memories)


def _noted(native_id: str, text: str, context: str, about: Fields, dated: Fields) -> Document:
    replaced: Counter[str] = Counter()
    content = storable_text(text, replaced)
    metadata = {"channel": SOURCE, **{key: value for key, value in about.items() if value}}
    return Document(
        source=SOURCE,
        native_id=storable_text(native_id, Counter()),
        content=content,
        context=storable_text(context, Counter()),
        metadata={**cast(Fields, storable(metadata, Counter())), **counts(replaced)},
        created_at=instant_or_none(dated.get("created_at")),
        updated_at=instant_or_none(dated.get("updated_at")),
    )
